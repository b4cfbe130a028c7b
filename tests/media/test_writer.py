from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from redact.demo.scene import speech
from redact.errors import (
    BadUsage,
    DiskFull,
    EncodeFailed,
    FrameCountMismatch,
    OutputExists,
    OutputNotWritable,
    RedactError,
    SameFile,
)
from redact.media.encoder_frames import to_frame
from redact.media.parity import ExpectedSound, verify_copy
from redact.media.part_file import PartFile, remove_stale_parts
from redact.media.types import ColourTags, FrameTable, PlanarImage
from redact.media.writer import CopyWriter, check_target, media_time_base
from redact.settings import EncodeSettings, VideoCodec
from tests.media.clips import AudioSpec, make_clip, read_index
from tests.media.copying import describe, heard, leftovers, payloads, pictures, times, tracks, write_copy

JITTER = [126001 + 3003 * i + i % 3 for i in range(14)]
MIXED = [0, 40, 80, 200, 210, 211, 400, 800, 1200, 1210]


# --- the picture's timestamps -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", VideoCodec)
@pytest.mark.parametrize(
    ("suffix", "pts", "base", "rate"),
    [
        (".mp4", None, None, 25),  # constant rate
        (".mkv", None, None, Fraction(30000, 1001)),  # NTSC, rounded to milliseconds by its container
        (".mp4", None, None, Fraction(30000, 1001)),  # NTSC, exact
        (".mkv", MIXED, Fraction(1, 1000), 25),  # variable: 1 ms apart beside 0.4 s
        (".mp4", JITTER, Fraction(1, 90000), 25),  # starts 1.4 s late, not at a round fraction of a second
        (".mp4", [7], Fraction(1, 25), 25),  # a single frame, late
        (".mp4", [0, 5], Fraction(1, 25), 25),  # fewer frames than encoders reorder
        (".mp4", [30 * i for i in range(9)], Fraction(1, 1), 25),  # half a minute between frames
    ],
)
def test_writer_keeps_every_timestamp(
    tmp_path: Path, *, codec: VideoCodec, suffix: str, pts: list[int] | None, base: Fraction | None, rate: Fraction
) -> None:
    master = make_clip(tmp_path / f"m{suffix}", rate=rate, pts=pts, time_base=base, bframes=2)
    _, table = describe(master)
    report = write_copy(master, tmp_path / "c.mp4", EncodeSettings(codec))
    assert times(tmp_path / "c.mp4") == [table.seconds(i) for i in range(len(table))]
    assert report.frames == len(table)
    assert report.notes == ()


def test_writer_writes_single_hevc_frame(tmp_path: Path) -> None:
    # x265 reads decoding times of such short clips from uninitialised memory: wrong one time in four.
    master = make_clip(tmp_path / "m.mp4", frames=1)
    for _ in range(20):
        write_copy(master, tmp_path / "c.mp4", EncodeSettings(VideoCodec.HEVC), overwrite=True)


def test_writer_shifts_timeline_that_starts_before_zero(tmp_path: Path) -> None:
    master = make_clip(tmp_path / "m.mp4", audio=[AudioSpec()])
    info, table = describe(master)
    early = FrameTable(table.pts - 1536, table.keyframe, table.corrupt, table.time_base, table.last_duration)
    with CopyWriter(tmp_path / "c.mp4", info, early, EncodeSettings(), tracks(info)) as writer:
        for index, image in enumerate(pictures(info)):
            writer.write(index, image)
        report = writer.finish()
    late = Fraction(1536, 12800)
    assert times(tmp_path / "c.mp4") == [early.seconds(i) + late for i in range(len(early))]
    with av.open(str(tmp_path / "c.mp4")) as copy:
        start = copy.streams.audio[0].start_time
        assert start is not None
        # The sound was at 0 and keeps its offset from the picture; it may begin one packet of run-up earlier.
        assert late - Fraction(1100, 48000) <= start * Fraction(1, 48000) <= late
    assert any("before time 0" in note for note in report.notes)


