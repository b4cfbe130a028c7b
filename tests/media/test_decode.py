"""The decoder alone: which frames come out, at which times, and which of them are marked as damaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from av.video.frame import VideoFrame

from redact.errors import MasterChanged, TruncatedFile
from redact.media.decode import Decoder
from redact.media.decode_start import Entry
from redact.media.frame_order import Slot
from redact.media.probe import probe
from redact.media.types import MediaInfo
from tests.media.clips import make_clip
from tests.media.test_reader import cut_tail, damage, wipe

TICKS = 512
"""Ticks of an MP4's time base in one frame at 25 frames a second."""


def decoded(info: MediaInfo, entry: Entry | None = None) -> list[Slot[VideoFrame]]:
    decoder = Decoder(info, entry)
    try:
        return list(decoder.slots())
    finally:
        decoder.close()


def damaged(slots: list[Slot[VideoFrame]]) -> list[int]:
    return [number for number, slot in enumerate(slots) if slot.corrupt]


@pytest.mark.parametrize("bframes", [0, 2])
def test_decoder_gives_every_frame_in_presentation_order(tmp_path: Path, bframes: int) -> None:
    info = probe(make_clip(tmp_path / "a.mp4", frames=10, gop=5, bframes=bframes))
    slots = decoded(info)
    assert [slot.pts * info.video.time_base for slot in slots] == [Fraction(n, 25) for n in range(10)]
    assert [slot.duration for slot in slots] == [TICKS] * 10
    assert [number for number, slot in enumerate(slots) if slot.keyframe] == [0, 5]
    assert damaged(slots) == []


@pytest.mark.parametrize("change", [wipe, cut_tail])
def test_decoder_marks_damaged_packet_and_its_dependants(tmp_path: Path, change: Callable[[bytearray], None]) -> None:
    # Variable-length coding: noise in arithmetic-coded slices may be valid syntax, which no decoder reports.
    clip = make_clip(tmp_path / "a.mp4", frames=12, gop=6, options={"x264-params": "cabac=0:scenecut=0"})
    damage(clip, {3}, change)
    slots = decoded(probe(clip))
    assert [slot.pts for slot in slots] == [n * TICKS for n in range(12)]  # none is dropped
    assert damaged(slots) == [3, 4, 5]


def test_decoder_gives_no_picture_for_lost_packet(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", frames=6, gop=6)
    damage(clip, {3}, wipe)
    slots = decoded(probe(clip))
    assert slots[3].picture is None
    assert all(slot.picture is not None for slot in slots[:3])


def test_decoder_marks_damaged_keyframe_and_everything_up_to_the_next(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", frames=12, gop=4)
    damage(clip, {4}, wipe)
    slots = decoded(probe(clip))
    assert damaged(slots) == [4, 5, 6, 7]
    assert [slot.keyframe for slot in slots].count(True) == 2


def test_decoder_marks_last_frame(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", frames=6, gop=6, bframes=2)
    damage(clip, {5}, wipe)
    slots = decoded(probe(clip))
    assert len(slots) == 6
    assert damaged(slots)


def test_decoder_marks_all_frames_without_a_keyframe(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", frames=6, gop=6)
    damage(clip, {0}, wipe)
    slots = decoded(probe(clip))
    assert damaged(slots) == list(range(6))


def test_decoder_starts_at_entry(tmp_path: Path) -> None:
    info = probe(make_clip(tmp_path / "a.mp4", frames=12, gop=4))
    whole, part = decoded(info), decoded(info, Entry(8, 8 * TICKS, 0, 8 * TICKS))
    assert [slot.pts for slot in part] == [slot.pts for slot in whole[8:]]
    assert damaged(part) == []


def test_decoder_refuses_file_with_missing_packets(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.avi", codec="mjpeg", pix_fmt="yuvj420p", frames=6)
    data = bytearray(clip.read_bytes())
    # The last chunk becomes one of a stream that does not exist; the index still lists it.
    last = data.rindex(b"00dc", 0, data.index(b"idx1"))
    data[last : last + 4] = b"07dc"
    clip.write_bytes(data)
    with pytest.raises(TruncatedFile, match="lists 6 frames but contains 5"):
        decoded(probe(clip))


def test_decoder_refuses_other_file_than_probed(tmp_path: Path) -> None:
    info = probe(make_clip(tmp_path / "a.mp4", frames=4))
    other = make_clip(tmp_path / "b.mkv", frames=4)
    with pytest.raises(MasterChanged, match=r"b\.mkv is not the file that was probed"):
        Decoder(replace(info, path=other))


def test_decoder_names_codec_and_place(tmp_path: Path) -> None:
    decoder = Decoder(probe(make_clip(tmp_path / "a.mp4", frames=2)))
    assert decoder.name == "h264, in software"
    decoder.close()


def test_decoder_can_be_left_early(tmp_path: Path) -> None:
    decoder = Decoder(probe(make_clip(tmp_path / "a.mp4", frames=12)))
    slots = decoder.slots()
    assert next(slots).pts == 0
    slots.close()
    decoder.close()
