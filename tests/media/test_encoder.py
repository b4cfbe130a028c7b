"""The choice of encoder for a copy. NVENC itself is tested only if available."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from redact.errors import BadUsage
from redact.media import encoder
from redact.media.encoder import CARD_ENCODERS, card_problem, encoder_for
from redact.media.types import MediaInfo
from redact.media.writer import CopyWriter
from redact.settings import EncodeSettings, VideoCodec
from tests.media.clips import make_clip
from tests.media.copying import describe, pictures, times

NVENC = not card_problem("h264_nvenc")


@pytest.fixture
def info(tmp_path: Path) -> MediaInfo:
    return describe(make_clip(tmp_path / "m.mp4", size=(320, 192), frames=10, bframes=2))[0]


def copy(info: MediaInfo, target: Path, settings: EncodeSettings) -> tuple[str, tuple[str, ...]]:
    """A copy made with a card requested: the encoder used, and the notes."""
    _, table = describe(info.path)
    with CopyWriter(target, info, table, settings, [], card=True) as writer:
        for index, image in enumerate(pictures(info)):
            writer.write(index, image)
        report = writer.finish()
    assert times(target) == [table.seconds(i) for i in range(len(table))]
    return report.encoder, report.notes


@pytest.mark.skipif(NVENC, reason="NVENC is here")
@pytest.mark.parametrize("codec", VideoCodec)
def test_encoder_without_nvenc_falls_back_to_software_with_note(info: MediaInfo, codec: VideoCodec) -> None:
    name, notes = copy(info, info.path.with_name("c.mp4"), EncodeSettings(codec))
    assert name == encoder.ENCODERS[codec]
    assert len(notes) == 1
    assert CARD_ENCODERS[codec] in notes[0]
    assert "opening it failed" in notes[0]


@pytest.mark.skipif(not NVENC, reason="there is no NVENC here")
@pytest.mark.parametrize("codec", [VideoCodec.H264, VideoCodec.HEVC])
def test_nvenc_keeps_every_timestamp(info: MediaInfo, codec: VideoCodec) -> None:
    assert copy(info, info.path.with_name("c.mp4"), EncodeSettings(codec)) == (
        CARD_ENCODERS[codec],
        (f"encoded with {CARD_ENCODERS[codec]}, on the card",),
    )


def test_encoder_options_for_card(info: MediaInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "card_problem", lambda *_: "")
    recorded = []
    for codec, preset, quality in (
        (VideoCodec.H264, "ultrafast", 0),  # 0 is "no target" to NVENC
        (VideoCodec.HEVC, "veryslow", 28),
        (VideoCodec.AV1, "9", 30),  # SVT-AV1 counts from thorough to fast
        (VideoCodec.AV1, "0", 63),
    ):
        chosen = encoder_for(info, EncodeSettings(codec, quality, preset), card=True)
        assert (chosen.name, chosen.options["bf"]) == (CARD_ENCODERS[codec], "0")
        recorded.append((chosen.options["preset"], chosen.options["cq"]))
    assert recorded == [("p1", "1"), ("p7", "28"), ("p1", "30"), ("p7", "63")]
    assert encoder_for(info, EncodeSettings(), card=False).name == "libx264"
    deep = replace(info, video=replace(info.video, bit_depth=10))
    ten = encoder_for(deep, EncodeSettings(VideoCodec.HEVC), card=True)
    assert (ten.name, ten.bit_depth) == ("libx265", 10)
    assert "8-bit" in ten.note
    with pytest.raises(BadUsage):
        encoder_for(info, EncodeSettings(quality=52), card=True)
