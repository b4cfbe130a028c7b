"""``redact models``: which networks there are, whether they are the right ones, and adding one's own."""

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

app = typer.Typer(no_args_is_help=True, help="List, verify and add the networks that find faces and plates.")


@app.command("list")
def list_models(as_json: opt.Json = False) -> None:
    """Show every model: what it finds, its licence, where it lies, its state, and the presets that use it.

    Example: redact models list
    """
    with CommandReport("models list", as_json) as report:
        from redact.detect import registry

        known = registry.everything()
        records = [record(known, model, model.state()) for model in known.models]
        columns = ("name", "classes", "licence", "where", "state", "presets")
        report.print_table(columns, [[joined(row[column]) for column in columns] for row in records])
        report.finish({"models": records})


@app.command()
def verify(as_json: opt.Json = False) -> None:
    """Hash the weights of every model and compare with the registry. Ends with 1 if one is missing or altered.

    Example: redact models verify --json
    """
    with CommandReport("models verify", as_json) as report:
        from redact.detect import registry

        known = registry.everything()
        states = [(model, model.state()) for model in known.models]
        report.print_table(("name", "state", "SHA-256"), [(model.name, state, model.sha256) for model, state in states])
        failed = [failure(model, state) for model, state in states if state != "ok"]
        for line in failed:
            report.print(line["text"])
        report.finish({"models": [record(known, model, state) for model, state in states]}, failed)


@app.command()
def add(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="An ONNX export of an Ultralytics YOLO, or with --trust a .pt.")
    ],
    *,
    name: Annotated[str | None, typer.Option("--name", help="What to call it; else the file's name.")] = None,
    licence: Annotated[str, typer.Option("--licence", metavar="TEXT", help="Said in lists and logs.")] = "not stated",
    classes: Annotated[
        str | None,
        typer.Option(
            "--classes",
            metavar="NAMES",
            help="Which of its classes to use, and under which name: license_plate=plate,face. Else all, as named.",
        ),
    ] = None,
    preset: Annotated[
        list[Preset] | None, typer.Option("--preset", help="Use it at this preset. Repeatable; else at all.")
    ] = None,
    trust: Annotated[
        bool,
        typer.Option("--trust", help="I trust whoever made this .pt file: it is code, and is run once to convert it."),
    ] = False,
    as_json: opt.Json = False,
) -> None:
    """Register weights of your own. From then on they run whenever one of their classes is asked for.

    The file is copied to the folder REDACT_HOME (else ~/.local/share/redact). A .pt checkpoint is a pickle, which is
    code: it is refused without --trust, and with it loaded once, converted to ONNX, and never used again.

    Example: redact models add plates.onnx --licence "Example Police" --classes license_plate=plate

    Example: redact models add best.pt --trust --name night-plates
    """
    with CommandReport("models add", as_json) as report:
        names = parse_names(classes)
        from redact.detect import registry
        from redact.detect.model_import import Wish, add

        wish = Wish(name, licence, names, tuple(preset or Preset), trust)
        model = add(file, wish)
        report.print(f"{model.name} finds {joined(model.classes)}; SHA-256 {model.sha256}; {model.place}")
        notes = []
        if model.source_sha256:
            notes.append("The checkpoint was converted to ONNX, which gives the same answers; it is not used again.")
        if not set(model.classes) & set(AnalyseSettings().classes):
            notes.append(f"It runs only when asked for: redact run IN --classes {','.join(model.classes)}")
        for note in notes:
            report.print(note)
        report.finish({"model": record(registry.everything(), model, model.state()), "notes": notes})


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
    """A model in a document."""
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
    """What is wrong with the weights, in a document."""
    kind = ModelMissing if state == "missing" else ModelHashMismatch
    return failure_record(kind(f"{model.name} is {state}.", model.place.remedy), name=model.name, state=state)


def joined(value: object) -> str:
    """A cell of the table."""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
