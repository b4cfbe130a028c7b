"""Chooses the encoder for a copy and its options: in software, or on a graphics card (NVENC) where available."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from redact.errors import BadUsage
from redact.media.encoder_frames import FORMATS, even
from redact.media.types import MediaInfo
from redact.settings import ENCODE_DEFAULTS, EncodeSettings, VideoCodec

ENCODERS = {VideoCodec.H264: "libx264", VideoCodec.HEVC: "libx265", VideoCodec.AV1: "libsvtav1"}
CARD_ENCODERS = {VideoCodec.H264: "h264_nvenc", VideoCodec.HEVC: "hevc_nvenc", VideoCodec.AV1: "av1_nvenc"}
CARD_PRESETS = 7
"""NVENC's presets are p1 (fastest) to p7."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """An encoder, with FFmpeg's ``name`` and ``options`` for it. If the card's encoder was requested, ``note`` says
    that it is used, or why not."""

    name: str
    options: Mapping[str, str]
    bit_depth: int
    note: str = ""


def encoder_for(info: MediaInfo, settings: EncodeSettings, *, card: bool) -> Encoder:
    """The encoder for a copy of ``info``; with ``card``, NVENC if it can be opened for such a picture.

    Raises BadUsage for a quality or preset the codec does not have.
    """
    options = encoder_options(settings)
    # 10-bit H.264 exists, but browsers and most players do not play it.
    depth = 10 if info.video.bit_depth > 8 and settings.codec is not VideoCodec.H264 else 8
    software = ENCODERS[settings.codec]
    if not card:
        return Encoder(software, options, depth)
    name = CARD_ENCODERS[settings.codec]
    if depth > 8:
        return Encoder(
            software, options, depth, note=f"encoded with {software}: {name} is used for 8-bit pictures only"
        )
    card_options = _card_options(settings, options)
    problem = card_problem(name, even(info.video.upright_width), even(info.video.upright_height), card_options)
    if problem:
        return Encoder(software, options, depth, note=f"encoded with {software}: {name} cannot be used ({problem})")
    return Encoder(name, card_options, depth, note=f"encoded with {name}, on the card")


def encoder_options(settings: EncodeSettings) -> dict[str, str]:
    """Options for the software encoder of ``settings``. Raises BadUsage for a quality or preset it does not have."""
    default = ENCODE_DEFAULTS[settings.codec]
    quality = default.quality if settings.quality is None else settings.quality
    preset = default.preset if settings.preset is None else settings.preset
    low, high = default.quality_range
    if not low <= quality <= high:
        raise BadUsage(
            f"{quality} is not a valid quality for {settings.codec}.", f"Give {low} (best) to {high} (smallest)."
        )
    if preset not in default.presets:
        raise BadUsage(f'"{preset}" is not a preset of {settings.codec}.', f"Presets are {', '.join(default.presets)}.")
    return {"crf": str(quality), "preset": preset}


def card_problem(name: str, width: int = 1280, height: int = 720, options: Mapping[str, str] | None = None) -> str:
    """Why the card's encoder ``name`` cannot be opened for pictures of this size; empty if it can."""
    try:
        context = av.CodecContext.create(name, "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = width, height, FORMATS[8]
        context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
        context.options = dict(options or {})
        context.open()
    except av.codec.codec.UnknownCodecError:
        return "this build of FFmpeg does not have it"
    except (av.FFmpegError, ValueError, OSError) as error:
        return f"opening it failed: {getattr(error, 'strerror', None) or error}"
    return ""


def _card_options(settings: EncodeSettings, options: Mapping[str, str]) -> dict[str, str]:
    """The equivalent NVENC options: constant quality on the same scale, the preset at the same position in its list.

    B-frames are off, so frames are decoded in the order they are shown and every timestamp is exactly the master's.
    """
    presets = ENCODE_DEFAULTS[settings.codec].presets
    place = presets.index(options["preset"]) / (len(presets) - 1)
    if settings.codec is VideoCodec.AV1:  # its presets go from slow to fast, those of the others from fast to slow
        place = 1 - place
    # A target of 0 would mean "not set".
    quality = str(max(1, int(options["crf"])))
    return {"preset": f"p{1 + round(place * (CARD_PRESETS - 1))}", "rc": "vbr", "cq": quality, "b": "0", "bf": "0"}


@contextmanager
def ordinary_priority() -> Iterator[None]:
    """Restore ordinary priority, at the end of the block, to threads that became real-time threads in it.

    SVT-AV1, run as root, gives its own threads and the calling thread real-time priority. Until the process ended,
    nothing else on the machine would run, and whatever that thread starts would inherit the priority.
    """
    before = _real_time()
    try:
        yield
    finally:
        for thread in _real_time() - before:
            with suppress(ProcessLookupError):  # it has ended in the meantime
                os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))


def _real_time() -> set[int]:
    """The real-time threads of this process; empty on systems without /proc."""
    found = set()
    with suppress(OSError):
        for task in Path("/proc/self/task").iterdir():
            with suppress(ProcessLookupError):
                if os.sched_getscheduler(int(task.name)) in (os.SCHED_FIFO, os.SCHED_RR):
                    found.add(int(task.name))
    return found
