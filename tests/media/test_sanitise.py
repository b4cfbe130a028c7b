from __future__ import annotations

from pathlib import Path

import av
import pytest

from redact.errors import FrameCountMismatch
from redact.media.parity import verify_copy
from redact.settings import EncodeSettings, VideoCodec
from tests.media.clips import AudioSpec, Extras, make_clip
from tests.media.copying import describe, payloads, times, write_copy

PLACE = "+52.5163+013.3777/"
SECRETS = {
    "location": PLACE,
    "com.apple.quicktime.location.ISO6709": PLACE,
    "com.apple.quicktime.make": "SecretMake",
    "com.apple.quicktime.model": "SecretModel",
    "serial_number": "SN-0815-4711",
    "title": "Secret title",
    "artist": "Officer Secret",
    "comment": "SecretComment",
    "creation_time": "2021-03-04T05:06:07.000000Z",
    "timecode": "01:02:03:04",  # makes a MOV carry a timecode track
}
HIDDEN = [
    b"+52.5163",
    b"SecretMake",
    b"SecretModel",
    b"0815-4711",
    b"Secret title",
    b"Officer",
    b"SecretComment",
    b"2021-03",
    b"secret words",
    b"secret chapter",
    b"secret-data",
    b"secret-attachment",
    b"secret-in-free",
    b"secret-in-udta",
    b"secret-in-uuid",
    b"SecretVidHdl",
    b"SecretSndHdl",
    b"com.apple",
    b"Lavf",
    b"\xff\xd8\xff\xfe\x00\x10Lavc",  # how the cover starts
    (3697679167).to_bytes(4, "big"),  # the creation time in an MP4's own count
]


def box(kind: bytes, payload: bytes) -> bytes:
    return (8 + len(payload)).to_bytes(4, "big") + kind + payload


def add_boxes(path: Path) -> None:
    """Hide secrets in an MP4 whose moov comes last: in padding, in an unknown atom, and in tags inside the moov."""
    data = path.read_bytes()
    at = data.rindex(b"moov") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    assert at + size == len(data)
    tag = box(b"udta", box(b"\xa9xyz", b"\x00\x12\x15\xc7+52.5163+013.3777/") + box(b"hide", b"secret-in-udta"))
    grown = (size + len(tag)).to_bytes(4, "big") + data[at + 4 :] + tag
    path.write_bytes(
        data[:at] + grown + box(b"free", b"secret-in-free" * 100) + box(b"uuid", b"u" * 16 + b"secret-in-uuid")
    )


def add_handler_names(path: Path) -> None:
    """Give the tracks handler names of the same length as the muxer's."""
    data = path.read_bytes()
    path.write_bytes(data.replace(b"VideoHandler", b"SecretVidHdl").replace(b"SoundHandler", b"SecretSndHdl"))


def make_talkative(path: Path, container: str) -> Path:
    """A master with secrets in every place its container allows."""
    mp4 = container in ("mp4", "mov")
    extras = Extras(
        subtitle="mov_text" if mp4 else "subrip",
        cover=container != "mov",
        data=b"secret-data" if container == "mp4" else b"",
        attachment=b"" if mp4 else b"secret-attachment",
        chapters=True,
    )
    make_clip(
        path,
        frames=30,
        audio=[AudioSpec("aac"), AudioSpec("pcm_s16le" if container == "mov" else "mp3", language="deu")],
        extras=extras,
        metadata=SECRETS,
        container_options={"movflags": "use_metadata_tags"} if mp4 else {},
    )
    if mp4:
        add_boxes(path)
        add_handler_names(path)
    return path


@pytest.mark.parametrize(
    ("codec", "container", "suffix"),
    [
        (VideoCodec.H264, "mp4", ".mp4"),
        (VideoCodec.H264, "mov", ".mov"),
        (VideoCodec.H264, "mkv", ".mp4"),
        (VideoCodec.HEVC, "mp4", ".mov"),
        (VideoCodec.HEVC, "mkv", ".mp4"),
        (VideoCodec.AV1, "mov", ".mp4"),
    ],
)
def test_copy_contains_only_picture_and_sound(tmp_path: Path, codec: VideoCodec, container: str, suffix: str) -> None:
    master = make_talkative(tmp_path / f"m.{container}", container)
    before = master.read_bytes()
    present = [secret for secret in HIDDEN if secret in before]
    assert len(present) >= 10, "the master must really carry the secrets"
    target = tmp_path / f"c{suffix}"
    write_copy(master, target, EncodeSettings(codec))
    copy = target.read_bytes()
    assert [secret for secret in HIDDEN if secret in copy] == []
    assert master.read_bytes() == before
    with av.open(str(target)) as opened:
        assert [stream.type for stream in opened.streams] == ["video", "audio", "audio"]
        assert opened.chapters() == []
        assert set(opened.metadata) <= {"major_brand", "minor_version", "compatible_brands"}
        names = {stream.metadata["handler_name"] for stream in opened.streams}
        assert names == {"VideoHandler", "SoundHandler"}
    assert len(times(target)) == 30


def test_masters_cover_every_kind_of_secret(tmp_path: Path) -> None:
    everything = b"".join(make_talkative(tmp_path / f"m.{c}", c).read_bytes() for c in ("mp4", "mov", "mkv"))
    missing = [s for s in HIDDEN if s not in everything]
    assert missing == []


def test_copy_excludes_sound_hidden_by_edit_list(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "whole.mp4", frames=75, audio=[AudioSpec(frequency=300)])
    data = whole.read_bytes()
    # The sound track's edit list starts a second late: its first second is in the file but is not heard.
    at = data.rindex(b"elst")
    media_time = at + 4 + 8 + 4
    first = int.from_bytes(data[media_time : media_time + 4], "big")
    master = tmp_path / "m.mp4"
    master.write_bytes(data[:media_time] + (first + 48000).to_bytes(4, "big") + data[media_time + 4 :])
    report = write_copy(master, tmp_path / "c.mp4")
    assert "an edit list hides part of it" in report.notes[0]
    hidden = set(payloads(whole)[3:40])
    assert hidden.isdisjoint(payloads(tmp_path / "c.mp4"))


def test_verification_refuses_tag_in_copy(tmp_path: Path) -> None:
    info, table = describe(make_clip(tmp_path / "m.mp4"))
    write_copy(info.path, tmp_path / "c.mp4")
    with av.open(str(tmp_path / "c.mp4")) as source, av.open(str(tmp_path / "tagged.mp4"), "w") as out:
        out.metadata["title"] = "left behind"
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    with pytest.raises(FrameCountMismatch):
        verify_copy(tmp_path / "tagged.mp4", info, table, [])
