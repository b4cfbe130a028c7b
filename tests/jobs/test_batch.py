"""Batch logic with a stand-in for redacting a file: done, skipped, failed and ignored files, and names of copies."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from redact.errors import Cancelled, CorruptFrames, InputMissing, SameFile
from redact.jobs import batch
from redact.jobs.batch import Item, Outcome, Plan, Result, copy_names, make_plan, run_batch
from redact.progress import Progress, silent
from redact.settings import AnalyseSettings, Preset, RenderSettings

FIND, HIDE = AnalyseSettings(), RenderSettings()


class Quiet:
    def start(self, number: int, total: int, item: Item) -> Progress:
        return silent


@dataclass
class FakeReport:
    master_sha256: str
    sha256: str
    frames: int = 5
    masked_frames: int = 4
    notes: tuple[str, ...] = ()


class FakeWork:
    """Copies the bytes in reverse. ``raises`` maps the name of a master to the error raised instead."""

    def __init__(self) -> None:
        self.sources: list[str] = []
        self.loads: list[AnalyseSettings] = []
        self.raises: dict[str, BaseException] = {}
        self.dies_after_copy: set[str] = set()

    def __call__(
        self,
        source: Path,
        target: Path,
        tracks_file: Path,
        finder: object,
        hide: RenderSettings,
        *,
        progress: Progress,
    ) -> tuple[None, FakeReport]:
        self.sources.append(source.name)
        if source.name in self.raises:
            raise self.raises[source.name]
        if not hide.overwrite:
            assert not target.exists()
        content = source.read_bytes()[::-1]
        target.write_bytes(content)
        tracks_file.write_text("{}")
        if source.name in self.dies_after_copy:
            os.kill(os.getpid(), signal.SIGKILL)
        return None, FakeReport(_sha(source), hashlib.sha256(content).hexdigest())


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _put_in_place(patch: pytest.MonkeyPatch) -> FakeWork:
    fake = FakeWork()
    patch.setattr(batch, "redact_file", fake)
    patch.setattr(batch, "_load", fake.loads.append)
    return fake


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> FakeWork:
    return _put_in_place(monkeypatch)


@pytest.fixture
def masters(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    for name in ("b.mov", "a/one.MP4", "a/notes.txt", ".hidden.mp4", ".trash/x.mp4"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}")
    return folder


def _run(folder: Path, output: Path, find: AnalyseSettings = FIND, hide: RenderSettings = HIDE) -> list[Result]:
    return list(run_batch(make_plan(folder, output), find, hide, Quiet()))


def _die_after_copy(masters: Path, out: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        _put_in_place(patch).dies_after_copy = {"one.MP4"}
        _run(masters, out)


def _brief(results: list[Result]) -> list[tuple[str, str, str]]:
    return [(str(r.master), r.outcome.value, r.code) for r in results]


def test_batch_copies_tree_and_skips_finished_files(work: FakeWork, masters: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    expected = [("a/one.MP4", "done", ""), ("b.mov", "done", ""), ("a/notes.txt", "ignored", "")]
    assert _brief(_run(masters, out)) == expected
    names = sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file())
    assert names == [
        "a/one.mp4", "a/one.mp4.redact.json", "a/one.tracks.json", "b.mp4", "b.mp4.redact.json", "b.tracks.json"
    ]  # fmt: skip
    assert [r.outcome for r in _run(masters, out)] == [Outcome.SKIPPED, Outcome.SKIPPED, Outcome.IGNORED]
    assert (work.sources, len(work.loads)) == (["one.MP4", "b.mov"], 1)


def test_batch_ignores_output_folder_inside_masters(work: FakeWork, masters: Path) -> None:
    _run(masters, masters / "out")
    assert [r.outcome for r in _run(masters, masters / "out")] == [Outcome.SKIPPED, Outcome.SKIPPED, Outcome.IGNORED]


@pytest.mark.parametrize("output", ["in", "in/../in", "."])  # the folder itself, under another name, its parent
def test_batch_refuses_output_among_masters(masters: Path, tmp_path: Path, output: str) -> None:
    with pytest.raises(SameFile):
        make_plan(masters, tmp_path / output)


def test_batch_refuses_file_as_folder(masters: Path, tmp_path: Path) -> None:
    with pytest.raises(InputMissing):
        make_plan(masters / "b.mov", tmp_path / "out")


@pytest.mark.parametrize(
    ("masters", "copies"),
    [
        (["a.avi", "b.mp4"], ["a.mp4", "b.mp4"]),
        (["a.avi", "a.mp4"], ["a.avi.mp4", "a.mp4.mp4"]),
        (["a.mp4", "a.MP4"], ["a.mp4.{}.mp4", "a.MP4.{}.mp4"]),  # would collide on a case-insensitive disk
        (["x/a.avi", "y/a.mp4"], ["x/a.mp4", "y/a.mp4"]),
        (["a.avi", "a.mp4", "a.avi.mov"], ["a.avi.{}.mp4", "a.mp4.mp4", "a.avi.mov.mp4"]),  # the long name is taken
    ],
)
def test_copy_names_are_unique(masters: list[str], copies: list[str]) -> None:
    paths = [Path(name) for name in masters]
    names = copy_names(paths)
    expected = [
        name.format(hashlib.sha256(os.fsencode(master)).hexdigest()[:8])
        for name, master in zip(copies, masters, strict=True)
    ]
    assert [str(names[path]) for path in paths] == expected
    assert copy_names(paths[::-1]) == names


def test_batch_continues_after_failure(work: FakeWork, masters: Path, tmp_path: Path) -> None:
    work.raises = {"one.MP4": CorruptFrames("Frames 3 to 5 cannot be decoded."), "b.mov": ZeroDivisionError("oh")}
    (masters / "c.ts").write_text("c")
    results = _run(masters, tmp_path / "out")
    assert _brief(results)[:3] == [("a/one.MP4", "failed", "R206"), ("b.mov", "failed", "R999"), ("c.ts", "done", "")]
    assert "ZeroDivisionError" in results[1].text
    assert sorted(p.name for p in (tmp_path / "out").rglob("*")) == ["c.mp4", "c.mp4.redact.json", "c.tracks.json"]


def test_batch_keeps_finished_copies_when_stopped(work: FakeWork, masters: Path, tmp_path: Path) -> None:
    work.raises = {"b.mov": Cancelled("Stopped.")}
    with pytest.raises(Cancelled):
        _run(masters, tmp_path / "out")
    work.raises = {}
    assert [r.outcome for r in _run(masters, tmp_path / "out")][:2] == [Outcome.SKIPPED, Outcome.DONE]


def test_batch_repeats_file_killed_before_its_record(work: FakeWork, masters: Path, tmp_path: Path) -> None:
    # Not os.fork: the child would inherit locks held by threads that it does not have.
    child = multiprocessing.get_context("spawn").Process(target=_die_after_copy, args=(masters, tmp_path / "out"))
    child.start()
    child.join(120)
    assert child.exitcode == -signal.SIGKILL
    assert (tmp_path / "out/a/one.mp4").exists()
    assert [r.outcome for r in _run(masters, tmp_path / "out")][:2] == [Outcome.DONE, Outcome.DONE]
    assert [r.outcome for r in _run(masters, tmp_path / "out")][:2] == [Outcome.SKIPPED, Outcome.SKIPPED]


def _touch_master(masters: Path, out: Path) -> None:
    os.utime(masters / "b.mov", (1, 1))


def _change_master(masters: Path, out: Path) -> None:
    (masters / "b.mov").write_text("new content")


def _swap_master(masters: Path, out: Path) -> None:
    (masters / "b.mov").write_text("CONTENT OF B.MOV")  # of the same length


def _change_copy(masters: Path, out: Path) -> None:
    (out / "b.mp4").write_bytes(b"x" * (out / "b.mp4").stat().st_size)


def _lose_record(masters: Path, out: Path) -> None:
    (out / "b.mp4.redact.json").unlink()


def _damage_record(masters: Path, out: Path) -> None:
    (out / "b.mp4.redact.json").write_text("[" * 5000)


def _strip_record(masters: Path, out: Path) -> None:
    path = out / "b.mp4.redact.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "master": None, "copy": 7}))


@pytest.mark.parametrize(
    ("change", "finished"),
    [
        (_touch_master, True),  # same content under a new time
        (_change_master, False),
        (_swap_master, False),
        (_change_copy, False),
        (_lose_record, False),
        (_damage_record, False),
        (_strip_record, False),
    ],
)
def test_batch_record_must_match_master_and_copy(
    work: FakeWork, masters: Path, tmp_path: Path, change: object, finished: bool
) -> None:
    out = tmp_path / "out"
    _run(masters, out)
    assert callable(change)
    change(masters, out)
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    result = _run(masters, out)[1]
    assert (result.outcome, result.code) == ((Outcome.SKIPPED, "") if finished else (Outcome.FAILED, "R110"))
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before
    if not finished:
        assert [r.outcome for r in _run(masters, out, hide=RenderSettings(overwrite=True))][:2] == [
            Outcome.SKIPPED,
            Outcome.DONE,
        ]


def test_batch_refuses_copy_made_with_other_settings(work: FakeWork, masters: Path, tmp_path: Path) -> None:
    _run(masters, tmp_path / "out")
    other = _run(masters, tmp_path / "out", find=AnalyseSettings(preset=Preset.THOROUGH))
    assert [(r.outcome, r.code) for r in other][:2] == [(Outcome.FAILED, "R110")] * 2
    assert "other settings" in other[0].text


def test_plan_skips_links_and_pipes(work: FakeWork, masters: Path, tmp_path: Path) -> None:
    (masters / "loop").symlink_to(masters)
    (masters / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    os.mkfifo(masters / "pipe.mp4")
    plan: Plan = make_plan(masters, tmp_path / "out")
    assert [str(i.master) for i in plan.items] == ["a/one.MP4", "b.mov", "gone.mp4"]
    assert [str(p) for p in plan.ignored] == ["a/notes.txt", "loop", "pipe.mp4"]
    outcomes = {str(r.master): r.code for r in _run(masters, tmp_path / "out") if r.outcome is Outcome.FAILED}
    assert outcomes == {"gone.mp4": "R200"}