def test_writer_refuses_timestamps_mp4_cannot_store() -> None:
    def table(pts: list[int], base: Fraction) -> FrameTable:
        flags = np.zeros(len(pts), bool)
        return FrameTable(np.array(pts, np.int64), flags, flags, base, pts[1] - pts[0])

    nano = Fraction(1, 10**9)
    assert media_time_base(table([0, 40_000_001], nano)) == nano
    # Too far apart in nanoseconds, but all are whole tenths of a second.
    assert media_time_base(table([0, 5 * 10**9, 5_100_000_000], nano)) <= Fraction(1, 10)
    with pytest.raises(EncodeFailed):
        media_time_base(table([0, 5 * 10**9, 5_100_000_001], nano))


# --- the picture ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "size", "source", "expected"),
    [
        (VideoCodec.H264, "yuv420p", (160, 96), "libx264", "yuv420p"),
        (VideoCodec.H264, "yuv420p10le", (160, 96), "libx265", "yuv420p"),  # 10 bit H.264 would not play
        (VideoCodec.HEVC, "yuv420p10le", (160, 96), "libx265", "yuv420p10le"),
        (VideoCodec.AV1, "yuv420p10le", (160, 96), "libx265", "yuv420p10le"),
        (VideoCodec.H264, "yuv444p", (161, 97), "libx264", "yuv420p"),  # odd both ways
        (VideoCodec.HEVC, "yuvj422p", (161, 96), "mjpeg", "yuvj420p"),  # odd across, full range
        (VideoCodec.H264, "yuvj420p", (160, 97), "mjpeg", "yuvj420p"),  # odd down
    ],
)
def test_writer_keeps_pictures_and_their_order(
    tmp_path: Path, *, codec: VideoCodec, pix_fmt: str, size: tuple[int, int], source: str, expected: str
) -> None:
    master = make_clip(tmp_path / "m.mkv", codec=source, pix_fmt=pix_fmt, size=size, frames=20)
    # SVT-AV1's fast presets are coarse on edges as hard as these; from 10 on they even show stale pictures.
    preset = "5" if codec is VideoCodec.AV1 else None
    report = write_copy(master, tmp_path / "c.mp4", EncodeSettings(codec, quality=10, preset=preset))
    with av.open(str(tmp_path / "c.mp4")) as copy, av.open(str(master)) as original:
        for index, (frame, before) in enumerate(zip(copy.decode(video=0), original.decode(video=0), strict=True)):
            assert frame.format.name == expected
            assert (frame.width, frame.height) == (size[0] + size[0] % 2, size[1] + size[1] % 2)
            rgb = frame.to_ndarray(format="rgb24")[: size[1], : size[0]].astype(np.uint8)
            assert read_index(rgb) == index
            assert np.mean((rgb - before.to_ndarray(format="rgb24").astype(float)) ** 2) < 255**2 / 10**3.5
    assert (size[0] % 2 or size[1] % 2) == any("padded" in note for note in report.notes)
    assert (expected == "yuv420p" and "10" in pix_fmt) == any("10-bit" in note for note in report.notes)


@pytest.mark.skipif(os.geteuid() != 0, reason="SVT-AV1 takes the processor for itself only as root")
def test_encoder_threads_keep_ordinary_priority(tmp_path: Path) -> None:
    master = make_clip(tmp_path / "m.mp4", frames=3)
    info, table = describe(master)
    policies: list[int] = []
    with CopyWriter(tmp_path / "c.mp4", info, table, EncodeSettings(VideoCodec.AV1), tracks(info)) as writer:
        for index, image in enumerate(pictures(info)):
            writer.write(index, image)
            policies += [os.sched_getscheduler(int(task.name)) for task in Path("/proc/self/task").iterdir()]
        writer.finish()
    assert len(policies) > 10
    assert set(policies) == {os.SCHED_OTHER}


