"""Loads the detectors that the settings and the registry ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import torch

from redact.detect import registry
from redact.detect.centerface import CenterFace
from redact.detect.entries import Family, RegisteredModel, Tier
from redact.detect.plates import PlateDetector
from redact.detect.runtime import choose_device
from redact.detect.scales import DetectionScale, FixedSizeDetector, MultiScaleDetector
from redact.detect.text import TextDetector
from redact.detect.types import Detector
from redact.detect.yolo import YoloDetector
from redact.errors import UnknownClass
from redact.settings import AnalyseSettings

Maker = Callable[[RegisteredModel, tuple[str, ...], float, torch.device], FixedSizeDetector]
"""Called with the model, the classes to look for (a subset of the model's, in its order), the threshold and the
device."""
MAKERS: Mapping[Family, Maker] = {
    Family.CENTERFACE: lambda model, _classes, threshold, device: CenterFace(model, threshold, device),
    Family.PLATES: PlateDetector,
    Family.PPOCR: TextDetector,
    Family.YOLO: YoloDetector,
}


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A detector and how often it runs: on at least one frame in every ``period`` seconds, and on the first and last
    frame of every shot. If there is a second one, ``between``, the two run alternately."""

    detector: Detector
    period: float
    between: Detector | None = None

    @property
    def detectors(self) -> tuple[Detector, ...]:
        """Detectors, in alternating order."""
        return (self.detector, self.between) if self.between else (self.detector,)


def make_detectors(settings: AnalyseSettings) -> list[Scheduled]:
    """Load all detectors for the settings: weights given for this run, added models, and built-in ones.

    If several detectors find the same class, tracks are made from the detections of all of them. Raises
    :class:`UnknownClass` for a class that no detector finds at this preset, :class:`redact.errors.DeviceMissing`,
    :class:`redact.errors.RegistryInvalid`, and the errors of loading weights.
    """
    device = choose_device(settings.device)
    known = registry.all_models()
    tier = known.own[Family.YOLO][settings.preset]
    named = [
        YoloDetector(registry.unregistered(Path(path)), settings.classes, tier.threshold, device)
        for path in settings.models
    ]
    found = {model.name: known.found_by(model, settings.preset) for model in known.models}
    _check_classes(settings, {*chain(*found.values(), *(detector.all_labels for detector in named))})
    made = [_scheduled(detector, tier) for detector in named]
    for model in known.models:
        wanted = tuple(label for label in found[model.name] if label in settings.classes)
        its_tier = known.tier(model, settings.preset)
        if wanted and its_tier is not None:
            made.append(_scheduled(MAKERS[model.family](model, wanted, its_tier.threshold, device), its_tier))
    return made


def _check_classes(settings: AnalyseSettings, known: set[str]) -> None:
    unknown = [name for name in settings.classes if name not in known]
    if unknown or not settings.classes:
        raise UnknownClass(
            f"No detector finds the class {', '.join(map(repr, unknown)) or '(none given)'}"
            f" at the preset {settings.preset}.",
            f"Known classes: {', '.join(sorted(known))}.",
        )


def _scheduled(detector: FixedSizeDetector, tier: Tier) -> Scheduled:
    between = [DetectionScale(*scale) for scale in tier.between]
    return Scheduled(
        MultiScaleDetector(detector, [DetectionScale(*scale) for scale in tier.scales]),
        tier.period,
        MultiScaleDetector(detector, between) if between else None,
    )


def device_name(device: torch.device) -> str:
    """The name of the device for the log."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
