"""Taking footage in: into the store, into the records, and into a case as an exhibit, all of it or nothing."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from redact.errors import FULL_ERRNOS, BadRecord, RecordExists, RedactError, StoreFull, WrongState
from redact.evidence import footage_records
from redact.evidence.camera_metadata import LONGEST_PRE_EVENT, read_camera, recorded_start, silent_start
from redact.evidence.footage_records import FootageState
from redact.evidence.frame_tables import save_table
from redact.evidence.store import DERIVED_FILES, FRAMES, PROXY, STRIP, CopiedFile, Staging, Store
from redact.frame_ranges import stretches
from redact.media.probe import probe
from redact.media.proxy import make_proxy, thumbnail_strip
from redact.media.reader import scan
from redact.media.types import FrameTable, MediaInfo
from redact.progress import Progress, silent
from redact.records import accounts, cases
from redact.records.accounts import Right
from redact.records.database import Database, UnitOfWork
from redact.records.untrusted_text import clean
from redact.records.validation import checked
from redact.retention.rules import load_rules
from redact.schema.tables import Case, Exhibit, Footage, Json
from redact.settings import Interlaced, OnCorrupt

STRIP_PICTURES, STRIP_HEIGHT = 60, 90
"""Of the thumbnail strip: how many at most, and pixels."""
LONGEST_NAME, LONGEST_WEARER = 255, 200
LARGEST_OFFSET = 100 * 366 * 86400.0
"""Seconds: a camera that lost its clock is decades off."""
MOST_RANGES = 200
_EXHIBIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,63}")


@dataclass(frozen=True, slots=True)
class EnteredDetails:
    """What a person says of footage; None where nothing was said. Raises BadRecord for what cannot be."""

    wearer: str | None
    recorded_start: datetime | None
    clock_offset_seconds: float | None
    pre_event_seconds: float | None
    retention_class: str | None

    def __post_init__(self) -> None:
        if self.recorded_start is not None and self.recorded_start.tzinfo is None:
            raise BadRecord("The start of the recording has no time zone.", "Write it as 2026-05-01T10:11:12Z.")
        if not _within(self.clock_offset_seconds, -LARGEST_OFFSET, LARGEST_OFFSET):
            raise BadRecord("The clock offset is no number of seconds, or too large.")
        if not _within(self.pre_event_seconds, 0, LONGEST_PRE_EVENT):
            raise BadRecord(f"The pre-event span is 0 to {LONGEST_PRE_EVENT:g} seconds long.")
        classes = load_rules().classes
        if self.retention_class is not None and self.retention_class not in classes:
            raise BadRecord(
                f'There is no retention class "{self.retention_class[:40]}".', f"Classes are {', '.join(classes)}."
            )


@dataclass(frozen=True, slots=True)
class _IntakeRequest:
    """What is to become of a file."""

    case: str
    exhibit: str | None
    name: str
    told: EnteredDetails

    def __post_init__(self) -> None:
        if self.exhibit is not None and not _EXHIBIT.fullmatch(self.exhibit):
            raise BadRecord(
                f'"{self.exhibit[:70]}" cannot be an exhibit reference.',
                "Use up to 64 letters, digits, spaces and . _ / -",
            )


@dataclass(frozen=True, slots=True)
class _Analysis:
    """What the file itself says."""

    media: Json
    camera: Json
    seconds: float


def add_footage(
    db: Database,
    actor: str,
    path: Path,
    *,
    case: str,
    name: str | None = None,
    exhibit: str | None = None,
    wearer: str | None = None,
    recorded_start: datetime | None = None,
    clock_offset: float | None = None,
    pre_event: float | None = None,
    retention_class: str | None = None,
    progress: Progress = silent,
    store: Store | None = None,
) -> Footage:
    """Take the file at ``path`` into the store and into ``case`` (its reference), with its exhibits.

    ``name`` is what the file was called where it comes from, if ``path`` has another name.
    ``recorded_start`` is by the camera's clock, to which ``clock_offset`` seconds are added for the true time;
    ``pre_event`` is in seconds, and measured from the sound if not given. Footage that is in the store already only
    becomes another exhibit; what is said of it then must be what the record says.

    Raises what reading, probing and decoding raise, SourceChanged, StoreFull, StoreNotWritable, BadRecord, NotAllowed,
    RecordMissing, RecordExists, WrongState (closed case, disposed footage). Then nothing was added.
    """
    told = EnteredDetails(
        checked(wearer, "wearer's name", LONGEST_WEARER) if wearer is not None else None,
        recorded_start,
        clock_offset,
        pre_event,
        retention_class,
    )
    wish = _IntakeRequest(case, exhibit, original_name(path if name is None else Path(name)), told)
    with db.reading() as session:
        accounts.require(accounts.find(session, actor), Right.INTAKE)
        _free_exhibit(_open_case(session, case), exhibit)
    store = store or Store()
    with store.staging() as staged:
        taken = staged.copy_in(path, progress)
        with db.reading() as session:
            known = _known_footage(session, taken.sha256, wish)
        looked = _analyse_staged(staged, wish.name, progress) if known is None else None
        with store.publishing(lambda sha256: _is_recorded(db, sha256)) as publication, db.writing(actor) as work:
            accounts.authorise_actor(work, Right.INTAKE)
            footage = _known_footage(work.session, taken.sha256, wish)
            kind = "footage.added" if footage is None else "exhibit.added"
            if footage is None:
                assert looked is not None  # footage is never taken out of the records
                publication.footage(staged, taken.sha256)
                footage = _record(work, taken, looked, wish)
            _add_exhibit(work, footage, wish, kind)
            return footage_records.find(work.session, taken.sha256)


def original_name(path: Path) -> str:
    """The file's name, fit for a record."""
    return clean(os.fsencode(path.name).decode("utf-8", "replace"), LONGEST_NAME) or "unnamed"


