"""A user's own weights, registered for every later run."""

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
class Wish:
    """How a model is to be registered.

    ``name``: None takes it from the file's. ``classes``: what the network calls a class -> what the workbench is to
    call it; empty takes all as they are. ``trust``: whoever made the file is trusted, so it may be code.
    """

    name: str | None = None
    licence: str = "not stated"
    classes: Mapping[str, str] = field(default_factory=dict)
    presets: tuple[Preset, ...] = tuple(Preset)
    trust: bool = False


def add(path: Path, wish: Wish) -> RegisteredModel:
    """Copy weights into the user's folder, converted if they are a checkpoint, and register them.

    Nothing is registered unless the copy has been loaded and has answered like a detector. Raises
    :class:`redact.errors.ModelNotTrusted` before reading anything from a checkpoint that is not trusted,
    :class:`ModelExists`, :class:`ModelUnusable`, :class:`BadUsage`, :class:`InputMissing`,
    :class:`redact.errors.RegistryInvalid`, and the errors of writing.
    """
    name = _checked_name(wish.name, path)
    if not is_line(wish.licence):
        raise BadUsage("The licence is not one line of text.", "Name it in a few words, as in --licence MIT.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputMissing(f'The model file "{path}" cannot be read: {error.strerror}.', "Check the path.") from error
    digest = hashlib.sha256(content).hexdigest()
    _check_new(name, digest)
    source = None
    if content.startswith(PICKLES):
        if not wish.trust:
            refuse_pickle(content, path.name)
        from redact.detect.checkpoint import to_onnx

        content, source = to_onnx(content, path.name), digest
    graph = parsed(content)
    family = Family.PLATES if is_plate_network(graph) else Family.YOLO
    if family is Family.PLATES and wish.classes:
        raise BadUsage(f"{path.name} finds plates and nothing else.", "Leave --classes out.")
    names = _wanted_names(class_names(graph, path.name), wish.classes, path.name)
    folder = folder_for(registry.FOLDER)
    target = folder / f"{name}.onnx"
    model = RegisteredModel(
        name,
        family,
        OwnFile(target),
        hashlib.sha256(content).hexdigest(),
        wish.licence,
        tuple(dict.fromkeys(names.values())),
        names=names,
        source_sha256=source,
    )
    with _locked(folder):
        _check_new(name, digest)
        # What lies there under a name that is not registered was left by an adding that was killed.
        write_whole(target, content, overwrite=True)
        try:
            _try_out(model)
            _register(model, wish.presets)
        except BaseException:
            target.unlink()
            raise
    return model


def _checked_name(asked: str | None, path: Path) -> str:
    name = asked if asked is not None else re.sub("[^a-z0-9_-]+", "-", path.stem.lower()).strip("-_")
    if not MODEL_NAME.fullmatch(name):
        raise BadUsage(
            f"{name!r} cannot be the name of a model.",
            "Give one of lower-case letters, digits, - and _, up to 64 of them, with --name.",
        )
    return name


def _check_new(name: str, digest: str) -> None:
    for model in registry.everything().models:
        if digest in (model.sha256, model.source_sha256):
            raise ModelExists(f"These weights are registered already, as {model.name}.", "There is nothing to do.")
        if name == model.name:
            raise ModelExists(f"There is a model called {name} already.", "Choose another name with --name.")


def _wanted_names(own: Sequence[str], asked: Mapping[str, str], file: str) -> dict[str, str]:
    """The network's name of each class that is kept -> the workbench's."""
    names = dict(asked) or {name: name for name in own}
    unknown = [name for name in names if name not in own]
    if unknown:
        raise BadUsage(
            f"The network of {file} has no class {', '.join(map(repr, unknown))}.", f"It has: {', '.join(own)}."
        )
    odd = [name for name in (*names, *names.values()) if not is_class_name(name)]
    if odd:
        raise ModelUnusable(
            f"The network of {file} has a class that --classes could not name: {odd[0]!r}.",
            "Leave it out or give it a plain name, as in --classes 'odd name=plate'.",
        )
    return names


def _try_out(model: RegisteredModel) -> None:
    """Raises what loading and running raise."""
    detector = MAKERS[model.family](model, model.classes, 0.5, CPU)
    detector.detect(torch.zeros((1, 3, 320, 448), dtype=torch.uint8))


def _register(model: RegisteredModel, presets: Sequence[Preset]) -> None:
    own = registry.builtin().own[model.family]
    before = registry.added_text()
    after = before + ("\n" if before else "") + _model_text(model)
    after += "".join(_tier_text(model.name, preset, own[preset]) for preset in presets)
    # As strict with what is written as with what is read: a registry that cannot be read stops every later run.
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
    """A TOML basic string. JSON's escapes are TOML's; what TOML forbids besides, :func:`is_line` has kept out."""
    return json.dumps(text, ensure_ascii=False)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One adds at a time: two at once would each write a registry without the other's model."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
