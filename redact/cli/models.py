"""``redact models``: list, verify and add detection models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redact.cli.shared import options as opt
from redact.cli.shared.output import CommandReport, failure_record
from redact.errors import BadUsage, ModelHashMismatch, ModelMissing
from redact.settings import AnalyseSettings, Preset

if TYPE_CHECKING:
    from redact.detect.entries import RegisteredModel, Registry, WeightState

app = typer.Typer(no_args_is_help=True, help="List, verify and add detection models.")


@app.command("list")
def list_models(as_json: opt.Json = False) -> None:
    """List the models: classes, licence, location, state, and the presets that use each.

    Example: redact models list
    """
    with CommandReport("models list", as_json) as report:
        from redact.detect import registry

        known = registry.all_models()
        records = [record(known, model, model.state()) for model in known.models]
        columns = ("name", "classes", "licence", "where", "state", "presets")
        report.print_table(columns, [[joined(row[column]) for column in columns] for row in records])
        report.finish({"models": records})


@app.command()
def verify(as_json: opt.Json = False) -> None:
    """Compare the hash of every model's weights with the registry. Exit status 1 if any are missing or altered.

    Example: redact models verify --json
    """
    with CommandReport("models verify", as_json) as report:
        from redact.detect import registry

        known = registry.all_models()
        states = [(model, model.state()) for model in known.models]
        report.print_table(("name", "state", "SHA-256"), [(model.name, state, model.sha256) for model, state in states])
        failed = [failure(model, state) for model, state in states if state != "ok"]
        for line in failed:
            report.print(line["text"])
        report.finish({"models": [record(known, model, state) for model, state in states]}, failed)


@app.command()
def add(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="An ONNX export of an Ultralytics YOLO model or, with --trust, a .pt file."
        ),
    ],
    *,
    name: Annotated[str | None, typer.Option("--name", help="Name of the model. Default: the file name.")] = None,
    licence: Annotated[
        str, typer.Option("--licence", metavar="TEXT", help="Licence, shown in lists and logs.")
    ] = "not stated",
    classes: Annotated[
        str | None,
        typer.Option(
            "--classes",
            metavar="NAMES",
            help="Classes to use, renamed if needed: license_plate=plate,face. Default: all, with their own names.",
        ),
    ] = None,
    preset: Annotated[
        list[Preset] | None, typer.Option("--preset", help="Preset that uses it. Repeatable. Default: all.")
    ] = None,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust", help="Trust the maker of this .pt file. It contains code, which runs once to convert it."
        ),
    ] = False,
    as_json: opt.Json = False,
) -> None:
    """Add your own model. It then runs whenever one of its classes is requested.

    The file is copied to REDACT_HOME (default ~/.local/share/redact). A .pt checkpoint is a pickle, which contains
    code: without --trust it is refused; with it, it is loaded once, converted to ONNX and never used again.

    Example: redact models add plates.onnx --licence "Example Police" --classes license_plate=plate

    Example: redact models add best.pt --trust --name night-plates
    """
    with CommandReport("models add", as_json) as report:
        names = parse_names(classes)
        from redact.detect import registry
        from redact.detect.model_import import ImportOptions, add

        options = ImportOptions(name, licence, names, tuple(preset or Preset), trust)
        model = add(file, options)
        report.print(f"{model.name} detects {joined(model.classes)}; SHA-256 {model.sha256}; {model.place}")
        notes = []
        if model.source_sha256:
            notes.append("The checkpoint was converted to ONNX with the same results and is not used again.")
        if not set(model.classes) & set(AnalyseSettings().classes):
            notes.append(f"It runs only on request: redact run IN --classes {','.join(model.classes)}")
        for note in notes:
            report.print(note)
        report.finish({"model": record(registry.all_models(), model, model.state()), "notes": notes})


def parse_names(untrusted_text: str | None) -> dict[str, str]:
    """``own=ours,other`` as {"own": "ours", "other": "other"}. Raises :class:`BadUsage`."""
    names: dict[str, str] = {}
    for part in untrusted_text.split(",") if untrusted_text is not None else ():
        own, _, ours = (side.strip() for side in part.partition("="))
        if not own or own in names or ("=" in part and not ours):
            raise BadUsage(
                f"--classes {untrusted_text!r} cannot be read.", "Write it as in --classes license_plate=plate,face."
            )
        names[own] = ours or own
    return names


def record(known: Registry, model: RegisteredModel, state: WeightState) -> dict[str, object]:
    """A model as JSON."""
    return {
        "name": model.name,
        "family": model.family,
        "classes": model.classes,
        "licence": model.licence,
        "where": str(model.place),
        "path": model.place.path,
        "sha256": model.sha256,
        "source_sha256": model.source_sha256,
        "input_size": model.input_size,
        "state": state,
        "presets": [preset for preset in Preset if known.tier(model, preset)],
        "thresholds": {preset: tier.threshold for preset in Preset if (tier := known.tier(model, preset))},
    }


def failure(model: RegisteredModel, state: WeightState) -> dict[str, object]:
    """A problem with the weights, as JSON."""
    kind = ModelMissing if state == "missing" else ModelHashMismatch
    return failure_record(kind(f"{model.name} is {state}.", model.place.remedy), name=model.name, state=state)


def joined(value: object) -> str:
    """A table cell: a list as comma-separated text."""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
