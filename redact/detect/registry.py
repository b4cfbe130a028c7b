"""Which weights may be loaded, where they lie, and whether they are the ones that were vouched for."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import metadata, resources
from pathlib import Path

from redact.errors import ModelHashMismatch, ModelMissing


class WeightState(StrEnum):
    """What was found where the registry says the weights are."""

    OK = "ok"
    MISSING = "missing"
    ALTERED = "altered"


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """One entry of ``models/registry.toml``."""

    name: str
    family: str
    distribution: str
    file: str
    sha256: str
    licence: str
    classes: tuple[str, ...]

    @property
    def path(self) -> Path | None:
        """Where the installed distribution keeps the weights; None when it is not installed."""
        try:
            found = metadata.distribution(self.distribution).locate_file(self.file)
        except metadata.PackageNotFoundError:
            return None
        path = Path(str(found))
        return path if path.is_file() else None

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
            raise ModelMissing(
                f"The weights of {self.name} are not on this machine.",
                f"Install the Python distribution {self.distribution}; `redact doctor` lists what is missing.",
            )
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise ModelHashMismatch(
                f"The weights of {self.name} on this machine are not the ones the registry vouches for.",
                f"Reinstall the Python distribution {self.distribution}.",
            )
        return content


@cache
def builtin_models() -> tuple[RegisteredModel, ...]:
    """Every model of the registry that comes with the install."""
    table = tomllib.loads(resources.files("models").joinpath("registry.toml").read_text("utf-8"))
    return tuple(
        RegisteredModel(
            name=name,
            family=entry["family"],
            distribution=entry["distribution"],
            file=entry["file"],
            sha256=entry["sha256"],
            licence=entry["licence"],
            classes=tuple(entry["classes"]),
        )
        for name, entry in table.items()
    )


def builtin_model(name: str) -> RegisteredModel:
    """One entry by its name."""
    return next(model for model in builtin_models() if model.name == name)
