"""From settings to detectors: which networks run, at what scales and thresholds. The one place for these figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from redact.detect.centerface import CenterFace
from redact.detect.runtime import choose_device
from redact.detect.scales import MultiScaleDetector, Scale
from redact.detect.text import TextDetector
from redact.detect.types import Detector
from redact.detect.yolo import YoloDetector
from redact.errors import UnknownClass
from redact.settings import AnalyseSettings, Preset

BUILTIN_CLASSES = ("face", "plate", "text")


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A detector and how often it runs: on at least one frame in every ``period`` seconds, and on every first frame."""

    detector: Detector
    period: float


@dataclass(frozen=True, slots=True)
class Tier:
    """What one preset does with one family."""

    scales: tuple[Scale, ...]
    period: float


HALF = Scale(0.5, 640, 960)
THREE_QUARTERS = Scale(0.75, 960, 1440)
WHOLE = Scale(1.0, 1280, 0)
COARSE = Scale(0.0, 640, 640)
"""Beside the whole size, so that what fills the picture is found as well as what is tiny."""
FACE_TIERS = {
    Preset.FAST: Tier((HALF,), 0.2),
    Preset.BALANCED: Tier((THREE_QUARTERS,), 0.16),
    Preset.THOROUGH: Tier((WHOLE, COARSE), 0.04),
}
TEXT_TIERS = {
    Preset.FAST: Tier((HALF,), 0.32),
    Preset.BALANCED: Tier((THREE_QUARTERS,), 0.24),
    Preset.THOROUGH: Tier((WHOLE, COARSE), 0.08),
}
YOLO_TIERS = FACE_TIERS
FACE_THRESHOLD = 0.2
TEXT_THRESHOLD = 0.5
YOLO_THRESHOLD = 0.15


def make_detectors(settings: AnalyseSettings) -> list[Scheduled]:
    """Load everything the settings ask for.

    Raises :class:`UnknownClass` for a class that no detector knows, :class:`redact.errors.DeviceMissing`, and the
    errors of loading weights.
    """
    device = choose_device(settings.device)
    own = [YoloDetector(Path(path), settings.classes, YOLO_THRESHOLD, device) for path in settings.models]
    known = {*BUILTIN_CLASSES, *(label for detector in own for label in detector.all_labels)}
    unknown = [name for name in settings.classes if name not in known]
    if unknown or not settings.classes:
        raise UnknownClass(
            f"No detector knows the class {', '.join(map(repr, unknown)) or '(none given)'}.",
            f"Known classes: {', '.join(sorted(known))}.",
        )
    tier = YOLO_TIERS[settings.preset]
    scheduled = [Scheduled(MultiScaleDetector(detector, tier.scales), tier.period) for detector in own]
    if "face" in settings.classes:
        tier = FACE_TIERS[settings.preset]
        scheduled.append(Scheduled(MultiScaleDetector(CenterFace(FACE_THRESHOLD, device), tier.scales), tier.period))
    text = tuple(name for name in ("plate", "text") if name in settings.classes)
    if text:
        tier = TEXT_TIERS[settings.preset]
        detector = TextDetector(text, TEXT_THRESHOLD, device)
        scheduled.append(Scheduled(MultiScaleDetector(detector, tier.scales), tier.period))
    return scheduled


def device_name(device: torch.device) -> str:
    """For the log: the device in words."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
