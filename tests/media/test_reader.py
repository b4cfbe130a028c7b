from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Stream
from numpy.typing import NDArray

from redact.errors import CorruptFrames, TruncatedFile, UnsupportedMedia
from redact.media.probe import probe
from redact.media.reader import VideoReader, scan
from redact.media.types import FrameTable
from redact.settings import Interlaced, OnCorrupt
from redact.timecode import timecode
from tests.media.clips import AudioSpec, index_picture, make_clip, read_index


def read(path: Path, *, on_corrupt: OnCorrupt = OnCorrupt.STOP) -> tuple[list[int], FrameTable]:
    """Frame numbers read from the pictures (-1 if unreadable), and the frame table; a second pass must give the
    same."""
    info = probe(path)
    shown = []
    with VideoReader(info, interlaced=Interlaced.KEEP, on_corrupt=on_corrupt) as reader:
        for frame in reader:
            try:
                shown.append(read_index(frame.rgb()))
            except ValueError:
                shown.append(-1)
        table = reader.table
    again = scan(info, interlaced=Interlaced.KEEP, on_corrupt=on_corrupt)
    for column in ("pts", "keyframe", "corrupt"):
        assert np.array_equal(getattr(table, column), getattr(again, column))
    return shown, table


def seconds(table: FrameTable) -> list[Fraction]:
    return [table.seconds(i) for i in range(len(table))]


@pytest.mark.parametrize(
    ("name", "options", "first"),
    [
        # (file, how it is made, seconds at which FFmpeg presents the first frame)
        ("a.mp4", {"bframes": 2}, 0),
        ("a.mov", {"bframes": 2}, 0),
        ("a.mkv", {"bframes": 2}, 0),
        ("a.ts", {"bframes": 2}, Fraction(2, 25)),  # the muxer lets decoding start at zero
        ("a.avi", {"bframes": 2}, Fraction(2, 25)),  # no pts in the file: dts, two frames of delay
        ("a.asf", {"bframes": 2}, Fraction(2, 25)),  # likewise
        ("hevc.mp4", {"codec": "libx265", "bframes": 2}, 0),
        ("hevc10.mkv", {"codec": "libx265", "pix_fmt": "yuv420p10le"}, 0),
        ("hevc.ts", {"codec": "libx265", "bframes": 2}, Fraction(2, 25)),
        ("mpeg4.mp4", {"codec": "mpeg4", "bframes": 2}, 0),
        ("mpeg4.avi", {"codec": "mpeg4", "bframes": 2}, Fraction(1, 25)),
        ("mpeg4.asf", {"codec": "mpeg4"}, 0),
        ("mjpeg.avi", {"codec": "mjpeg", "pix_fmt": "yuvj420p", "size": (161, 97)}, 0),
        ("mjpeg.mov", {"codec": "mjpeg", "pix_fmt": "yuvj422p"}, 0),
        ("vp9.webm", {"codec": "libvpx-vp9", "size": (161, 97)}, 0),
        ("av1.mp4", {"codec": "libsvtav1"}, 0),
        ("av1.mkv", {"codec": "libsvtav1"}, 0),
        ("444.mp4", {"pix_fmt": "yuv444p", "size": (161, 97)}, 0),
        ("rgb.mkv", {"codec": "libx264rgb", "pix_fmt": "rgb24"}, 0),
    ],
)
def test_reader_gives_every_frame(tmp_path: Path, name: str, options: dict[str, Any], first: Fraction | int) -> None:
    shown, table = read(make_clip(tmp_path / name, frames=20, gop=8, audio=[], **options))
    assert shown == list(range(20))
    assert seconds(table) == [first + Fraction(n, 25) for n in range(20)]
    assert not table.corrupt.any()
    assert table.keyframe[0]
    assert table.last_duration * table.time_base == Fraction(1, 25)


