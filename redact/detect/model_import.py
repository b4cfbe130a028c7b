"""Registers a user's own weights for all later runs."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

from redact.detect import registry
from redact.detect.entries import Family, OwnFile, RegisteredModel, Tier
from redact.detect.factory import MAKERS
from redact.detect.plates import is_plate_network
from redact.detect.registry_file import MODEL_NAME, is_class_name
from redact.detect.runtime import parsed
from redact.detect.yolo import PICKLES, class_names, refuse_pickle
from redact.errors import BadUsage, InputMissing, ModelExists, ModelUnusable
from redact.home import folder_for
from redact.media.part_file import write_whole
from redact.settings import Preset
from redact.strict_toml import is_line

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Options for registering a model.

    ``name``: None uses the file name. ``classes``: the network's name of a class -> the workbench's; if empty, all
    classes keep their names. ``trust``: the user trusts the origin of the file, so it may contain code.
    """

    name: str | None = None
    licence: str = "not stated"
    classes: Mapping[str, str] = field(default_factory=dict)
    presets: tuple[Preset, ...] = tuple(Preset)
    trust: bool = False


def add(path: Path, options: ImportOptions) -> RegisteredModel:
    """Copy weights into the user's folder, convert them if they are a checkpoint, and register them.

    Nothing is registered unless the copy loads and its output is that of a detector. Raises
    :class:`redact.errors.ModelNotTrusted` for a checkpoint that is not trusted, before any of it is unpickled,
    :class:`ModelExists`, :class:`ModelUnusable`, :class:`BadUsage`, :class:`InputMissing`,
    :class:`redact.errors.RegistryInvalid`, and the errors of writing.
    """
    name = _checked_name(options.name, path)
    if not is_line(options.licence):
        raise BadUsage("The licence is not a single line of text.", "Give a short name, as in --licence MIT.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputMissing(f'The model file "{path}" cannot be read: {error.strerror}.', "Check the path.") from error
    digest = hashlib.sha256(content).hexdigest()
    _check_new(name, digest)
    source = None
    if content.startswith(PICKLES):
        if not options.trust:
            refuse_pickle(content, path.name)
        from redact.detect.checkpoint import to_onnx

        content, source = to_onnx(content, path.name), digest
    graph = parsed(content)
    family = Family.PLATES if is_plate_network(graph) else Family.YOLO
    if family is Family.PLATES and options.classes:
        raise BadUsage(f"{path.name} finds plates only.", "Leave out --classes.")
    names = _wanted_names(class_names(graph, path.name), options.classes, path.name)
    folder = folder_for(registry.FOLDER)
    target = folder / f"{name}.onnx"
    model = RegisteredModel(
        name,
        family,
        OwnFile(target),
        hashlib.sha256(content).hexdigest(),
        options.licence,
        tuple(dict.fromkeys(names.values())),
        names=names,
        source_sha256=source,
    )
    with _locked(folder):
        _check_new(name, digest)
        # An existing file under a name that is not registered was left by an import that was killed.
        write_whole(target, content, overwrite=True)
        try:
            _try_out(model)
            _register(model, options.presets)
        except BaseException:
            target.unlink()
            raise
    return model


def _checked_name(asked: str | None, path: Path) -> str:
    name = asked if asked is not None else re.sub("[^a-z0-9_-]+", "-", path.stem.lower()).strip("-_")
    if not MODEL_NAME.fullmatch(name):
        raise BadUsage(
            f"{name!r} is not a valid model name.",
            "Use --name with up to 64 lower-case letters, digits, - and _.",
        )
    return name


def _check_new(name: str, digest: str) -> None:
    for model in registry.all_models().models:
        if digest in (model.sha256, model.source_sha256):
            raise ModelExists(f"These weights are already registered as {model.name}.", "There is nothing to do.")
        if name == model.name:
            raise ModelExists(f"A model called {name} already exists.", "Choose another name with --name.")


def _wanted_names(own: Sequence[str], asked: Mapping[str, str], file: str) -> dict[str, str]:
    """The network's name of each class to keep -> the workbench's name."""
    names = dict(asked) or {name: name for name in own}
    unknown = [name for name in names if name not in own]
    if unknown:
        raise BadUsage(
            f"The network of {file} has no class {', '.join(map(repr, unknown))}.", f"It has: {', '.join(own)}."
        )
    odd = [name for name in (*names, *names.values()) if not is_class_name(name)]
    if odd:
        raise ModelUnusable(
            f"The network of {file} has a class name that cannot be used with --classes: {odd[0]!r}.",
            "Leave the class out or give it a plain name, as in --classes 'odd name=plate'.",
        )
    return names


def _try_out(model: RegisteredModel) -> None:
    """Load and run the model once. Raises what loading and running raise."""
    detector = MAKERS[model.family](model, model.classes, 0.5, CPU)
    detector.detect(torch.zeros((1, 3, 320, 448), dtype=torch.uint8))


def _register(model: RegisteredModel, presets: Sequence[Preset]) -> None:
    own = registry.builtin().own[model.family]
    before = registry.added_text()
    after = before + ("\n" if before else "") + _model_text(model)
    after += "".join(_tier_text(model.name, preset, own[preset]) for preset in presets)
    # What is written is checked as strictly as what is read: an unreadable registry stops every later run.
    registry.parse_added(after)
    write_whole(folder_for(registry.FOLDER) / registry.FILE, after.encode(), overwrite=True)


def _model_text(model: RegisteredModel) -> str:
    lines = [
        f"[model.{model.name}]",
        f"family = {_quoted(model.family)}",
        f"path = {_quoted(f'{model.name}.onnx')}",
        f"sha256 = {_quoted(model.sha256)}",
        f"licence = {_quoted(model.licence)}",
        f"classes = [{', '.join(map(_quoted, model.classes))}]",
        f"names = {{ {', '.join(f'{_quoted(own)} = {_quoted(name)}' for own, name in model.names.items())} }}",
    ]
    if model.source_sha256:
        lines.append(f"source_sha256 = {_quoted(model.source_sha256)}")
    return "\n".join(lines) + "\n"


def _tier_text(name: str, preset: Preset, tier: Tier) -> str:
    text = f"\n[preset.{preset}.{name}]\nthreshold = {tier.threshold}\nperiod = {tier.period}\n"
    for key, scales in (("scales", tier.scales), ("between", tier.between)):
        sizes = (f"{{ share = {share}, floor = {floor}, ceiling = {ceiling} }}" for share, floor, ceiling in scales)
        text += f"{key} = [{', '.join(sizes)}]\n" if scales else ""
    return text


def _quoted(text: str) -> str:
    """A TOML basic string. JSON's escapes are valid in TOML; :func:`is_line` excludes what TOML forbids."""
    return json.dumps(text, ensure_ascii=False)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Allow one import at a time: two at once would each write a registry without the other's model."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
