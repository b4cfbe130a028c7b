"""The proxy matches the master frame by frame, and the thumbnail strip shows the frames it reports."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from redact.errors import Cancelled, MasterChanged, OutputExists, SameFile
from redact.media.probe import probe
from redact.media.proxy import make_proxy, proxy_shift, thumbnail_strip
from redact.media.reader import scan
from redact.media.types import FrameTable
from redact.settings import Interlaced, OnCorrupt, VideoCodec
from tests.media.clips import AudioSpec, make_clip, read_index
from tests.media.copying import heard, payloads, times
from tests.media.test_reader import damage, wipe


def table_of(path: Path) -> FrameTable:
    return scan(probe(path), interlaced=Interlaced.DEINTERLACE, on_corrupt=OnCorrupt.MASK)


@pytest.mark.parametrize(
    ("name", "options", "size"),
    [
        ("a.mp4", {"frames": 30, "bframes": 2, "gop": 30}, (160, 96)),
        ("turned.mov", {"frames": 14, "rotation": 270}, (96, 160)),
        ("turned_wide.mkv", {"frames": 14, "sar": Fraction(2), "rotation": 90}, (96, 320)),  # half as wide when upright
        ("odd.mkv", {"size": (161, 97), "pix_fmt": "yuv444p"}, (160, 96)),  # 160.5 and 48.5 pairs: the even number
        ("wide_pixels.mkv", {"sar": Fraction(16, 11)}, (232, 96)),
        ("large.mp4", {"size": (1920, 1080), "frames": 3}, (1280, 720)),
        ("large_portrait.mp4", {"size": (1088, 1920), "frames": 3}, (726, 1280)),
        ("uneven.mp4", {"pts": [0, 40, 80, 81, 82, 120, 1520, 1533, 1600]}, (160, 96)),
        ("uneven.mkv", {"pts": [40, 80, 81, 82, 120, 1520, 1533, 1600], "bframes": 2}, (160, 96)),
        ("interlaced.mp4", {"interlaced": True, "frames": 20}, (160, 96)),
        ("deep.mp4", {"codec": "libx265", "pix_fmt": "yuv420p10le", "bframes": 2}, (160, 96)),
        ("full_range.avi", {"codec": "mjpeg", "pix_fmt": "yuvj422p"}, (160, 96)),
    ],
)
def test_proxy_has_frames_of_master(tmp_path: Path, name: str, options: dict[str, Any], size: tuple[int, int]) -> None:
    master = make_clip(tmp_path / name, **options)
    table = table_of(master)
    target = tmp_path / "proxy.mp4"
    report = make_proxy(master, target)
    # There is no sound before the first frame, so it is at 0.
    assert times(target) == [table.seconds(index) - table.seconds(0) for index in range(len(table))]
    assert (report.width, report.height, report.frames) == (*size, len(table))
    assert (report.codec, report.notes) == (VideoCodec.H264, ())
    with av.open(str(target)) as proxy:
        stream = proxy.streams.video[0]
        assert (stream.width, stream.height, stream.sample_aspect_ratio or 1) == (*size, 1)
        assert stream.codec_context.pix_fmt in ("yuv420p", "yuvj420p")
        packets = [packet for packet in proxy.demux(stream) if packet.size]
        assert [packet.dts for packet in packets] == [packet.pts for packet in packets]
        keys = [number for number, packet in enumerate(packets) if packet.is_keyframe]
        assert max(np.diff([*keys, len(packets)])) <= 12
    with av.open(str(target)) as proxy:
        for index, frame in enumerate(proxy.decode(video=0)):
            rgb = frame.to_ndarray(format="rgb24").astype(np.uint8)
            assert read_index(rgb) == index
            assert rgb.min() < 20
            assert rgb.max() > 225
    data = target.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert sorted(tmp_path.iterdir()) == sorted([master, target])


def test_proxy_sound_is_aac(tmp_path: Path) -> None:
    audio = [AudioSpec("aac", frequency=300), AudioSpec("mp3", frequency=500), AudioSpec("pcm_s16le", frequency=700)]
    master = make_clip(tmp_path / "m.mkv", frames=50, audio=audio)
    target = tmp_path / "p.mp4"
    make_proxy(master, target)
    with av.open(str(target)) as proxy:
        assert [stream.codec_context.codec.canonical_name for stream in proxy.streams.audio] == ["aac"] * 3
    assert payloads(target) == payloads(master)
    for number, spec in enumerate(audio):
        samples, rate = heard(target, number)
        part = samples[rate // 2 : rate]
        assert np.argmax(np.abs(np.fft.rfft(part))) * rate / part.size == pytest.approx(spec.frequency, abs=5)


def test_proxy_begins_with_picture_or_sound(tmp_path: Path) -> None:
    """Browsers compute a file's length from its content, and would not show the end of one that starts late."""
    audio = [AudioSpec("aac", start=Fraction(1))]
    master = make_clip(tmp_path / "m.mkv", pts=[1200 + 40 * i for i in range(30)], audio=audio)
    table = table_of(master)
    target = tmp_path / "p.mp4"
    make_proxy(master, target)
    shift = proxy_shift(probe(master), table)
    assert abs(shift + 1) < Fraction(1, 20)  # the encoder's priming is at the beginning of the sound
    assert times(target) == [table.seconds(index) + shift for index in range(30)]
    assert abs(float(probe(target).audio[0].start)) < 0.05


