"""``redact bench``: JSON, text, bad input, and no files left behind."""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path

import pytest

from redact.evaluate.bench import STAGES
from tests.cli.runner import QUICK, finish, listing, redact, start
from tests.media.clips import AudioSpec, make_clip

pytestmark = pytest.mark.slow


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_bench_json_figures_add_up(tmp_path: Path, scratch: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=30, audio=[AudioSpec()])
    before = listing(tmp_path)
    ended = redact("bench", clip, "--json", *QUICK)
    assert ended.code == 0, ended.err
    document = ended.document
    assert document["frames"] == 30
    assert [run["frames"] for run in document["floor"]["runs"]] == [30, 30]
    assert list(document["stages"])[: len(STAGES)] == list(STAGES)
    assert all(document["stages"][name]["ms_per_frame"] > 0 for name in STAGES)
    assert document["job_seconds"] == pytest.approx(document["analyse_seconds"] + document["render_seconds"])
    assert document["fps"] == pytest.approx(30 / document["job_seconds"])
    assert document["floor_ratio"] == pytest.approx(document["job_seconds"] / document["floor"]["seconds"])
    assert document["process_seconds"] > document["job_seconds"] + document["load_seconds"]
    assert document["peak_memory_bytes"] > 50 << 20
    assert document["peer"] is None
    assert document["decoder"] == "h264, in software"
    assert document["floor"]["encoder"]["encoder"] == "libx264"
    assert listing(tmp_path) == before
    assert list(scratch.iterdir()) == []


def test_bench_text_names_every_figure_and_peer(tmp_path: Path, scratch: Path) -> None:
    pytest.importorskip("deface")
    clip = make_clip(tmp_path / "in.mp4", frames=4)
    ended = redact("bench", clip, "--against", "deface", *QUICK)
    assert ended.code == 0, ended.err
    assert [line.split()[0] for line in ended.out.splitlines()[1:6]] == list(STAGES)
    for expected in (
        "end to end",
        "decoder: h264",
        "encoder: libx264",
        "transcode floor",
        "ratio to the floor",
        "deface 1",
        "times as long",
        "peak memory",
    ):
        assert expected in ended.out
    assert [p.name for p in tmp_path.iterdir() if p != scratch] == ["in.mp4"]
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "R201"),
        (b"Minutes of the meeting.\n" * 100, "R202"),
    ],
)
def test_bench_refuses_unreadable_footage(tmp_path: Path, scratch: Path, content: bytes, code: str) -> None:
    (tmp_path / "in.mp4").write_bytes(content)
    ended = redact("bench", tmp_path / "in.mp4", "--json", *QUICK)
    assert ended.code == 1
    assert [failure["code"] for failure in ended.document["failed"]] == [code]
    assert "Traceback" not in ended.err


def test_bench_keeps_error_code_of_measured_process(tmp_path: Path, scratch: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=30, container_options={"movflags": "+faststart"})
    with clip.open("rb+") as file:
        file.truncate(clip.stat().st_size * 2 // 3)
    ended = redact("bench", clip, "--json", *QUICK)
    assert ended.code == 1
    assert [failure["code"] for failure in ended.document["failed"]] in (["R205"], ["R206"])
    assert list(scratch.iterdir()) == []


def test_bench_leaves_nothing_when_stopped(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", frames=500)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = start("bench", clip, "--json", *QUICK, env={"TMPDIR": str(scratch)})
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("find"):
            break
    process.send_signal(signal.SIGINT)
    # Its pipes close only once the measured process has ended too.
    ended = finish(process)
    assert ended.code == 130
    assert [failure["code"] for failure in ended.document["failed"]] == ["R900"]
    assert list(scratch.iterdir()) == []
