"""Batches: redact a folder tree into another, resumable at any point.

A copy is *finished* when the record beside it, ``<copy>.redact.json``, says so: it was made from this master with these
settings, and its bytes have not changed since. Finished files are skipped. While a file is being processed its record
says ``working``; whatever a killed batch left in that state is done again. Any other file at the place of a copy is an
error, unless overwriting is allowed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from redact import __version__
from redact.errors import (
    Cancelled,
    DeviceMissing,
    InputMissing,
    ModelHashMismatch,
    ModelMissing,
    ModelUnusable,
    OutputExists,
    OutputNotWritable,
    RedactError,
    SameFile,
    UnknownClass,
)
from redact.jobs.failures import as_failure
from redact.jobs.single_file import redact_file
from redact.media.containers import FOOTAGE_SUFFIXES
from redact.media.hashing import hash_file
from redact.progress import Progress
from redact.settings import AnalyseSettings, RenderSettings

if TYPE_CHECKING:
    from redact.pipeline.analysis import Analyser

"""Files with these suffixes count as footage, whatever their content; all others are listed as ignored."""

RECORD_FORMAT = "redact-batch/1"
FATAL = (Cancelled, DeviceMissing, ModelMissing, ModelHashMismatch, ModelUnusable, UnknownClass)
"""Failures that would affect every other file too: the batch ends at the first."""


class Outcome(StrEnum):
    """Outcome for a file."""

    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Item:
    """A master and its copy, both relative to their folders."""

    master: Path
    copy: Path


@dataclass(frozen=True, slots=True)
class Plan:
    """What a batch will do, in order. ``ignored`` are files and links that are not footage."""

    folder: Path
    output: Path
    items: tuple[Item, ...]
    ignored: tuple[Path, ...]
    unreadable: tuple[Path, ...] = ()
    """Folders that cannot be read."""


@dataclass(frozen=True, slots=True)
class Result:
    """Result for one file. ``code`` and ``text`` are those of the error if it failed."""

    master: Path
    outcome: Outcome
    copy: Path | None = None
    code: str = ""
    text: str = ""
    frames: int = 0
    notes: tuple[str, ...] = field(default=())


class BatchProgress(Protocol):
    """Receives each file that is started and returns the progress callback for it."""

    def start(self, number: int, total: int, item: Item) -> Progress:
        """Called before file ``number`` (from 1) of ``total``."""
        ...


def make_plan(folder: Path, output: Path) -> Plan:
    """Plan a batch for ``folder``. Skips hidden entries, ``output`` itself and links to folders.

    Raises :class:`InputMissing`, or :class:`SameFile` if ``output`` is ``folder`` or contains it, since copies could
    then end up among the masters.
    """
    if not folder.is_dir():
        raise InputMissing(f"{folder} is not a folder.", "Give a folder, or use `redact run` for a single file.")
    inside, outside = folder.resolve(), output.resolve()
    if outside == inside or outside in inside.parents:
        raise SameFile("The output folder contains the masters.", "Give a separate folder for the copies.")
    footage: list[Path] = []
    ignored: list[Path] = []
    unreadable: list[Path] = []
    for path in sorted(_entries(folder, outside, unreadable)):
        # A broken link counts as missing footage. A pipe or device is not footage: reading it might never end.
        is_footage = path.suffix.lower() in FOOTAGE_SUFFIXES and (path.is_file() or not path.exists())
        (footage if is_footage else ignored).append(path.relative_to(folder))
    copies = copy_names(footage)
    items = tuple(Item(master, copies[master]) for master in footage)
    return Plan(folder, output, items, tuple(ignored), tuple(sorted(path.relative_to(folder) for path in unreadable)))


def _entries(folder: Path, skip: Path, unreadable: list[Path]) -> Iterator[Path]:
    """All files and links below ``folder``, whatever the links point to."""
    for parent, folders, files in os.walk(folder, onerror=lambda error: unreadable.append(Path(error.filename))):
        here = Path(parent)
        links = [name for name in folders if (here / name).is_symlink()]
        folders[:] = [n for n in folders if n not in links and not n.startswith(".") and (here / n).resolve() != skip]
        yield from (here / name for name in (*files, *links) if not name.startswith("."))


def copy_names(masters: list[Path]) -> dict[Path, Path]:
    """The path of each copy: the master's path with the suffix ``.mp4``.

    Masters whose copies would share a name (ignoring case) keep their suffix: ``a.avi`` and ``a.mp4`` become
    ``a.avi.mp4`` and ``a.mp4.mp4``. If names still collide, a hash of the path is added. The names depend only on the
    set of masters, not on their order.
    """
    levels = dict.fromkeys(masters, 0)
    while True:
        names = {master: _name(master, level) for master, level in levels.items()}
        count = Counter(str(name).casefold() for name in names.values())
        colliding = [m for m, name in names.items() if count[str(name).casefold()] > 1 and levels[m] < 2]
        if not colliding:
            return names
        for master in colliding:
            levels[master] += 1


def _name(master: Path, level: int) -> Path:
    digest = hashlib.sha256(os.fsencode(master)).hexdigest()[:8]
    return master.with_name((f"{master.stem}.mp4", f"{master.name}.mp4", f"{master.name}.{digest}.mp4")[level])


def run_batch(plan: Plan, find: AnalyseSettings, hide: RenderSettings, progress_of: BatchProgress) -> Iterator[Result]:
    """Carry out the plan and yield the result of each file when it is ready.

    A failing file does not stop the others. Raises the errors in :data:`FATAL`; the files before are then complete.
    """
    settings = settings_record(find, hide)
    finder = cache(lambda: _load(find))
    for number, item in enumerate(plan.items, start=1):
        progress = progress_of.start(number, len(plan.items), item)
        try:
            yield _one(plan, item, settings, finder=finder, hide=hide, progress=progress)
        except FATAL:
            raise
        except Exception as error:  # an unexpected error in one file must not stop the others
            failure = as_failure(error)
            yield Result(item.master, Outcome.FAILED, code=failure.code, text=failure.text)
    for folder in plan.unreadable:
        failure = InputMissing("This folder cannot be read.", "Check its permissions.")
        yield Result(folder, Outcome.FAILED, code=failure.code, text=failure.text)
    yield from (Result(path, Outcome.IGNORED) for path in plan.ignored)


def _load(find: AnalyseSettings) -> Analyser:
    """Load the detectors. A batch loads them once, and only if they are needed."""
    from redact.pipeline.analysis import Analyser

    return Analyser(find)


def _one(
    plan: Plan,
    item: Item,
    settings: dict[str, object],
    *,
    finder: Callable[[], Analyser],
    hide: RenderSettings,
    progress: Progress,
) -> Result:
    master, copy = plan.folder / item.master, plan.output / item.copy
    record_file = copy.with_name(f"{copy.name}.redact.json")
    record, stamp = _read_record(record_file), _stamp(master)
    reason = redo_reason(record, master, copy, settings, progress)
    if not reason:
        return Result(item.master, Outcome.SKIPPED, item.copy)
    ours = record.get("state") == "working"
    if os.path.lexists(copy) and not (hide.overwrite or ours):
        raise OutputExists(f"{copy} already exists, but {reason}.", "Use --overwrite to make it again.")
    made = _make_folders(copy.parent)
    before = record_file.read_bytes() if record_file.exists() else None
    try:
        _write_record(record_file, {"state": "working"})
        tracks_file = copy.with_name(f"{copy.stem}.tracks.json")
        hide = replace(hide, overwrite=hide.overwrite or ours)
        _, report = redact_file(master, copy, tracks_file, finder(), hide, progress=progress)
    except BaseException:
        _undo(record_file, before, made)
        raise
    finished = {
        "state": "finished",
        "made_by": f"redact {__version__}",
        "master": {"path": str(item.master), "sha256": report.master_sha256, **stamp},
        "settings": settings,
        "copy": {"sha256": report.sha256, "size": copy.stat().st_size},
        "frames": report.frames,
        "masked_frames": report.masked_frames,
        "notes": list(report.notes),
    }
    _write_record(record_file, finished)
    return Result(item.master, Outcome.DONE, item.copy, frames=report.frames, notes=tuple(report.notes))


def redo_reason(
    record: dict[str, object], master: Path, copy: Path, settings: dict[str, object], progress: Progress
) -> str:
    """Why the copy of this master has to be made again with these settings; empty if it is finished.

    Reads the whole copy, because a truncated or changed copy must not count. A master with the size and time in the
    record is taken to be unchanged.
    """
    checks: tuple[tuple[Callable[[], bool], str], ...] = (
        (lambda: bool(record), "it has no record of how it was made"),
        (lambda: record.get("state") == "finished", "the work on it was interrupted"),
        (lambda: record.get("settings") == settings, "it was made with other settings"),
        (lambda: _is_master(_section(record, "master"), master, progress), "the master has changed since"),
        (copy.is_file, "it is not a file"),
        (lambda: _has_content(_section(record, "copy"), copy, progress), "it has changed since it was made"),
    )
    return next((why for holds, why in checks if not holds()), "")


def _is_master(recorded: dict[str, object], master: Path, progress: Progress) -> bool:
    # A copied or restored master has a new time and the same content.
    same_stamp = all(recorded.get(key) == value for key, value in _stamp(master).items())
    return same_stamp or _has_content(recorded, master, progress)


def _has_content(recorded: dict[str, object], path: Path, progress: Progress) -> bool:
    return recorded.get("size") == path.stat().st_size and recorded.get("sha256") == hash_file(path, progress)


def _section(record: dict[str, object], name: str) -> dict[str, object]:
    untrusted = record.get(name)
    return untrusted if isinstance(untrusted, dict) else {}


def settings_record(find: AnalyseSettings, hide: RenderSettings) -> dict[str, object]:
    """The settings that decide what a copy looks like, as JSON. Your own models appear as hashes of their content.

    Raises :class:`ModelMissing`.
    """
    analysis, rendering = asdict(find), asdict(hide)
    del analysis["device"], rendering["device"], rendering["overwrite"]
    try:
        analysis["models"] = [hash_file(Path(path)) for path in find.models]
    except InputMissing as error:
        raise ModelMissing(error.happened, error.todo) from error
    record: dict[str, object] = json.loads(json.dumps({"find": analysis, "hide": rendering}))
    return record


def _stamp(master: Path) -> dict[str, int]:
    try:
        facts = master.stat()
    except OSError as error:
        raise InputMissing(f"{master} cannot be read: {error.strerror}.", "Check the file.") from error
    return {"size": facts.st_size, "mtime_ns": facts.st_mtime_ns}


def _read_record(path: Path) -> dict[str, object]:
    """The record; empty if there is none or it cannot be read."""
    try:
        untrusted = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return untrusted if isinstance(untrusted, dict) and untrusted.get("format") == RECORD_FORMAT else {}


def _write_record(path: Path, record: dict[str, object]) -> None:
    from redact.track.file import write_file

    write_file(path, json.dumps({"format": RECORD_FORMAT, **record}, indent=2).encode() + b"\n", overwrite=True)


def _make_folders(folder: Path) -> list[Path]:
    """Create ``folder`` and its parents. Returns the new ones, innermost first."""
    missing = []
    at = folder
    while not at.exists():
        missing.append(at)
        at = at.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputNotWritable(f"{folder} cannot be created: {error.strerror}.", "Choose another folder.") from error
    return missing


def _undo(record_file: Path, before: bytes | None, made: list[Path]) -> None:
    """Restore the folder after a failure."""
    with suppress(OSError, RedactError):
        if before is None:
            record_file.unlink(missing_ok=True)
        else:
            from redact.track.file import write_file

            write_file(record_file, before, overwrite=True)
        for folder in made:
            folder.rmdir()