def _analyse_staged(staged: Staging, name: str, progress: Progress) -> _Analysis:
    """Read all frames, and make what goes beside the master. Errors speak of the file by ``name``, its own."""
    try:
        return _analyse(staged, progress)
    except RedactError as error:
        raise type(error)(error.happened.replace(staged.token, name), error.todo) from error


def _analyse(staged: Staging, progress: Progress) -> _Analysis:
    info = probe(staged.master)
    # Damaged frames are no reason to refuse evidence: they are noted, and whoever exports decides about them.
    table = scan(info, interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.MASK, progress=progress)
    camera = read_camera(info)
    camera["silent_start_seconds"] = silent_start(info, table.seconds(0))
    try:
        save_table(table, staged.folder / FRAMES)
        make_proxy(staged.master, staged.folder / PROXY, table=table, progress=progress)
        shown = thumbnail_strip(staged.master, table, staged.folder / STRIP, STRIP_PICTURES, STRIP_HEIGHT)
    except OSError as error:
        if error.errno in FULL_ERRNOS:
            raise StoreFull("The disk of the store ran full.", "Make room and add it again.") from error
        raise
    seconds = (int(table.pts[-1] - table.pts[0]) + table.last_duration) * table.time_base
    media = _media(info, table, seconds)
    media["strip"] = {"frames": list(shown), "height": STRIP_HEIGHT}
    media["derived"] = {name: staged.seal(name) for name in DERIVED_FILES}
    return _Analysis(media, camera, float(seconds))


def _media(info: MediaInfo, table: FrameTable, seconds: Fraction) -> Json:
    video = info.video
    rate = (video.average_rate or len(table) / seconds).limit_denominator(100_000)
    damaged = np.flatnonzero(table.corrupt)
    return {
        "container": info.container,
        "codec": video.codec,
        "width": video.upright_width,
        "height": video.upright_height,
        "rotation": video.rotation,
        "sample_aspect": _ratio(video.sample_aspect),
        "pix_fmt": video.pix_fmt,
        "bit_depth": video.bit_depth,
        "scan": video.scan.value,
        "frames": len(table),
        "keyframes": int(table.keyframe.sum()),
        "rate": _ratio(rate),
        "time_base": _ratio(video.time_base),
        "duration_seconds": round(float(seconds), 6),
        "damaged_frames": int(damaged.size),
        "damaged_ranges": [list(span) for span in stretches(damaged)[:MOST_RANGES]],
        "sound": [
            {"index": s.index, "codec": s.codec, "rate": s.sample_rate, "channels": s.channels, "layout": s.layout}
            for s in info.audio
        ],
        "not_carried_over": list(info.dropped),
    }


