"""Strict parser for model registries: anything not fully understood is refused, never guessed or skipped.

A registry decides what is searched for in footage. If a misspelt key were ignored, a detector would silently not run.
``models/README.md`` describes the format.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TypeVar

from redact.detect.entries import DistributionFile, Family, OwnFile, PackageFile, Place, RegisteredModel, Registry, Tier
from redact.errors import RegistryInvalid
from redact.settings import Preset
from redact.strict_toml import Table, is_line, parse_table

_Kind = TypeVar("_Kind", Family, Preset)
MODEL_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
LONGEST_PERIOD = 2.0
"""Seconds. Tracks bridge only a few seconds without a detection, and people who appear in between must be found."""
LARGEST_SIDE = 16384
LARGEST_SHARE = 4.0


def is_class_name(untrusted_text: str) -> bool:
    """Whether this can be used as a class name with ``--classes``."""
    return is_line(untrusted_text) and not set(untrusted_text) & {",", "="}


def parse(text: str, origin: str, folder: Path | None) -> Registry:
    """Parse a registry from its TOML.

    ``origin`` names it in errors. ``folder`` contains the weights of a user's registry, whose models give a ``path`` in
    it; None for the built-in registry, whose models come with distributions or with the package ``redact_models``.
    Raises :class:`RegistryInvalid`.
    """

    def refusal(why: str) -> RegistryInvalid:
        return RegistryInvalid(
            f"In the registry of models {origin}, {why}.",
            "Correct it; models/README.md of the workbench describes the format.",
        )

    table = parse_table(text.encode(), refusal)
    models = tuple(_model(name, entry, folder) for name, entry in table.tables("model"))
    by_name = {model.name: model for model in models}
    presets: dict[Preset, dict[str, Tier]] = {}
    for key, entries in table.tables("preset"):
        preset = _member(Preset, key, entries)
        for name in entries.names():
            entry = entries.table(name)
            if name not in by_name:
                entry.refuse("refers to a model that is not listed")
            presets.setdefault(preset, {})[name] = _tier(entry, by_name[name].classes)
    own: dict[Family, dict[Preset, Tier]] = {}
    for key, entries in table.tables("own") if folder is None else ():
        family = _member(Family, key, entries)
        own[family] = {preset: _tier(entries.table(preset.value), ()) for preset in Preset}
        entries.done()
    table.done()
    return Registry(models, presets, own)


def _member(kind: type[_Kind], name: str, table: Table) -> _Kind:
    try:
        return kind(name)
    except ValueError:
        table.refuse(f"has the unknown name {name!r}; known names: {', '.join(kind)}")


def _model(name: str, table: Table, folder: Path | None) -> RegisteredModel:
    if not MODEL_NAME.fullmatch(name):
        table.refuse("has a name that is not made of lower-case letters, digits, - and _")
    family = _member(Family, table.text("family"), table)
    place = _place(table, folder)
    sha256 = _sha256(table, "sha256")
    licence = table.text("licence")
    classes = table.texts("classes")
    if not all(map(is_class_name, classes)):
        table.refuse("has a class with a comma or an equals sign in its name")
    model = RegisteredModel(
        name,
        family,
        place,
        sha256,
        licence,
        classes,
        _size(table) if "input_size" in table else None,
        _names(table.table("names"), classes) if "names" in table else {},
        _sha256(table, "source_sha256") if "source_sha256" in table else None,
    )
    table.done()
    return model


def _place(table: Table, folder: Path | None) -> Place:
    if folder is not None:
        name = table.text("path")
        if PurePosixPath(name).name != name:
            table.refuse("has a path that is not the name of a file beside the registry")
        return OwnFile(folder / name)
    if "package_file" in table:
        return PackageFile(_relative(table, "package_file"))
    return DistributionFile(table.text("distribution"), _relative(table, "file"))


def _relative(table: Table, key: str) -> str:
    path = PurePosixPath(table.text(key))
    if path.is_absolute() or ".." in path.parts or "\\" in str(path):
        table.refuse(f"has a {key} outside its package")
    return str(path)


def _sha256(table: Table, key: str) -> str:
    value = table.text(key)
    if not re.fullmatch("[0-9a-f]{64}", value):
        table.refuse(f"has a {key} that is not 64 lower-case hexadecimal digits")
    return value


def _size(table: Table) -> tuple[int, int]:
    value = table.take("input_size")
    if not (
        isinstance(value, list) and len(value) == 2 and all(type(n) is int and 0 < n <= LARGEST_SIDE for n in value)
    ):
        table.refuse("has an input_size that is not [width, height] in pixels")
    return (int(value[0]), int(value[1]))


def _names(table: Table, classes: tuple[str, ...]) -> Mapping[str, str]:
    names = {key: table.text(key) for key in table.names()}
    if set(names.values()) != set(classes):
        table.refuse("does not map to exactly the classes of the model")
    return names


def _tier(table: Table, classes: tuple[str, ...]) -> Tier:
    threshold = table.number("threshold", 0, 1)
    period = table.number("period", 0, LONGEST_PERIOD)
    scales = _scales(table, "scales")
    between = _scales(table, "between") if "between" in table else ()
    wanted = table.texts("classes") if "classes" in table else ()
    if not set(wanted) <= set(classes):
        table.refuse("has classes that its model does not find")
    tier = Tier(threshold, period, scales, wanted, between)
    table.done()
    return tier


def _scales(tier: Table, key: str) -> tuple[tuple[float, int, int], ...]:
    scales = tier.take(key)
    if not isinstance(scales, list) or not scales:
        tier.refuse(f"has no list of scales in {key}")
    return tuple(_scale(tier.child(item, key)) for item in scales)


def _scale(table: Table) -> tuple[float, int, int]:
    share = table.number("share", 0, LARGEST_SHARE)
    floor = table.whole("floor", 0, LARGEST_SIDE)
    ceiling = table.whole("ceiling", 0, LARGEST_SIDE)
    table.done()
    if not (share or floor) or 0 < ceiling < floor:
        table.refuse("has a scale of no size, or a ceiling below its floor")
    return (share, floor, ceiling)