def test_proxy_damaged_frames_are_black(tmp_path: Path) -> None:
    master = make_clip(tmp_path / "m.mp4", frames=24, gop=8)
    damage(master, {11}, wipe)
    table = table_of(master)
    make_proxy(master, tmp_path / "p.mp4", table=table)
    thumbnail_strip(master, table, tmp_path / "s.jpg", count=24, height=48)
    strip = np.asarray(Image.open(tmp_path / "s.jpg"))
    with av.open(str(tmp_path / "p.mp4")) as proxy:
        for index, frame in enumerate(proxy.decode(video=0)):
            for picture in (frame.to_ndarray(format="rgb24").astype(np.uint8), strip[:, index * 80 : index * 80 + 80]):
                if 11 <= index < 16:
                    assert picture.max() < 24
                else:
                    assert read_index(picture) == index


def test_proxy_unfinished_leaves_no_file(tmp_path: Path) -> None:
    master = make_clip(tmp_path / "m.mp4", frames=20)
    table = table_of(master)
    target = tmp_path / "p.mp4"

    def stop(stage: str, done: int, total: int | None) -> None:
        if (stage, done) == ("proxy", 10):
            raise Cancelled("Stopped.")

    def touch(stage: str, done: int, total: int | None) -> None:
        if (stage, done) == ("proxy", 10):
            with master.open("ab") as file:
                file.write(bytes(8))

    other = FrameTable(table.pts + (np.arange(20) == 6), table.keyframe, table.corrupt, table.time_base, 512)
    longer = FrameTable(np.append(table.pts, 99999), np.zeros(21, bool), np.zeros(21, bool), table.time_base, 512)
    with pytest.raises(Cancelled):
        make_proxy(master, target, progress=stop)
    for wrong in (other, longer):
        with pytest.raises(MasterChanged):
            make_proxy(master, target, table=wrong)
        with pytest.raises(MasterChanged):
            thumbnail_strip(master, wrong, target, count=40)
    with pytest.raises(MasterChanged):
        make_proxy(master, target, progress=touch)
    with pytest.raises(SameFile):
        make_proxy(master, master, overwrite=True)
    assert list(tmp_path.iterdir()) == [master]


@pytest.mark.parametrize(
    ("name", "options", "count", "frames"),
    [
        ("m.mp4", {"frames": 40, "gop": 8}, 4, (5, 15, 25, 35)),
        ("m.mkv", {"frames": 40, "gop": 8}, 4, (5, 15, 25, 35)),
        ("m.mp4", {"frames": 1}, 12, (0,)),  # fewer frames than thumbnails
        ("m.mp4", {"frames": 3}, 4, (0, 1, 2)),
        ("turned.mp4", {"frames": 24, "rotation": 90, "gop": 6}, 3, (4, 12, 20)),
    ],
)
def test_thumbnail_strip_shows_frames_from_whole_master(
    tmp_path: Path, *, name: str, options: dict[str, Any], count: int, frames: tuple[int, ...]
) -> None:
    master = make_clip(tmp_path / name, **options)
    strip = tmp_path / "strip.jpg"
    assert thumbnail_strip(master, table_of(master), strip, count, 90) == frames
    picture = np.asarray(Image.open(strip))
    width = 54 if "rotation" in options else 150
    assert picture.shape == (90, width * len(frames), 3)
    assert [read_index(picture[:, n * width : (n + 1) * width]) for n in range(len(frames))] == list(frames)
    with pytest.raises(OutputExists):
        thumbnail_strip(master, table_of(master), strip)