@pytest.mark.parametrize("name", ["vfr.mp4", "vfr.mkv"])
def test_reader_keeps_variable_frame_rate(tmp_path: Path, name: str) -> None:
    # Milliseconds, by hand: 25 fps, a burst 1 ms apart, a gap of 3.4 s, an odd tail.
    stamps = [0, 40, 80, 81, 82, 120, 3520, 3533, 3600]
    shown, table = read(make_clip(tmp_path / name, pts=stamps, bframes=2))
    assert shown == list(range(9))
    assert seconds(table) == [Fraction(ms, 1000) for ms in stamps]


def test_reader_keeps_start_after_sound(tmp_path: Path) -> None:
    # The picture starts 200 ms into the recording (an empty edit in MP4) and says so.
    clip = make_clip(tmp_path / "a.mp4", pts=[200, 240, 280, 320], audio=[AudioSpec(seconds=Fraction(1, 2))])
    assert seconds(read(clip)[1]) == [Fraction(ms, 1000) for ms in (200, 240, 280, 320)]


def test_reader_respects_edit_list(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", frames=20, gop=12)
    data = bytearray(clip.read_bytes())
    # elst version 0: flags, one entry of duration, media time, rate. Begin five frames of 512 ticks later.
    entry = data.index(b"elst") + 12
    begin = int.from_bytes(data[entry + 4 : entry + 8], "big")
    data[entry + 4 : entry + 8] = (begin + 5 * 512).to_bytes(4, "big")
    clip.write_bytes(data)
    shown, table = read(clip)
    assert shown == list(range(5, 20))
    assert seconds(table) == [Fraction(n, 25) for n in range(15)]
    # Frames that are cut away are still decoded: damage to one spoils the following, up to the keyframe at 12.
    damage(clip, {2}, wipe)
    assert list(read(clip, on_corrupt=OnCorrupt.MASK)[1].corrupt) == [True] * 7 + [False] * 8


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_reader_rotates_pictures_upright(tmp_path: Path, rotation: int) -> None:
    def quarter(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
        picture = index_picture(index, size)
        picture[-size[1] // 4 :, -size[0] // 4 :] = (200, 40, 40)  # red, bottom right
        return picture

    clip = make_clip(tmp_path / "a.mp4", size=(162, 98), rotation=rotation, frames=2, picture=quarter)
    wide, high = (98, 162) if rotation in (90, 270) else (162, 98)
    with VideoReader(probe(clip), interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.STOP) as reader:
        for frame in reader:
            planes = frame.planes()
            small, full, grey = frame.rgb((80, 60)), frame.rgb(), frame.grey((80, 60))
            assert (full.shape, small.shape, grey.shape) == ((high, wide, 3), (60, 80, 3), (60, 80))
            for picture in (full, small):
                corner = picture[-4, -4].astype(int)
                assert np.abs(corner - (200, 40, 40)).max() < 16
                assert picture[4, 4].min() > 220
            assert (planes.height, planes.width) == (high, wide)
            assert [p.shape for p in planes.planes[1:]] == [((high + 1) // 2, (wide + 1) // 2)] * 2
            y, u, v = (int(p[-3, -3]) for p in planes.planes)
            assert (y > 60, u < 128, v > 180) == (True, True, True)  # red is in the same corner of all three
            assert abs(int(grey[-3, -3]) - y) < 24


@pytest.mark.parametrize(
    ("pix_fmt", "codec", "colour", "white"),
    [
        # What (235, 235, 235) is as luma: limited range 16 + 219 * 235 / 255, full range 235, times four at 10 bit.
        ("yuv420p", "libx264", (1, 1, 1, 1), 218),
        ("yuv420p", "libx264", (1, 1, 1, 2), 235),
        ("yuvj420p", "mjpeg", None, 235),
        ("yuv422p", "libx264", (1, 1, 1, 1), 218),
        ("yuvj444p", "libx264", (1, 1, 1, 2), 235),
        ("yuv420p10le", "libx265", (1, 1, 1, 1), 872),
        ("yuv422p10le", "libx264", (1, 1, 1, 1), 872),
        ("rgb24", "libx264rgb", None, 218),
    ],
)
def test_frame_planes_keep_range_and_depth(
    tmp_path: Path, pix_fmt: str, codec: str, colour: tuple[int, int, int, int] | None, white: int
) -> None:
    clip = make_clip(tmp_path / "a.mkv", codec=codec, pix_fmt=pix_fmt, colour=colour, frames=1, size=(162, 98))
    info = probe(clip)
    with VideoReader(info, interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.STOP) as reader:
        (frame,) = reader
    image = frame.planes()
    assert image.bit_depth == (10 if white > 255 else 8)
    y, u, v = (int(p[8, 8]) for p in image.planes)
    grey = 512 if image.bit_depth == 10 else 128
    assert (abs(y - white) <= 3, abs(u - grey) <= 2, abs(v - grey) <= 2) == (True, True, True)
    assert image.colour == info.video.colour
    assert np.abs(frame.rgb()[8, 8].astype(int) - 235).max() <= 4
    assert np.abs(frame.rgb((80, 48))[4, 4].astype(int) - 235).max() <= 4


def test_frame_planes_of_rgb_are_bt709(tmp_path: Path) -> None:
    def red(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
        return np.full((size[1], size[0], 3), (200, 40, 40), np.uint8)

    clip = make_clip(tmp_path / "a.mkv", codec="libx264rgb", pix_fmt="rgb24", frames=1, picture=red)
    with VideoReader(probe(clip), interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.STOP) as reader:
        (frame,) = reader
    # 16 + 219 * (0.2126 * 200 + 0.7152 * 40 + 0.0722 * 40) / 255; BT.601 would give 91.
    assert abs(int(frame.planes().planes[0][8, 8]) - 79.6) <= 2


def test_frame_grey_has_own_memory(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mkv", codec="ffv1", pix_fmt="gray", frames=1)
    with VideoReader(probe(clip), interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.STOP) as reader:
        (frame,) = reader
    frame.grey((160, 96))[:] = 0
    assert read_index(frame.grey((160, 96))) == 0


def test_frame_planes_have_own_memory(tmp_path: Path) -> None:
    with VideoReader(
        probe(make_clip(tmp_path / "a.mp4")), interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.STOP
    ) as reader:
        for frame in reader:
            for plane in frame.planes().planes:
                plane.fill_(0)
            # Drawing into the planes reached neither the frame nor, through references, its successors.
            assert read_index(frame.rgb()) == frame.index


def woven(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Two fields of a bar that moves four pixels from one to the next: combed edges."""
    picture = np.full((size[1], size[0], 3), 40, np.uint8)
    for field in (0, 1):
        x = 10 + index * 8 + field * 4
        picture[field::2, x : x + 30] = 220
    return picture


@pytest.mark.parametrize(("interlaced", "combed"), [(Interlaced.KEEP, True), (Interlaced.DEINTERLACE, False)])
def test_reader_deinterlaces_frame_for_frame(tmp_path: Path, interlaced: Interlaced, combed: bool) -> None:
    clip = make_clip(tmp_path / "a.mp4", interlaced=True, picture=woven, frames=12, bframes=2, options={"crf": "10"})
    with VideoReader(probe(clip), interlaced=interlaced, on_corrupt=OnCorrupt.STOP) as reader:
        frames = list(reader)
        table = reader.table
    assert [f.pts for f in frames] == list(table.pts)
    assert seconds(table) == [Fraction(n, 25) for n in range(12)]
    # Neighbouring lines of a combed picture differ far more than lines two apart.
    for frame in frames[1:-1]:
        rows = frame.grey((160, 96)).astype(int)
        near, far = np.abs(rows[1:] - rows[:-1]).mean(), np.abs(rows[2:] - rows[:-2]).mean()
        assert (near > far + 8) == combed
        # Each picture has its own time: the fields' bars begin at 10 + 8 n and 14 + 8 n.
        edge = int(np.argmax(rows[0] > 130))
        assert abs(edge - (12 + 8 * frame.index)) <= 3


def damage(path: Path, numbers: set[int], change: Callable[[bytearray], None]) -> None:
    """Change the payloads of these packets (counted in decode order) of the video, in place."""
    with av.open(str(path)) as container:
        packets = [bytes(p) for p in container.demux(container.streams.video[0]) if p.size]
    data = path.read_bytes()
    for number in numbers:
        payload = bytearray(packets[number])
        change(payload)
        assert data.count(packets[number]) == 1
        data = data.replace(packets[number], payload)
    path.write_bytes(data)


def wipe(payload: bytearray) -> None:
    """Overwrite everything with zeros."""
    payload[:] = bytes(len(payload))


def cut_tail(payload: bytearray) -> None:
    """Keep the head of a frame and fill the rest with noise."""
    half = len(payload) // 4
    payload[half:] = np.random.default_rng(3).integers(0, 256, len(payload) - half, np.uint8).tobytes()


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg4", "libsvtav1"])
def test_reader_marks_missing_frame(tmp_path: Path, codec: str) -> None:
    # Key frames at 0, 8 and 16; packet 11 is wiped. It and all frames that build on it are corrupt, up to frame 16.
    clip = make_clip(tmp_path / "a.mp4", codec=codec, frames=20, gop=8)
    keys = [n for n, k in enumerate(read(clip)[1].keyframe) if k]
    damage(clip, {11}, wipe)
    with pytest.raises(CorruptFrames, match=r"frame \d+, 0:00:00\.\d\d0"):
        read(clip)
    shown, table = read(clip, on_corrupt=OnCorrupt.MASK)
    assert len(table) == 20
    assert seconds(table) == [Fraction(n, 25) for n in range(20)]
    following = next(k for k in keys if k > 11)
    assert table.corrupt[following - 1]
    assert not table.corrupt[following:].any()
    assert not table.corrupt[: keys[1]].any()
    assert all(shown[n] == n for n in range(20) if not table.corrupt[n])
    if codec == "libx264":
        assert list(np.flatnonzero(table.corrupt)) == [11, 12, 13, 14, 15]


def test_reader_stop_reports_frame_and_time(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mkv", frames=20, gop=8)
    damage(clip, {11}, wipe)
    with pytest.raises(CorruptFrames, match=r"frame 11, 0:00:00\.440 after the first"):
        read(clip)


def test_reader_lost_frame_is_black(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mkv", frames=8, gop=8, colour=(1, 1, 1, 1))
    damage(clip, {5}, wipe)
    with VideoReader(probe(clip), interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.MASK) as reader:
        frame = list(reader)[5]
    assert frame.corrupt
    assert frame.rgb().shape == (96, 160, 3)
    assert not frame.rgb((40, 30)).any()
    assert not frame.grey((40, 30)).any()
    assert [int(p.min()) for p in frame.planes().planes] == [16, 128, 128]


def test_reader_marks_lost_interlaced_frame(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mkv", interlaced=True, frames=16, gop=8)
    damage(clip, {5}, wipe)
    with VideoReader(probe(clip), interlaced=Interlaced.DEINTERLACE, on_corrupt=OnCorrupt.MASK) as reader:
        frames = list(reader)
        table = reader.table
    assert list(np.flatnonzero(table.corrupt)) == [5, 6, 7]
    assert [f.pts for f in frames] == list(table.pts)
    assert not frames[5].rgb().any()
    assert [read_index(f.rgb()) for f in frames if not f.corrupt] == [*range(5), *range(8, 16)]


def test_reader_marks_frames_shown_before_lost_reference(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mkv", frames=20, gop=10, bframes=2, options={"x264-params": "b-adapt=0:scenecut=0"})
    # Decode order 0 3 1 2 6 ...: packet 1 is frame 3, which frames 1 and 2 refer to.
    damage(clip, {1}, wipe)
    table = read(clip, on_corrupt=OnCorrupt.MASK)[1]
    assert list(np.flatnonzero(table.corrupt)) == list(range(1, 10))


def lose_a_slice(payload: bytearray) -> None:
    """Turn the second slice of an H.264 frame (length-prefixed units) into filler."""
    at, slices = 0, 0
    while at < len(payload):
        kind = payload[at + 4] & 31
        slices += kind in (1, 5)
        if slices == 2:
            payload[at + 4] = 12
            return
        at += 4 + int.from_bytes(payload[at : at + 4], "big")
    raise AssertionError("no second slice")


def flip_bits(payload: bytearray) -> None:
    """A few bits of a JPEG's coefficients, without making markers."""
    for at in range(len(payload) // 2, len(payload) - 8, len(payload) // 16):
        payload[at] ^= 0x10 if payload[at] ^ 0x10 != 255 and payload[at] != 255 else 0


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "change", "options"),
    [
        ("libx264", "yuv420p", cut_tail, {"x264-params": "cabac=0:scenecut=0"}),
        ("libx264", "yuv420p", lose_a_slice, {"x264-params": "slices=4:scenecut=0"}),
        ("mpeg4", "yuv420p", cut_tail, {"sc_threshold": "1000000000"}),
        ("mjpeg", "yuvj420p", flip_bits, {}),
    ],
)
def test_reader_marks_concealed_damage(
    tmp_path: Path, codec: str, pix_fmt: str, change: Callable[[bytearray], None], options: dict[str, str]
) -> None:
    # These decoders conceal unreadable data and return an apparently good frame.
    rng = np.random.default_rng(1)

    def noise(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
        return rng.integers(0, 256, (size[1], size[0], 3), np.uint8)

    clip = make_clip(tmp_path / "a.mkv", codec=codec, pix_fmt=pix_fmt, frames=12, gop=6, picture=noise, options=options)
    damage(clip, {3}, change)
    table = read(clip, on_corrupt=OnCorrupt.MASK)[1]
    expected = [3] if codec == "mjpeg" else [3, 4, 5]
    assert list(np.flatnonzero(table.corrupt)) == expected


@pytest.mark.parametrize("number", [6, 7], ids=["keyframe", "other"])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_reader_marks_lost_transport_packet(tmp_path: Path, codec: str, number: int) -> None:
    rng = np.random.default_rng(1)

    def noise(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
        return rng.integers(0, 256, (size[1], size[0], 3), np.uint8)

    clip = make_clip(tmp_path / "a.ts", codec=codec, frames=18, gop=6, picture=noise)
    with av.open(str(clip)) as container:
        position = [p.pos for p in container.demux(container.streams.video[0]) if p.size][number]
    assert position is not None
    data = clip.read_bytes()
    clip.write_bytes(data[: position + 188 * 8] + data[position + 188 * 9 :])
    table = read(clip, on_corrupt=OnCorrupt.MASK)[1]
    assert len(table) == 18
    assert table.corrupt[number:12].all()
    # FFmpeg reports the gap at the frame before, whose end it finds only with the next packet.
    assert not table.corrupt[: number - 1].any()
    assert not table.corrupt[12:].any()


def remux(source: Path, target: Path, keep: Callable[[int, bool], bool]) -> Path:
    """Copy the video packets for which ``keep`` (number, is keyframe) says so."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream: Stream = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(old.demux(old.streams.video[0])):
            if packet.size and keep(number, packet.is_keyframe):
                packet.stream = stream  # type: ignore[assignment]
                new.mux(packet)
    return target


def test_reader_marks_start_between_keyframes(tmp_path: Path) -> None:
    clip = remux(make_clip(tmp_path / "a.ts", frames=20, gop=8), tmp_path / "b.ts", lambda n, key: n >= 5)
    shown, table = read(clip, on_corrupt=OnCorrupt.MASK)
    assert list(table.corrupt) == [True] * 3 + [False] * 12
    assert shown[3:] == list(range(8, 20))
    with pytest.raises(CorruptFrames, match="frame 0,"):
        read(clip)


def test_reader_handles_start_at_open_gop(tmp_path: Path) -> None:
    source = make_clip(
        tmp_path / "a.mkv",
        codec="libx265",
        frames=24,
        options={"x265-params": "log-level=none:open-gop=1:keyint=8:min-keyint=8:bframes=3:b-adapt=0:scenecut=0"},
    )
    with av.open(str(source)) as container:
        packets = [(p.pts, p.is_keyframe) for p in container.demux(container.streams.video[0]) if p.size]
    second = [n for n, (_, key) in enumerate(packets) if key][1]
    assert packets[second][0] is not None
    leading = [n for n, (pts, _) in enumerate(packets) if n > second and (pts or 0) < (packets[second][0] or 0)]
    assert leading  # otherwise this tests nothing
    clip = remux(source, tmp_path / "b.mkv", lambda n, key: n >= second)
    shown, table = read(clip)
    assert shown == list(range(8, 24))
    assert not table.corrupt.any()


def test_reader_refuses_index_longer_than_file(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", frames=20, container_options={"movflags": "faststart"})
    data = bytearray(clip.read_bytes())
    box = data.index(b"mdat") - 4
    del data[-40:]
    data[box : box + 4] = (len(data) - box).to_bytes(4, "big")  # the atom fits the file; only the index reveals it
    clip.write_bytes(data)
    for choice in OnCorrupt:
        with pytest.raises(TruncatedFile):
            read(clip, on_corrupt=choice)


def test_reader_refuses_avi_index_longer_than_footage(tmp_path: Path) -> None:
    # The last chunk becomes one of a stream that does not exist.
    clip = make_clip(tmp_path / "a.avi", codec="mjpeg", pix_fmt="yuvj420p", frames=6)
    data = bytearray(clip.read_bytes())
    last = data.rindex(b"00dc", 0, data.index(b"idx1"))
    data[last : last + 4] = b"07dc"
    clip.write_bytes(data)
    with pytest.raises(TruncatedFile):
        read(clip, on_corrupt=OnCorrupt.MASK)


def test_reader_refuses_duration_longer_than_footage(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mkv", frames=60, gop=10)
    data = bytearray(clip.read_bytes())
    at = data.index(b"\x44\x89\x88") + 3  # Duration, an 8-byte float of milliseconds
    data[at : at + 8] = np.array(9000.0, ">f8").tobytes()
    clip.write_bytes(data)
    with pytest.raises(TruncatedFile, match=r"states a length of 9\.0 s but contains 2\.4 s"):
        read(clip)


def test_reader_refuses_change_of_size(tmp_path: Path) -> None:
    first = make_clip(tmp_path / "a.ts", frames=8)
    second = make_clip(tmp_path / "b.ts", size=(192, 128), pts=[1000 + 40 * n for n in range(8)])
    (tmp_path / "c.ts").write_bytes(first.read_bytes() + second.read_bytes())
    with pytest.raises(UnsupportedMedia, match="changes from 160 x 96 yuv420p to 192 x 128 yuv420p"):
        read(tmp_path / "c.ts", on_corrupt=OnCorrupt.MASK)


def test_reader_left_early_neither_hangs_nor_gives_table(tmp_path: Path) -> None:
    info = probe(make_clip(tmp_path / "a.mp4", frames=40, bframes=2))
    with VideoReader(info, interlaced=Interlaced.KEEP, on_corrupt=OnCorrupt.STOP) as reader:
        assert next(iter(reader)).index == 0
        with pytest.raises(RuntimeError):
            _ = reader.table


def test_scan_reports_progress(tmp_path: Path) -> None:
    calls: list[tuple[int, int | None]] = []
    scan(
        probe(make_clip(tmp_path / "a.mp4", frames=5)),
        interlaced=Interlaced.KEEP,
        on_corrupt=OnCorrupt.STOP,
        progress=lambda stage, done, total: calls.append((done, total)),
    )
    assert calls == [(n, 5) for n in range(1, 6)]


def test_timecode() -> None:
    assert timecode(Fraction(3_723_999_9, 10_000)) == "1:02:03.999"