def _record(work: UnitOfWork, taken: CopiedFile, looked: _Analysis, wish: _IntakeRequest) -> Footage:
    told = wish.told
    start = told.recorded_start or recorded_start(looked.camera)
    measured = float(looked.camera["silent_start_seconds"])
    footage = Footage(
        sha256=taken.sha256,
        size=taken.size,
        original_name=wish.name,
        added_at=work.at,
        media=looked.media,
        camera=looked.camera,
        wearer=told.wearer or "",
        recorded_start=start,
        recorded_end=start + timedelta(seconds=looked.seconds) if start else None,
        clock_offset_seconds=told.clock_offset_seconds or 0.0,
        pre_event_seconds=measured if told.pre_event_seconds is None else told.pre_event_seconds,
        retention_class=told.retention_class or load_rules().default,
        state=FootageState.HELD.value,
        revision=0,
    )
    work.session.add(footage)
    return footage


def audited_details(footage: Footage) -> Json:
    """What retention and logs are reckoned from: in the trail, so that nobody changes it unseen."""
    return {
        "wearer": footage.wearer,
        "recorded_start": footage.recorded_start.isoformat() if footage.recorded_start else None,
        "recorded_end": footage.recorded_end.isoformat() if footage.recorded_end else None,
        "clock_offset_seconds": footage.clock_offset_seconds,
        "pre_event_seconds": footage.pre_event_seconds,
        "retention_class": footage.retention_class,
    }


def _add_exhibit(work: UnitOfWork, footage: Footage, wish: _IntakeRequest, kind: str) -> None:
    """Make an exhibit of ``footage``, and have an event of ``kind`` tell of it."""
    case = _open_case(work.session, wish.case)
    exhibit = Exhibit(case_id=case.id, reference=_free_exhibit(case, wish.exhibit))
    footage.exhibits.append(exhibit)
    body: Json = {
        "sha256": footage.sha256,
        "size": footage.size,
        "name": wish.name,
        "case": case.reference,
        "exhibit": exhibit.reference,
    }
    work.event(
        kind,
        footage_records.subject(footage.sha256),
        body | (audited_details(footage) if kind == "footage.added" else {}),
    )
    work.session.expire(footage)


def _open_case(session: Session, reference: str) -> Case:
    case = cases.find(session, reference)
    if case.state == cases.CLOSED:
        raise WrongState(f"Case {case.reference} is closed.", "Open it again first.")
    return case


def _free_exhibit(case: Case, wanted: str | None) -> str:
    """``wanted`` if nobody has it in the case, or the next number. Raises RecordExists."""
    taken = {exhibit.reference for exhibit in case.exhibits}
    if wanted in taken:
        raise RecordExists(f'Case {case.reference} has an exhibit "{wanted}" already.', "Use another reference.")
    return wanted or next(name for n in range(1, len(taken) + 2) if (name := f"BWV-{n}") not in taken)


def _find_by_hash(session: Session, sha256: str) -> Footage | None:
    return session.scalars(select(Footage).where(Footage.sha256 == sha256)).first()


def _is_recorded(db: Database, sha256: str) -> bool:
    with db.reading() as session:
        return _find_by_hash(session, sha256) is not None


def _known_footage(session: Session, sha256: str, wish: _IntakeRequest) -> Footage | None:
    """Footage that is known already, if it is. Raises unless it can become an exhibit of the case."""
    case, footage = _open_case(session, wish.case), _find_by_hash(session, sha256)
    if footage is None:
        return None
    footage_records.require_held(footage)
    for exhibit in case.exhibits:
        if exhibit.footage_id == footage.id:
            raise RecordExists(
                f"This footage is in case {case.reference} already, as exhibit {exhibit.reference}.",
                "See `redact footage show`.",
            )
    for field in ("wearer", "recorded_start", "clock_offset_seconds", "pre_event_seconds", "retention_class"):
        said, known = getattr(wish.told, field), getattr(footage, field)
        if said is not None and said != known:
            what = field.replace("_", " ")
            raise BadRecord(
                f"This footage is in the store already, and its {what} there is {known}, not {said}.",
                "Leave that out to add it to the case as it is recorded.",
            )
    return footage


def _within(value: float | None, low: float, high: float) -> bool:
    return value is None or (math.isfinite(value) and low <= value <= high)


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"
