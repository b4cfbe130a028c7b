"""All registered models: the built-in ones (``redact_models/registry.toml``) and those that a user added."""

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
"""Folder of the user's registry and weights in :func:`redact.home.home`."""


@cache
def builtin() -> Registry:
    """The registry of built-in models."""
    return parse(resources.files("redact_models").joinpath(FILE).read_text("utf-8"), "of the workbench", None)


def builtin_model(name: str) -> RegisteredModel:
    """The built-in model of this name."""
    return next(model for model in builtin().models if model.name == name)


def added_text() -> str:
    """The text of the user's registry; empty if there is none. Raises :class:`RegistryInvalid`."""
    path = home() / FOLDER / FILE
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        # Continuing without it would leave out models that the user asked for.
        raise RegistryInvalid(f'The registry of added models, "{path}", cannot be read: {error}.') from error


def parse_added(text: str) -> Registry:
    """Parse and check a user's registry, also against the built-in models. Raises :class:`RegistryInvalid`."""
    folder = home() / FOLDER
    found = parse(text, f'"{folder / FILE}"', folder)
    taken = {model.name for model in builtin().models} & {model.name for model in found.models}
    if taken:
        raise RegistryInvalid(
            f'The registry of added models, "{folder / FILE}", uses names of built-in models: {", ".join(taken)}.',
            "Give these models other names.",
        )
    return found


def added() -> Registry:
    """The models that the user added; read again on each call. Raises :class:`RegistryInvalid`."""
    return parse_added(added_text())


def all_models() -> Registry:
    """Added models, then built-in ones. Raises :class:`RegistryInvalid`."""
    own, base = added(), builtin()
    presets = {preset: {**own.presets.get(preset, {}), **base.presets.get(preset, {})} for preset in Preset}
    return Registry(own.models + base.models, presets, base.own)


def unregistered(path: Path) -> RegisteredModel:
    """Weights that a user gives for a single run. Raises :class:`redact.errors.InputMissing`."""
    try:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputMissing(f'The model file "{path}" cannot be read: {error.strerror}.', "Check the path.") from error
    return RegisteredModel(path.name, Family.YOLO, OwnFile(path), sha256, "unknown", ())
