"""All defaults and allowed ranges. Command line, configuration, pages and documents read them from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Preset(StrEnum):
    """Thoroughness of detection. The rules are the same for all three; only sizes and intervals differ."""

    FAST = "fast"
    BALANCED = "balanced"
    THOROUGH = "thorough"


FLOW_SIDES = {Preset.FAST: 320, Preset.BALANCED: 416, Preset.THOROUGH: 480}
"""Longer side, in pixels, of the small pictures used to measure motion."""


class Effect(StrEnum):
    """Effect that hides the picture under a mask."""

    SOLID = "solid"
    MOSAIC = "mosaic"
    BLUR = "blur"


@dataclass(frozen=True, slots=True)
class EffectSettings:
    """An effect; ``fill`` is an sRGB triple of 0 to 255, used by :attr:`Effect.SOLID`."""

    effect: Effect = Effect.SOLID
    fill: tuple[int, int, int] = (0, 0, 0)


class DeviceChoice(StrEnum):
    """Device that runs networks. ``auto`` uses CUDA if available; the log says which was used."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class OnCorrupt(StrEnum):
    """Handling of damaged frames: stop, or mask them completely."""

    STOP = "stop"
    MASK = "mask"


class Interlaced(StrEnum):
    """Handling of interlaced footage."""

    DEINTERLACE = "deinterlace"
    KEEP = "keep"


class VideoCodec(StrEnum):
    """The video codec of a copy."""

    H264 = "h264"
    HEVC = "hevc"
    AV1 = "av1"


class AudioMode(StrEnum):
    """Handling of the sound outside the edited spans."""

    KEEP = "keep"
    MUTE = "mute"


class SoundEffect(StrEnum):
    """Effect that hides a span of sound."""

    MUTE = "mute"
    BLEEP = "bleep"
    DISGUISE = "disguise"


@dataclass(frozen=True, slots=True)
class SoundSpan:
    """A half-open span [start, end) in seconds from the first frame of the picture."""

    start: float
    end: float
    effect: SoundEffect


@dataclass(frozen=True, slots=True)
class FrameSpan:
    """Frames of a master from ``first`` to ``last``, both included, counted from 0."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Slate:
    """A title picture shown before the footage. The first of ``lines`` is its heading."""

    lines: tuple[str, ...]
    seconds: float = 5.0


SLATE_SECONDS = (0.1, 60.0)
"""Shortest and longest time that a slate may be shown, in seconds."""
SLATE_LINES, SLATE_LINE_LENGTH = 24, 300
"""Most lines on a slate, and most characters in a line."""
WATERMARK_LENGTH = 100
"""Most characters in a watermark."""


@dataclass(frozen=True, slots=True)
class EncodeSettings:
    """Encoder settings; ``quality`` and ``preset`` of None mean the codec's default in :data:`ENCODE_DEFAULTS`."""

    codec: VideoCodec = VideoCodec.H264
    quality: int | None = None
    """Constant rate factor: lower values give better quality and larger files; 0 to 51 for H.264 and HEVC, 0 to 63 for
    AV1."""
    preset: str | None = None


@dataclass(frozen=True, slots=True)
class EncodeDefault:
    """Default and allowed values for one codec."""

    quality: int
    quality_range: tuple[int, int]
    preset: str
    fast: str
    """The encoder's preset to use with :attr:`Preset.FAST`."""
    presets: tuple[str, ...]


X26X_PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
# SVT-AV1 shows artefacts from preset 10 on, so these are not offered.
ENCODE_DEFAULTS: dict[VideoCodec, EncodeDefault] = {
    VideoCodec.H264: EncodeDefault(20, (0, 51), "veryfast", "superfast", X26X_PRESETS),
    VideoCodec.HEVC: EncodeDefault(22, (0, 51), "superfast", "ultrafast", X26X_PRESETS),
    VideoCodec.AV1: EncodeDefault(30, (0, 63), "8", "9", tuple(str(n) for n in range(10))),
}


@dataclass(frozen=True, slots=True)
class AnalyseSettings:
    """Settings for detection."""

    classes: tuple[str, ...] = ("face", "plate")
    preset: Preset = Preset.BALANCED
    device: DeviceChoice = DeviceChoice.AUTO
    models: tuple[str, ...] = ()
    """Paths of Ultralytics YOLO weights to use in addition to the built-in detectors, for the classes they find."""
    interlaced: Interlaced = Interlaced.DEINTERLACE
    on_corrupt: OnCorrupt = OnCorrupt.STOP


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """Settings for a redacted copy."""

    effect: EffectSettings = field(default_factory=EffectSettings)
    effects: Mapping[int, EffectSettings] = field(default_factory=dict)
    """Effects by track id, for tracks with another effect than :attr:`effect`."""
    encode: EncodeSettings = field(default_factory=EncodeSettings)
    audio: AudioMode = AudioMode.KEEP
    spans: tuple[SoundSpan, ...] = ()
    interlaced: Interlaced = Interlaced.DEINTERLACE
    on_corrupt: OnCorrupt = OnCorrupt.STOP
    device: DeviceChoice = DeviceChoice.AUTO
    """The device on which masks are drawn."""
    overwrite: bool = False
    clip: FrameSpan | None = None
    """The part of the master to copy; None for all of it."""
    slate: Slate | None = None
    watermark: str = ""
    """Text drawn repeatedly over the footage; empty for none."""
