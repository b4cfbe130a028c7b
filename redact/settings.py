"""Every default and every allowed range, once. Command line, configuration, pages and documents read them from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Preset(StrEnum):
    """How much work goes into finding: the same rules hold for all three, only sizes and strides differ."""

    FAST = "fast"
    BALANCED = "balanced"
    THOROUGH = "thorough"


FLOW_SIDES = {Preset.FAST: 320, Preset.BALANCED: 416, Preset.THOROUGH: 480}
"""Longer side, in pixels, of the small pictures on which motion is measured."""


class Effect(StrEnum):
    """What hides the picture under a mask."""

    SOLID = "solid"
    MOSAIC = "mosaic"
    BLUR = "blur"


@dataclass(frozen=True, slots=True)
class EffectSettings:
    """``fill`` is an sRGB triple of 0 to 255, used by :attr:`Effect.SOLID`."""

    effect: Effect = Effect.SOLID
    fill: tuple[int, int, int] = (0, 0, 0)


class DeviceChoice(StrEnum):
    """Where networks run. ``auto`` takes CUDA if it is there and says which it took."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class OnCorrupt(StrEnum):
    """What an export does at frames that cannot be decoded."""

    STOP = "stop"
    MASK = "mask"


class Interlaced(StrEnum):
    """What happens to interlaced material."""

    DEINTERLACE = "deinterlace"
    KEEP = "keep"


class VideoCodec(StrEnum):
    """Codec of the copy."""

    H264 = "h264"
    HEVC = "hevc"
    AV1 = "av1"


class AudioMode(StrEnum):
    """What happens to the sound outside of the spans that are edited."""

    KEEP = "keep"
    MUTE = "mute"


class SoundEffect(StrEnum):
    """What is done to a span of sound."""

    MUTE = "mute"
    BLEEP = "bleep"
    DISGUISE = "disguise"


@dataclass(frozen=True, slots=True)
class SoundSpan:
    """Half-open span [start, end) in seconds from the first frame of the picture."""

    start: float
    end: float
    effect: SoundEffect


@dataclass(frozen=True, slots=True)
class FrameSpan:
    """Frames of a master, ``first`` and ``last`` included, counted from 0."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Slate:
    """A title picture before the footage. The first of ``lines`` is its heading."""

    lines: tuple[str, ...]
    seconds: float = 5.0


SLATE_SECONDS = (0.1, 60.0)
"""How long a slate may be shown."""
SLATE_LINES, SLATE_LINE_LENGTH = 24, 300
"""The most lines a slate may have, and the most characters one of them."""
WATERMARK_LENGTH = 100
"""The most characters a watermark may have."""


@dataclass(frozen=True, slots=True)
class EncodeSettings:
    """``quality`` and ``preset`` of None take the codec's default of :data:`ENCODE_DEFAULTS`."""

    codec: VideoCodec = VideoCodec.H264
    quality: int | None = None
    """Constant rate factor: lower is better and larger; 0 to 51 for H.264 and HEVC, 0 to 63 for AV1."""
    preset: str | None = None


@dataclass(frozen=True, slots=True)
class EncodeDefault:
    """Default and allowed values of one codec."""

    quality: int
    quality_range: tuple[int, int]
    preset: str
    fast: str
    """The encoder's preset that goes with :attr:`Preset.FAST`."""
    presets: tuple[str, ...]


X26X_PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
# SVT-AV1 shows artefacts from its preset 10 on, so these are not offered.
ENCODE_DEFAULTS: dict[VideoCodec, EncodeDefault] = {
    VideoCodec.H264: EncodeDefault(20, (0, 51), "veryfast", "superfast", X26X_PRESETS),
    VideoCodec.HEVC: EncodeDefault(22, (0, 51), "superfast", "ultrafast", X26X_PRESETS),
    VideoCodec.AV1: EncodeDefault(30, (0, 63), "8", "9", tuple(str(n) for n in range(10))),
}


@dataclass(frozen=True, slots=True)
class AnalyseSettings:
    """What to look for and how hard."""

    classes: tuple[str, ...] = ("face", "plate")
    preset: Preset = Preset.BALANCED
    device: DeviceChoice = DeviceChoice.AUTO
    models: tuple[str, ...] = ()
    """Paths of Ultralytics YOLO weights to use beside the built-in detectors, for the classes they know."""
    interlaced: Interlaced = Interlaced.DEINTERLACE
    on_corrupt: OnCorrupt = OnCorrupt.STOP


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """How the copy is made."""

    effect: EffectSettings = field(default_factory=EffectSettings)
    effects: Mapping[int, EffectSettings] = field(default_factory=dict)
    """By track id, where a track has another effect than :attr:`effect`."""
    encode: EncodeSettings = field(default_factory=EncodeSettings)
    audio: AudioMode = AudioMode.KEEP
    spans: tuple[SoundSpan, ...] = ()
    interlaced: Interlaced = Interlaced.DEINTERLACE
    on_corrupt: OnCorrupt = OnCorrupt.STOP
    device: DeviceChoice = DeviceChoice.AUTO
    """Where masks are drawn."""
    overwrite: bool = False
    clip: FrameSpan | None = None
    """What of the master is in the copy; None for all of it."""
    slate: Slate | None = None
    watermark: str = ""
    """Text drawn over the footage, again and again; empty for none."""
