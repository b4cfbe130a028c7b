"""The models there are: those that come with the install (``models/registry.toml``) and those that a user added."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from pathlib import Path

from redact.detect.entries import Family, OwnFile, RegisteredModel, Registry
from redact.detect.registry_file import parse
from redact.errors import InputMissing, RegistryInvalid
from redact.home import home
from redact.settings import Preset

FILE = "registry.toml"
FOLDER = "models"
"""Of the user's own registry and weights, in :func:`redact.home.home`."""


@cache
def builtin() -> Registry:
    """What comes with the install."""
    return parse(resources.files("redact_models").joinpath(FILE).read_text("utf-8"), "of the workbench", None)


def builtin_model(name: str) -> RegisteredModel:
    """A model that comes with the install, by its name."""
    return next(model for model in builtin().models if model.name == name)


def added_text() -> str:
    """The user's registry as it lies on disk; empty where there is none. Raises :class:`RegistryInvalid`."""
    path = home() / FOLDER / FILE
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        # Going on without it would leave out what a person asked to have found.
        raise RegistryInvalid(f'The registry of added models, "{path}", cannot be read: {error}.') from error


def parse_added(text: str) -> Registry:
    """A user's registry, checked by itself and against what comes with the install. Raises :class:`RegistryInvalid`."""
    folder = home() / FOLDER
    found = parse(text, f'"{folder / FILE}"', folder)
    taken = {model.name for model in builtin().models} & {model.name for model in found.models}
    if taken:
        raise RegistryInvalid(
            f'The registry of added models, "{folder / FILE}", has names of the workbench\'s own: {", ".join(taken)}.',
            "Give these models other names.",
        )
    return found


def added() -> Registry:
    """What the user added. Read anew each time. Raises :class:`RegistryInvalid`."""
    return parse_added(added_text())


def everything() -> Registry:
    """Added models, then those that come with the install. Raises :class:`RegistryInvalid`."""
    own, base = added(), builtin()
    presets = {preset: {**own.presets.get(preset, {}), **base.presets.get(preset, {})} for preset in Preset}
    return Registry(own.models + base.models, presets, base.own)


def unregistered(path: Path) -> RegisteredModel:
    """Weights that a user names for one run. Raises :class:`redact.errors.InputMissing`."""
    try:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputMissing(f'The model file "{path}" cannot be read: {error.strerror}.', "Check the path.") from error
    return RegisteredModel(path.name, Family.YOLO, OwnFile(path), sha256, "unknown", ())
