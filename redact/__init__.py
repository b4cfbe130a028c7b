"""A privacy redaction and disclosure workbench for body-worn video.

The names in ``__all__`` are the public Python interface, described in ``docs/api.md``. Everything else may change
without notice.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from redact.offline import enforce

if TYPE_CHECKING:
    from redact import errors
    from redact.pipeline.analysis import analyse
    from redact.pipeline.rendering import RenderReport, render
    from redact.settings import (
        AnalyseSettings,
        AudioMode,
        DeviceChoice,
        Effect,
        EffectSettings,
        EncodeSettings,
        FrameSpan,
        Interlaced,
        OnCorrupt,
        Preset,
        RenderSettings,
        Slate,
        SoundEffect,
        SoundSpan,
        VideoCodec,
    )
    from redact.track.file import load as read_tracks
    from redact.track.file import save as write_tracks
    from redact.track.types import MediaRef, Source, Track, TrackSet

__version__ = "0.1.0"

__all__ = [
    "AnalyseSettings",
    "AudioMode",
    "DeviceChoice",
    "Effect",
    "EffectSettings",
    "EncodeSettings",
    "FrameSpan",
    "Interlaced",
    "MediaRef",
    "OnCorrupt",
    "Preset",
    "RenderReport",
    "RenderSettings",
    "Slate",
    "SoundEffect",
    "SoundSpan",
    "Source",
    "Track",
    "TrackSet",
    "VideoCodec",
    "__version__",
    "analyse",
    "errors",
    "read_tracks",
    "render",
    "write_tracks",
]

_ELSEWHERE = {
    "analyse": ("redact.pipeline.analysis", "analyse"),
    "render": ("redact.pipeline.rendering", "render"),
    "RenderReport": ("redact.pipeline.rendering", "RenderReport"),
    "read_tracks": ("redact.track.file", "load"),
    "write_tracks": ("redact.track.file", "save"),
    **{name: ("redact.track.types", name) for name in ("MediaRef", "Source", "Track", "TrackSet")},
}
"""Names that are not settings: the module that defines each, and its name there."""

enforce()


def __getattr__(name: str) -> object:
    # Imported on first use: torch alone takes a second, which ``redact --help`` need not wait for.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "errors":
        return import_module("redact.errors")
    module, attribute = _ELSEWHERE.get(name, ("redact.settings", name))
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return __all__