def test_writer_is_deterministic(tmp_path: Path) -> None:
    master = make_clip(tmp_path / "a.mp4", size=(320, 192), frames=15, options={"crf": "10"})

    def copy(number: int) -> str:
        return write_copy(master, tmp_path / f"{number}.mp4").sha256

    # Several at once: races show when threads have to wait for one another.
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(copy, range(60)))) == 1


def test_encoder_frame_pads_and_rounds() -> None:
    luma = torch.tensor([[0, 4, 1023], [8, 6, 5], [1, 2, 3]], dtype=torch.int16)
    chroma = torch.tensor([[512, 1020], [100, 200]], dtype=torch.int16)
    frame = to_frame(PlanarImage((luma, chroma, chroma), 10, (1, 1)), 8)
    plane = np.frombuffer(memoryview(frame.planes[0]), np.uint8).reshape(4, -1)[:, :4]
    # 6 / 4 rounds up, 5 / 4 down; 1023 must not wrap to 0.
    assert plane.tolist() == [[0, 1, 255, 255], [2, 2, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1]]


def test_writer_keeps_colour_and_pixel_aspect(tmp_path: Path) -> None:
    master = make_clip(tmp_path / "m.mp4", colour=(9, 14, 9, 1), sar=Fraction(4, 3))
    for codec in VideoCodec:
        target = tmp_path / f"{codec}.mp4"
        write_copy(master, target, EncodeSettings(codec))
        info, _ = describe(target)
        assert info.video.colour == ColourTags(9, 14, 9, full_range=False)
        assert info.video.sample_aspect == Fraction(4, 3)


# --- sound ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mp4", "aac"), (".ts", "aac"), (".mkv", "libopus"), (".mp4", "ac3"), (".mkv", "flac")]
)
def test_writer_copies_sound_packets_if_possible(tmp_path: Path, suffix: str, codec: str) -> None:
    master = make_clip(tmp_path / f"m{suffix}", frames=25, audio=[AudioSpec(codec, language="deu")])
    report = write_copy(master, tmp_path / "c.mp4")
    assert report.notes == ()
    before, after = payloads(master), payloads(tmp_path / "c.mp4")
    # An ADTS header of 7 bytes stands before each AAC packet in a transport stream.
    assert after == ([payload[7:] for payload in before] if suffix == ".ts" else before)
    if suffix != ".ts":
        with av.open(str(tmp_path / "c.mp4")) as copy:
            assert copy.streams.audio[0].language == "deu"


