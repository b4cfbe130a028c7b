from __future__ import annotations

import hashlib
import os
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.stream import Stream

from redact.errors import (
    EmptyFile,
    InputMissing,
    NotMedia,
    NoVideo,
    RedactError,
    TruncatedFile,
    UnsupportedMedia,
)
from redact.media.hashing import hash_file
from redact.media.probe import probe
from redact.media.types import Scan
from tests.media.clips import AudioSpec, Extras, make_clip

IDENTITY = (1, 0, 0, 1)


def set_matrix(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """Overwrite the display matrix of the first track (tkhd version 0: 40 bytes after the box's four letters)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    for place, value in ((0, a), (4, b), (12, c), (16, d)):
        data[at + place : at + place + 4] = (value << 16).to_bytes(4, "big", signed=True)
    path.write_bytes(data)
    return path


def test_probe_describes_streams(tmp_path: Path) -> None:
    clip = make_clip(
        tmp_path / "a.mp4", sar=Fraction(4, 3), colour=(1, 1, 1, 1), audio=[AudioSpec(), AudioSpec(layout="stereo")]
    )
    info = probe(clip)
    video = info.video
    assert (video.codec, video.width, video.height, video.pix_fmt, video.bit_depth) == ("h264", 160, 96, "yuv420p", 8)
    assert (video.sample_aspect, video.average_rate) == (Fraction(4, 3), Fraction(25))
    assert video.scan is Scan.PROGRESSIVE
    assert (video.colour.primaries, video.colour.transfer, video.colour.matrix) == (1, 1, 1)
    assert not video.colour.full_range
    assert [(a.codec, a.sample_rate, a.channels, a.layout) for a in info.audio] == [
        ("aac", 48000, 1, "mono"),
        ("aac", 48000, 2, "stereo"),
    ]
    assert info.duration == Fraction(12, 25)
    assert info.size_bytes == clip.stat().st_size
    assert info.dropped == ()


@pytest.mark.parametrize(
    ("matrix", "rotation"),
    [
        (IDENTITY, 0),
        # A phone held upright: x' = -y, y' = x moves the top left corner to the top right, a quarter turn clockwise.
        ((0, 1, -1, 0), 270),
        ((-1, 0, 0, -1), 180),
        ((0, -1, 1, 0), 90),
    ],
)
def test_probe_reads_rotation_of_display_matrix(
    tmp_path: Path, matrix: tuple[int, int, int, int], rotation: int
) -> None:
    video = probe(set_matrix(make_clip(tmp_path / "a.mp4", sar=2), *matrix)).video
    assert video.rotation == rotation
    turned = rotation in (90, 270)
    assert (video.upright_width, video.upright_height) == ((96, 160) if turned else (160, 96))
    assert video.sample_aspect == (Fraction(1, 2) if turned else 2)


@pytest.mark.parametrize("matrix", [(-1, 0, 0, 1), (1, 0, 0, -1), (1, 1, -1, 1)], ids=["hflip", "vflip", "slant"])
def test_probe_refuses_mirrored_and_slanted_pictures(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    with pytest.raises(UnsupportedMedia, match="mirrored or at an angle"):
        probe(set_matrix(make_clip(tmp_path / "a.mp4"), *matrix))


def test_probe_describes_full_range_ten_bit_interlaced(tmp_path: Path) -> None:
    assert probe(make_clip(tmp_path / "a.mp4", colour=(1, 1, 1, 2))).video.colour.full_range
    assert probe(make_clip(tmp_path / "b.mp4", codec="libx265", pix_fmt="yuv420p10le")).video.bit_depth == 10
    assert probe(make_clip(tmp_path / "c.mp4", interlaced=True)).video.scan is Scan.INTERLACED


def test_probe_describes_rgb_as_bt709(tmp_path: Path) -> None:
    video = probe(make_clip(tmp_path / "a.mkv", codec="libx264rgb", pix_fmt="rgb24")).video
    assert (video.pix_fmt, video.colour.matrix, video.colour.full_range) == ("gbrp", 1, False)


def test_probe_lists_dropped_streams_without_text_from_file(tmp_path: Path) -> None:
    mp4 = probe(make_clip(tmp_path / "a.mp4", extras=Extras("mov_text", cover=True, data=b"gps", chapters=True)))
    assert [word.split(" (")[0] for word in mp4.dropped] == ["subtitles", "data", "data", "cover art", "chapters"]
    assert mp4.video.index == 0
    mkv = probe(make_clip(tmp_path / "a.mkv", extras=Extras("subrip", attachment=b"secret")))
    assert [word.split(" (")[0] for word in mkv.dropped] == ["subtitles", "attachment"]
    assert "secret" not in " ".join(mkv.dropped)


def audio_file(path: Path, *, cover: bool) -> Path:
    """A sound file, with cover art or without."""
    clip = make_clip(path.with_name("both.mp4"), audio=[AudioSpec()], extras=Extras(cover=True))
    with av.open(str(clip)) as source, av.open(str(path), "w") as out:
        kept: list[Stream] = [source.streams.audio[0], *([source.streams.video[1]] if cover else [])]
        copies = {s.index: out.add_stream_from_template(s) for s in kept}
        for stream in kept:
            copies[stream.index].disposition = stream.disposition
        for packet in source.demux(kept):
            if packet.dts is not None:
                packet.stream = copies[packet.stream_index]
                out.mux(packet)
    return path


@pytest.mark.parametrize("cover", [False, True])
def test_probe_refuses_sound_without_video(tmp_path: Path, cover: bool) -> None:
    with pytest.raises(NoVideo):
        probe(audio_file(tmp_path / "a.mov", cover=cover))


def test_probe_refuses_sound_formats(tmp_path: Path) -> None:
    with pytest.raises(NoVideo):
        probe(audio_file(tmp_path / "a.aac", cover=False))


def test_probe_refuses_missing_empty_and_special_files(tmp_path: Path) -> None:
    with pytest.raises(InputMissing):
        probe(tmp_path / "none.mp4")
    with pytest.raises(InputMissing):
        probe(tmp_path)
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(InputMissing):
        probe(tmp_path / "pipe.mp4")
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(EmptyFile):
        probe(tmp_path / "empty.mp4")


def test_probe_refuses_files_that_refer_to_others(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.ts")
    lures = {
        "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n",
        "list.mp4": f"ffconcat version 1.0\nfile {clip}\n",
        "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        "notes.txt": "just words\n" * 50,
    }
    for name, text in lures.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(NotMedia):
            probe(tmp_path / name)


@pytest.mark.parametrize("name", ["concat:a.mp4", "http:b.mp4", "-.mp4", "%03d.mp4", "ü\udcff.mp4"])
def test_file_names_are_never_protocols(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    make_clip(tmp_path / "plain.mp4").rename(name)
    assert probe(Path(name)).video.width == 160


def test_probe_refuses_missing_moov(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")
    data = clip.read_bytes()
    clip.write_bytes(data[: data.index(b"moov") - 4])
    with pytest.raises(NotMedia):
        probe(clip)


@pytest.mark.parametrize(
    ("name", "options"), [("a.mp4", {"movflags": "faststart"}), ("a.mkv", {}), ("a.avi", {}), ("a.asf", {})]
)
def test_probe_refuses_file_cut_by_one_byte(tmp_path: Path, name: str, options: dict[str, str]) -> None:
    codec = "libx264" if name.endswith(("mp4", "mkv")) else "mpeg4"
    clip = make_clip(tmp_path / name, codec=codec, container_options=options)
    probe(clip)
    # ASF has an index behind its data, which may be lost: cut into the data itself.
    os.truncate(clip, clip.stat().st_size - (200 if name.endswith("asf") else 1))
    with pytest.raises(TruncatedFile):
        probe(clip)


def test_probe_accepts_padding_after_last_atom(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4")
    clip.write_bytes(clip.read_bytes() + b"\xff" * 64)
    probe(clip)


@pytest.mark.parametrize(
    ("size", "fits"),
    [
        ((16, 16), True),
        ((14, 16), False),
        ((8192, 16), True),
        ((8194, 16), False),
    ],
)
def test_probe_checks_size_limits(tmp_path: Path, size: tuple[int, int], fits: bool) -> None:
    clip = make_clip(tmp_path / "a.avi", codec="mjpeg", pix_fmt="yuvj420p", size=size, frames=1)
    if fits:
        assert (probe(clip).video.width, probe(clip).video.height) == size
    else:
        with pytest.raises(UnsupportedMedia, match="pixels"):
            probe(clip)


def test_probe_refuses_encrypted_video(tmp_path: Path) -> None:
    clip = make_clip(
        tmp_path / "a.mp4",
        container_options={
            "encryption_scheme": "cenc-aes-ctr",
            "encryption_key": "00112233445566778899aabbccddeeff",
            "encryption_kid": "00112233445566778899aabbccddeeff",
        },
    )
    with pytest.raises(UnsupportedMedia, match="encrypted"):
        probe(clip)


def test_probe_refuses_codec_without_decoder(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.avi", codec="mjpeg", pix_fmt="yuvj420p")
    clip.write_bytes(clip.read_bytes().replace(b"MJPG", b"QQQQ"))
    with pytest.raises(RedactError) as caught:
        probe(clip)
    assert isinstance(caught.value, UnsupportedMedia)


def test_hash_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * (3 << 20))
    calls: list[int] = []
    digest = hash_file(path, lambda stage, done, total: calls.append(done))
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert calls == [1 << 20, 2 << 20, 3 << 20]
    with pytest.raises(InputMissing):
        hash_file(tmp_path / "none")
