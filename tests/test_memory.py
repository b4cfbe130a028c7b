"""Memory does not grow with the length of the footage.

``python -m tests.test_memory --full`` measures with the real detectors: a 10-minute 1080p clip against
a 1-minute one. That takes several times as long as the clips.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path
from unittest.mock import patch

import av
import numpy as np
import pytest
from av.stream import Stream
from numpy.typing import NDArray

from redact.cli.shared.options import encode_settings
from redact.evaluate.bench import JobFigures, ProcessResult, run_apart, run_job
from redact.progress import Progress, silent
from redact.settings import (
    AnalyseSettings,
    EncodeSettings,
    Preset,
    RenderSettings,
    SoundEffect,
    SoundSpan,
    VideoCodec,
)
from tests.media.clips import AudioSpec, make_clip
from tests.test_fuzz import stand_in

MIB = 1 << 20
ALLOWED = 50 * MIB
SIZE = (1920, 1080)
ROUND = 25
"""Frames of the clip that longer clips repeat."""


def _picture(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A still street with a square moving around part of it."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    picture = np.stack([x % 256, y % 256, (x + y) // 12 % 256], axis=2).astype(np.uint8)
    left = 300 + 12 * (index % ROUND)
    picture[400:520, left : left + 120] = 200
    return picture


def _portrait(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The same with a moving face instead of the square."""
    from skimage import data

    picture = _picture(index, size)
    face = data.astronaut()
    left = 300 + 12 * (index % ROUND)
    picture[300 : 300 + face.shape[0], left : left + face.shape[1]] = face
    return picture


def long_clip(path: Path, frames: int, *, face: bool = False) -> Path:
    """1080p, 25 frames a second, with sound: one second, encoded once and repeated."""
    one = path.with_name("second.mp4")
    make_clip(
        one,
        size=SIZE,
        frames=ROUND,
        gop=ROUND,
        audio=[AudioSpec()],
        options={"preset": "ultrafast"},
        picture=_portrait if face else _picture,
    )
    with av.open(str(one)) as source, av.open(str(path), "w") as out:
        streams = [out.add_stream_from_template(stream) for stream in source.streams]
        packets = [packet for packet in source.demux() if packet.size and 0 <= (packet.pts or 0) < _second(packet)]
        for repeat in range(frames // ROUND):
            for packet in packets:
                assert packet.pts is not None and packet.dts is not None and packet.duration is not None
                second = _second(packet)
                copy: av.Packet[Stream] = av.Packet(bytes(packet))
                copy.stream, copy.time_base = streams[packet.stream.index], packet.time_base
                copy.pts, copy.dts = packet.pts + repeat * second, packet.dts + repeat * second
                # Packets of sound do not fill a second exactly.
                copy.duration, copy.is_keyframe = min(packet.duration, second - packet.pts), packet.is_keyframe
                out.mux(copy)
    one.unlink()
    return path


def _second(packet: av.Packet[Stream]) -> int:
    """In units of the packet's time base."""
    assert packet.time_base is not None
    return round(1 / packet.time_base)


def _with_stand_in(source: Path, target: Path, progress: Progress) -> JobFigures:
    """Sound is also edited, so that it is in memory as samples."""
    hide = RenderSettings(encode=EncodeSettings(preset="ultrafast"), spans=(SoundSpan(1.0, 2.0, SoundEffect.BLEEP),))
    with patch("redact.pipeline.analysis.make_detectors", stand_in):
        return run_job(source, target, AnalyseSettings(("plate",), Preset.FAST), hide, progress)


@pytest.mark.slow
def test_peak_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    """800 more frames: keeping one in a hundred would be 24 MiB, keeping a tenth of each 240."""
    peaks = []
    for frames in (100, 900):
        clip = long_clip(tmp_path / f"{frames}.mp4", frames)
        ran = run_apart(partial(_with_stand_in, clip, tmp_path / "copy.mp4"), silent)
        (tmp_path / "copy.mp4").unlink()
        assert ran.value.frames == ran.value.masked_frames == frames
        assert ran.peak_bytes is not None
        peaks.append(ran.peak_bytes)
    print(f"peaks: {[peak // MIB for peak in peaks]} MiB")
    assert peaks[1] - peaks[0] < ALLOWED


def full(classes: tuple[str, ...], preset: Preset) -> int:
    """Measure with the real detectors; returns the exit code."""
    ran: list[ProcessResult[JobFigures]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for minutes in (1, 10):
            clip = long_clip(Path(scratch) / f"{minutes}.mp4", minutes * 60 * 25, face=True)
            find, target = AnalyseSettings(classes, preset), Path(scratch) / "copy.mp4"
            hide = RenderSettings(encode=encode_settings(VideoCodec.H264, None, None, preset))
            ran.append(run_apart(partial(run_job, clip, target, find, hide), silent))
            target.unlink()
            of = ran[-1]
            print(
                f"{minutes} min: {of.value.frames} frames, {of.value.tracks} tracks, {of.value.masked_frames} masked, "
                f"{of.seconds:.0f} s, peak {(of.peak_bytes or 0) / MIB:.0f} MiB",
                flush=True,
            )
    more = (ran[1].peak_bytes or 0) - (ran[0].peak_bytes or 0)
    print(f"{more / MIB:+.0f} MiB, allowed {ALLOWED / MIB:.0f}")
    return 0 if more < ALLOWED else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.test_memory", description=__doc__)
    parser.add_argument("--full", action="store_true", required=True)
    parser.add_argument("--classes", default="face")
    parser.add_argument("--preset", type=Preset, default=Preset.FAST)
    options = parser.parse_args()
    sys.exit(full(tuple(options.classes.split(",")), options.preset))