def test_writer_keeps_sound_tracks(tmp_path: Path) -> None:
    audio = [
        AudioSpec("pcm_s16le", frequency=300),
        AudioSpec("aac", frequency=500, start=Fraction(2), seconds=Fraction(1)),  # long silent start
        AudioSpec("pcm_u8", rate=8000, frequency=700, start=Fraction(1)),  # re-encoded, late
    ]
    master = make_clip(tmp_path / "m.mkv", frames=75, audio=audio)
    report = write_copy(master, tmp_path / "c.mp4")
    assert [note[:32] for note in report.notes] == [
        "sound track 1: pcm_s16le re-enco",
        "sound track 3: pcm_u8 re-encoded",
        "sound track 3: written at 32000 ",
    ]
    for number, spec in enumerate(audio):
        samples, rate = heard(tmp_path / "c.mp4", number)
        loud = np.flatnonzero(np.abs(samples) > 0.1)
        assert loud[0] / rate == pytest.approx(float(spec.start), abs=0.002)
        middle = samples[loud[0] + rate // 4 : loud[0] + rate // 2]
        peak = np.argmax(np.abs(np.fft.rfft(middle))) * rate / middle.size
        assert peak == pytest.approx(spec.frequency, abs=10)


class Delaying:
    """Returns its input late, with samples [start, end) silenced."""

    def __init__(self, lag: int, start: int = 0, end: int = 0) -> None:
        self._lag, self._start, self._end = lag, start, end
        self._held: NDArray[np.float32] | None = None
        self._taken = 0

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        at = np.arange(self._taken, self._taken + block.shape[1])
        self._taken += block.shape[1]
        block = np.where((at >= self._start) & (at < self._end), np.float32(0), block)
        held = block if self._held is None else np.concatenate([self._held, block], axis=1)
        ready = max(0, held.shape[1] - self._lag)
        self._held = held[:, ready:]
        return held[:, :ready]

    def flush(self) -> NDArray[np.float32]:
        assert self._held is not None
        return self._held


def make_clicks(path: Path, codec: str, rate: int, start: Fraction, clicks: list[int]) -> Path:
    """A clip whose two seconds of sound are silence but for a burst at each sample of ``clicks``."""
    wave = np.zeros((1, 2 * rate), np.float32)
    for click in clicks:
        wave[:, click : click + 32] = np.random.default_rng(click).uniform(-0.7, 0.7, 32)
    return add_sound(path, codec, rate, start, wave)


def add_sound(path: Path, codec: str, rate: int, start: Fraction, wave: NDArray[np.float32]) -> Path:
    """A clip with the samples ``wave`` (1, n) from ``start`` seconds on."""
    picture = make_clip(path.with_name("picture.mp4"), frames=40)
    with av.open(str(picture)) as source, av.open(str(path), "w") as out:
        video = out.add_stream_from_template(source.streams.video[0])
        sound = out.add_stream(codec, rate=rate)
        assert isinstance(sound, av.AudioStream)
        sound.codec_context.layout = av.AudioLayout("mono")
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = video
                out.mux(packet)
        for begin in range(0, wave.shape[1], 1000):
            part = np.ascontiguousarray(wave[:, begin : begin + 1000])
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = round(start * rate) + begin
            resampler = av.AudioResampler(format=sound.codec_context.format, layout="mono", rate=rate)
            for ready in resampler.resample(frame):
                out.mux(sound.encode(ready))
        out.mux(sound.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "rate", "start"),
    [
        ("m.mov", "pcm_s16le", 48000, Fraction(0)),
        ("m.mov", "pcm_s16le", 44100, Fraction(1, 2)),  # only a very fine common unit with the picture
        ("m.mp4", "aac", 48000, Fraction(0)),  # the encoder's delay twice over
        ("m.mov", "pcm_s16le", 8000, Fraction(1, 4)),
    ],
)
def test_writer_places_edited_sound_to_the_sample(
    tmp_path: Path, name: str, codec: str, rate: int, start: Fraction
) -> None:
    clicks = [rate // 4 + 7, rate + 333, rate + rate // 2 + 1]
    master = make_clicks(tmp_path / name, codec, rate, start, clicks)
    gone = (rate - 1000, rate + 1000)
    write_copy(master, tmp_path / "c.mp4", editors=[Delaying(777, *gone)])
    before, _ = heard(master)
    after, rate_after = heard(tmp_path / "c.mp4")
    # Low rates are raised: every fourth sample is then one of the master's.
    assert rate_after == max(rate, 32000)
    after = after[:: rate_after // rate]
    for click in (clicks[0], clicks[2]):
        at = round(start * rate) + click
        window = before[at - 64 : at + 96]
        lags = range(-60, 61)
        matches = [float(window @ after[at - 64 + lag : at + 96 + lag]) for lag in lags]
        assert lags[int(np.argmax(matches))] == 0
    at = round(start * rate)
    assert np.abs(after[at + gone[0] : at + gone[1]]).max() < 0.01


@pytest.mark.parametrize(
    ("rate", "least"),
    [
        (48000, 38.5),  # dB; 37.9 at two thirds of the bits AAC allows
        (32000, 34),  # the lowest rate that is kept
        (16000, 40),  # 30 if it were kept
        (8000, 39),  # 23 if it were kept
    ],
)
def test_writer_keeps_sound_outside_edits(tmp_path: Path, rate: int, least: float) -> None:
    wave = speech(rate)[None, rate : 3 * rate]
    master = add_sound(tmp_path / "m.mov", "pcm_s16le", rate, Fraction(0), wave)
    gone = (rate - 1000, rate + 1000)
    write_copy(master, tmp_path / "c.mp4", editors=[Delaying(0, *gone)])
    before, _ = heard(master)
    after, rate_after = heard(tmp_path / "c.mp4")
    after = after[:: rate_after // rate][: before.size]
    # A frame of AAC extends that far past the edit.
    kept = np.ones(before.size, bool)
    kept[gone[0] - 2048 : gone[1] + 2048] = False
    noise, signal = np.mean((after - before)[kept] ** 2), np.mean(before[kept] ** 2)
    assert 10 * np.log10(signal / noise) > least
    assert abs(10 * np.log10(np.mean(after[kept] ** 2) / signal)) < 0.02


def change_sound(
    whole: Path, master: Path, first: Fraction, last: Fraction, change: Callable[[bytes], bytes] | None
) -> Path:
    """Write ``master`` as ``whole``, with the packets of its sound from ``first`` to ``last`` seconds changed, or left
    out."""
    with av.open(str(whole)) as source, av.open(str(master), "w") as out:
        streams = [out.add_stream_from_template(stream) for stream in source.streams]
        for packet in source.demux():
            if not packet.size:
                continue
            affected = packet.stream.type == "audio" and first <= (packet.pts or 0) * packet.time_base < last
            if affected and change is None:
                continue
            copied = av.Packet(change(bytes(packet)) if affected and change else bytes(packet))
            copied.pts, copied.dts, copied.duration = packet.pts, packet.dts, packet.duration or 0
            copied.time_base, copied.is_keyframe = packet.time_base, packet.is_keyframe
            copied.stream = streams[packet.stream.index]
            out.mux(copied)
    return master


def as_ones(payload: bytes) -> bytes:
    return b"\xff" * len(payload)


def as_noise(payload: bytes) -> bytes:
    return np.random.default_rng(len(payload)).bytes(len(payload))


def as_41_channels(_: bytes) -> bytes:
    """A valid program config element (ISO/IEC 14496-3, 4.4.1.1), which decoders continue to use."""
    counts = f"{15:04b}{15:04b}{11:04b}" + "00" + "000" + "0000" + "000"
    speakers = "".join(f"{tag:05b}" for count in (15, 15, 11) for tag in range(count))
    element = "101" + "0000" + "01" + "0011" + counts + speakers
    bits = element + "0" * (-len(element) % 8) + "0" * 8 + "11100000"
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


@pytest.mark.parametrize(
    ("suffix", "change"),
    [
        (".mp4", None),
        (".mp4", lambda payload: bytes(len(payload))),
        (".mp4", as_ones),  # which a muxer may take for a header, and refuse
        (".mp4", as_41_channels),
        (".mkv", as_noise),
        (".mkv", lambda payload: payload[: len(payload) // 2]),
        (".ts", as_noise),
    ],
)
def test_writer_turns_missing_sound_into_silence(
    tmp_path: Path, suffix: str, change: Callable[[bytes], bytes] | None
) -> None:
    clicks = [24000, 48000, 72000]
    made = make_clicks(tmp_path / "made.mp4", "aac", 48000, Fraction(0), clicks)
    whole = change_sound(made, tmp_path / f"whole{suffix}", Fraction(0), Fraction(0), None)
    master = change_sound(whole, tmp_path / f"m{suffix}", Fraction(8, 10), Fraction(12, 10), change)
    report = write_copy(master, tmp_path / "c.mp4")
    assert "re-encoded to AAC" in report.notes[0]
    assert ("gaps" in report.notes[0]) if change is None else ("became silence" in report.notes[-1])
    samples, _ = heard(tmp_path / "c.mp4")
    reference, _ = heard(whole)
    at, should = (np.argmax(np.abs(track[60000:])) for track in (samples, reference))
    assert abs(at - should) <= (48 if suffix == ".mkv" else 0)  # its timestamps are whole milliseconds
    assert np.abs(samples[45000:54000]).max() < 0.01 < np.abs(reference[45000:54000]).max()


def test_writer_refuses_editor_that_loses_samples(tmp_path: Path) -> None:
    class Losing(Delaying):
        def flush(self) -> NDArray[np.float32]:
            return super().flush()[:, :-1]

    master = make_clip(tmp_path / "m.mp4", audio=[AudioSpec()])
    with pytest.raises(EncodeFailed, match="sound edit"):
        write_copy(master, tmp_path / "c.mp4", editors=[Losing(10)])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.mp4"]


# --- files ------------------------------------------------------------------------------------------------------------


def test_writer_refuses_invalid_targets(tmp_path: Path) -> None:
    master = tmp_path / "m.mp4"
    master.write_bytes(b"master")
    (tmp_path / "there.mp4").write_bytes(b"copy")
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "symbolic.mp4").symlink_to(master)
    (tmp_path / "hard.mp4").hardlink_to(master)
    (tmp_path / "nowhere.mp4").symlink_to(tmp_path / "absent.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    for name, overwrite, error in [
        ("m.mp4", True, SameFile),
        ("symbolic.mp4", True, SameFile),
        ("hard.mp4", True, SameFile),
        ("x.avi", True, BadUsage),
        ("no-suffix", True, BadUsage),
        ("there.mp4", False, OutputExists),
        ("nowhere.mp4", False, OutputExists),  # a link that points nowhere is still a name in use
        ("folder.mp4", True, OutputNotWritable),
        ("pipe.mp4", True, OutputNotWritable),
        ("absent/x.mp4", True, OutputNotWritable),
    ]:
        with pytest.raises(error):
            check_target(master, tmp_path / name, overwrite=overwrite)
    check_target(master, tmp_path / "there.mp4", overwrite=True)
    check_target(master, tmp_path / "new.MOV", overwrite=False)


@pytest.mark.parametrize(
    "settings",
    [
        EncodeSettings(quality=52),  # one past H.264's worst
        EncodeSettings(quality=-1),
        EncodeSettings(preset="placebo"),
        EncodeSettings(VideoCodec.AV1, preset="veryfast"),  # a preset of the other encoders
    ],
)
def test_writer_refuses_unknown_encoder_settings(tmp_path: Path, settings: EncodeSettings) -> None:
    info, table = describe(make_clip(tmp_path / "m.mp4"))
    with pytest.raises(BadUsage):
        CopyWriter(tmp_path / "c.mp4", info, table, settings, [])


def test_writer_replaces_existing_copy_only_on_request(tmp_path: Path) -> None:
    master = make_clip(tmp_path / "m.mp4")
    target = tmp_path / "c.mp4"
    target.write_bytes(b"old")
    with pytest.raises(OutputExists):
        write_copy(master, target)
    assert target.read_bytes() == b"old"
    report = write_copy(master, target, overwrite=True)
    assert report.size_bytes == target.stat().st_size > 1000


def test_writer_keeps_file_that_appears_meanwhile(tmp_path: Path) -> None:
    info, table = describe(make_clip(tmp_path / "m.mp4"))
    target = tmp_path / "c.mp4"
    with pytest.raises(OutputExists), CopyWriter(target, info, table, EncodeSettings(), []) as writer:
        for index, image in enumerate(pictures(info)):
            writer.write(index, image)
        target.write_bytes(b"someone else's")
        writer.finish()
    assert target.read_bytes() == b"someone else's"
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("why", ["exception", "interrupt", "unfinished", "frame missing", "wrong frame", "wrong size"])
def test_writer_unfinished_copy_leaves_no_file(tmp_path: Path, why: str) -> None:
    info, table = describe(make_clip(tmp_path / "m.mp4", frames=60, audio=[AudioSpec()]))
    raised: dict[str, type[BaseException]] = {"exception": ZeroDivisionError, "interrupt": KeyboardInterrupt}
    wrong = EncodeFailed if why == "wrong size" else FrameCountMismatch
    images = list(pictures(info))

    def attempt() -> None:
        with CopyWriter(tmp_path / "c.mp4", info, table, EncodeSettings(), tracks(info)) as writer:
            for index in range(50):
                writer.write(index, images[index])
            assert len(leftovers(tmp_path)) == 1
            if why in raised:
                raise raised[why]
            if why == "frame missing":
                writer.finish()
            if why == "wrong frame":
                writer.write(51, images[51])
            if why == "wrong size":
                short = PlanarImage((images[50].planes[0][:-2], *images[50].planes[1:]), 8, (1, 1))
                writer.write(50, short)

    if why == "unfinished":
        attempt()
    else:
        with pytest.raises(raised.get(why, wrong)):
            attempt()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.mp4"]


KILLED = """
import os, signal, sys
from pathlib import Path
from redact.media.writer import CopyWriter
from redact.settings import EncodeSettings
from tests.media.copying import describe, pictures, tracks
info, table = describe(Path(sys.argv[1]))
with CopyWriter(Path(sys.argv[2]), info, table, EncodeSettings(), tracks(info)) as writer:
    for index, image in enumerate(pictures(info)):
        writer.write(index, image)
        if index == 55:
            os.kill(os.getpid(), signal.SIGKILL)
"""


def test_part_file_of_killed_export_is_cleaned_up(tmp_path: Path) -> None:
    master = make_clip(tmp_path / "m.mp4", frames=60)
    target = tmp_path / "c.mp4"
    run = subprocess.run([sys.executable, "-c", KILLED, str(master), str(target)], check=False)
    assert run.returncode == -signal.SIGKILL
    assert not target.exists()
    assert len(leftovers(tmp_path)) == 1
    dead = leftovers(tmp_path)[0].split(".")[-2].split("-")[0]
    others = [
        tmp_path / f".other.mp4.{dead}-0123456789ab.redact-part",  # of another target
        tmp_path / f".c.mp4.{os.getpid()}-0123456789ab.redact-part",  # of an export that still runs
        tmp_path / f".c.mp4.{dead}-0123456789ab.redact-part.txt",  # not ours
    ]
    for path in others:
        path.write_bytes(b"")
    write_copy(master, target)
    assert sorted(tmp_path.iterdir()) == sorted([master, target, *others])


def test_part_file_in_use_is_kept(tmp_path: Path) -> None:
    part = PartFile(tmp_path / "c.mp4")
    dead = subprocess.Popen(["true"])
    dead.wait()
    moved = part.path.with_name(f".c.mp4.{dead.pid}-0123456789ab.redact-part")
    part.path.rename(moved)
    remove_stale_parts(tmp_path / "c.mp4")
    assert moved.exists()
    part.raw.close()
    remove_stale_parts(tmp_path / "c.mp4")
    assert not moved.exists()


def test_part_file_fits_name_of_full_length(tmp_path: Path) -> None:
    target = tmp_path / ("ü" * 125 + ".mp4")
    write_copy(make_clip(tmp_path / "m.mp4"), target)
    assert target.exists()


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """Limit every file of this process to ``size`` bytes, which has the effect of a full disk."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def test_writer_reports_full_disk_at_any_point(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (96, 160, 3), dtype=np.uint8)
    master = make_clip(tmp_path / "m.mp4", frames=40, audio=[AudioSpec()], picture=lambda i, _: np.roll(noise, i, 1))
    size = write_copy(master, tmp_path / "whole.mp4").size_bytes
    # At the first byte, in the media, before the index, during the move of the index to the front, at the last byte.
    for limit in (0, 20, size // 2, size - 4000, size - 2000, size - 1):
        with files_at_most(limit), pytest.raises(DiskFull):
            write_copy(master, tmp_path / "c.mp4")
        assert sorted(p.name for p in tmp_path.iterdir()) == ["m.mp4", "whole.mp4"]
    # Room for the probe after the last byte, and for x264, whose frame threads make sizes vary by a few bytes.
    with files_at_most(size + 8192):
        write_copy(master, tmp_path / "c.mp4")


def test_writer_reports_disk_failure_at_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    master = make_clip(tmp_path / "m.mp4")
    monkeypatch.setattr("redact.media.part_file.os.fsync", full)
    with pytest.raises(DiskFull):
        write_copy(master, tmp_path / "c.mp4")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.mp4"]


# --- verification -----------------------------------------------------------------------------------------------------


def _drop_frame(path: Path, table: FrameTable) -> FrameTable:
    return FrameTable(table.pts[:-1], table.keyframe[:-1], table.corrupt[:-1], table.time_base, table.last_duration)


def _move_frame(path: Path, table: FrameTable) -> FrameTable:
    pts = table.pts.copy()
    pts[5] += 1
    return FrameTable(pts, table.keyframe, table.corrupt, table.time_base, table.last_duration)


def _lengthen_last(path: Path, table: FrameTable) -> FrameTable:
    return FrameTable(table.pts, table.keyframe, table.corrupt, table.time_base, table.last_duration + 2)


def _fill_padding(path: Path, table: FrameTable) -> FrameTable:
    data = path.read_bytes()
    at = data.index(b"free") - 4
    path.write_bytes(data[: len(data)] + b"\0\0\0\x10freeGPS 52.1")
    assert at > 0
    return table


def _grow_padding(path: Path, table: FrameTable) -> FrameTable:
    path.write_bytes(path.read_bytes() + (8 + 100).to_bytes(4, "big") + b"free" + bytes(100))
    return table


def _add_box(path: Path, table: FrameTable) -> FrameTable:
    path.write_bytes(path.read_bytes() + b"\0\0\0\x18uuid" + b"0123456789abcdef")
    return table


def _hide_media(path: Path, table: FrameTable) -> FrameTable:
    data = path.read_bytes()
    at = data.index(b"mdat") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    path.write_bytes(data[:at] + (size + 6).to_bytes(4, "big") + data[at + 4 :] + b"secret")
    return table


def _name_track(path: Path, table: FrameTable) -> FrameTable:
    path.write_bytes(path.read_bytes().replace(b"VideoHandler", b"SN-0815-4711"))
    return table


def _truncate(path: Path, table: FrameTable) -> FrameTable:
    path.write_bytes(path.read_bytes()[:-1])
    return table


@pytest.mark.parametrize(
    "spoil",
    [
        _drop_frame,
        _move_frame,
        _lengthen_last,
        _fill_padding,
        _grow_padding,
        _add_box,
        _hide_media,
        _name_track,
        _truncate,
    ],
)
def test_verification_refuses(tmp_path: Path, spoil: object) -> None:
    assert callable(spoil)
    info, table = describe(make_clip(tmp_path / "m.mp4"))
    copy = tmp_path / "c.mp4"
    write_copy(info.path, copy)
    verify_copy(copy, info, table, [])
    spoiled = spoil(copy, table)
    with pytest.raises(FrameCountMismatch):
        verify_copy(copy, info, spoiled, [])


@pytest.mark.parametrize(("start", "end"), [(0.06, 0.48), (0.0, 0.40), (0.0, 0.56)])
def test_verification_refuses_sound_out_of_place(tmp_path: Path, start: float, end: float) -> None:
    info, table = describe(make_clip(tmp_path / "m.mp4", audio=[AudioSpec()]))
    write_copy(info.path, tmp_path / "c.mp4")
    verify_copy(tmp_path / "c.mp4", info, table, [ExpectedSound(Fraction(0), Fraction(48, 100))])
    for expected in ([ExpectedSound(Fraction(start), Fraction(end))], []):
        with pytest.raises(RedactError):
            verify_copy(tmp_path / "c.mp4", info, table, expected)
