"""Measuring in a separate process: its results, what is measured, and how it ends."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
import time
from functools import partial
from importlib import metadata
from pathlib import Path

import av
import numpy as np
import pytest

from redact.errors import Cancelled, CorruptFrames, NoVideo, RedactError, SetupIncomplete, Unexpected
from redact.evaluate.bench import STAGES, grouped, peak_memory, run_apart, transcode
from redact.evaluate.deface_benchmark import time_deface
from redact.media.encoder import Encoder
from redact.progress import Progress, silent
from tests.media.clips import make_clip

pytestmark = pytest.mark.slow

MIB = 1 << 20
X264 = Encoder("libx264", {"crf": "20", "preset": "veryfast"}, 8)


def _fill(mebibytes: int, progress: Progress) -> int:
    return int(np.ones(mebibytes * MIB, np.uint8)[:: 1 << 12].sum())


def _raise(error: type[RedactError], progress: Progress) -> None:
    raise error("It happened.", "Do this.")


def _surprise(progress: Progress) -> None:
    raise ZeroDivisionError("none")


def _die(progress: Progress) -> None:
    os._exit(7)


def _dawdle(progress: Progress) -> None:
    for done in range(600):
        progress("dawdle", done, 600)
        time.sleep(0.1)


def _chatter(progress: Progress) -> str:
    print("a library says hello")
    os.write(1, b"and so does its C half\n")
    return "said"


def test_run_apart_measures_memory_of_work_only() -> None:
    ours = np.ones(400 * MIB, np.uint8)
    little = run_apart(partial(_fill, 1), silent).peak_bytes
    much = run_apart(partial(_fill, 200), silent).peak_bytes
    own = peak_memory()
    assert little is not None
    assert much is not None
    assert own is not None
    assert own > ours.nbytes
    # The figure excludes this process's memory, which ru_maxrss would inherit.
    assert little < own - 200 * MIB
    assert 190 * MIB < much - little < 215 * MIB


@pytest.mark.parametrize("error", [NoVideo, SetupIncomplete])
def test_run_apart_passes_errors_on(error: type[RedactError]) -> None:
    with pytest.raises(error) as caught:
        run_apart(partial(_raise, error), silent)
    assert caught.value.text == error("It happened.", "Do this.").text


def test_run_apart_reports_unexpected_ends() -> None:
    with pytest.raises(Unexpected, match="ZeroDivisionError"):
        run_apart(_surprise, silent)
    with pytest.raises(Unexpected, match="exit code 7"):
        run_apart(_die, silent)


def test_run_apart_ends_process_when_cancelled() -> None:
    def progress(stage: str, done: int, total: int | None) -> None:
        if stage == "dawdle":
            raise Cancelled("Stopped on request.")

    started = time.monotonic()
    with pytest.raises(Cancelled):
        run_apart(_dawdle, progress)
    assert time.monotonic() - started < 30
    assert not multiprocessing.active_children()


def test_run_apart_keeps_stdout_clean(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_apart(_chatter, silent).value == "said"
    out, err = capfd.readouterr()
    assert out == ""
    assert "hello" in err
    assert "C half" in err


def test_stages_are_grouped_and_unknown_ones_kept() -> None:
    seconds = {"decode": 1.0, "planes": 0.5, "detect": 2.0, "convert": 0.25, "polish": 3.0}
    stages = {stage.name: stage for stage in grouped(seconds, 10)}
    assert list(stages) == [*STAGES, "polish"]
    assert {name: stage.seconds for name, stage in stages.items()} == {
        "decode": 1.5,
        "detect": 2.25,
        "track": 0,
        "mask": 0,
        "encode": 0,
        "polish": 3.0,
    }
    assert stages["decode"].ms_per_frame == 150
    assert stages["decode"].fps == pytest.approx(10 / 1.5)
    assert stages["mask"].fps is None


@pytest.mark.parametrize(
    ("size", "pix_fmt", "codec"),
    [
        ((160, 96), "yuv420p", "libx264"),
        # Odd sides and more than 8 bits, neither of which the encoder accepts unchanged.
        ((161, 97), "yuv444p10le", "libx264"),
        ((160, 96), "yuvj420p", "mjpeg"),
    ],
)
def test_transcode_takes_every_frame(tmp_path: Path, size: tuple[int, int], pix_fmt: str, codec: str) -> None:
    path = make_clip(tmp_path / "in.mkv", size=size, pix_fmt=pix_fmt, codec=codec, frames=20)
    figures = transcode(path, X264, silent)
    assert figures.frames == 20
    assert figures.seconds > 0
    assert [p.name for p in tmp_path.iterdir()] == ["in.mkv"]


def test_transcode_stopped_by_damage_is_an_error(tmp_path: Path) -> None:
    """A transcode that stops early would take less time and not be a valid floor."""
    path = make_clip(tmp_path / "in.mp4", frames=6)
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    with path.open("rb+") as file:
        for pos, size in places[2:]:
            assert pos is not None
            file.seek(pos)
            file.write(b"\xff" * size)
    with pytest.raises(CorruptFrames):
        transcode(path, X264, silent)


def test_deface_missing_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    with pytest.raises(SetupIncomplete, match="pip install deface"):
        time_deface(tmp_path / "in.mp4", tmp_path, silent)


def test_deface_failure_is_reported(tmp_path: Path) -> None:
    """deface skips a file that it does not recognise as video, but exits with code 0."""
    if importlib.util.find_spec("deface") is None:
        pytest.skip("deface is not installed")
    (tmp_path / "in.txt").write_text("Minutes of the meeting.")
    with pytest.raises(SetupIncomplete, match="made no copy"):
        time_deface(tmp_path / "in.txt", tmp_path, silent)


def test_deface_is_ended_when_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in that would run for a minute has ended when the call returns."""
    monkeypatch.setattr(metadata, "version", lambda name: "0")
    stand_in = tmp_path / "python"
    stand_in.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    stand_in.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(stand_in))

    def progress(stage: str, done: int, total: int | None) -> None:
        if (tmp_path / "pid").exists():
            raise Cancelled("Stopped on request.")

    with pytest.raises(Cancelled):
        time_deface(tmp_path / "in.mp4", tmp_path, progress)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
