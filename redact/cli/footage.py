"""``redact footage``: add footage to cases, list it, and detect faces and number plates in it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redact.cli.retention import footage_clock, print_clocks, record
from redact.cli.shared import options as opt
from redact.cli.shared.acting_user import As, acting
from redact.cli.shared.copies import loading, tracks_count
from redact.cli.shared.output import CommandReport, failure_record, inert
from redact.cli.shared.records import SEE, parse_member, reading
from redact.errors import BadUsage, Cancelled
from redact.jobs.failures import as_failure
from redact.settings import DeviceChoice, Interlaced, OnCorrupt, Preset

if TYPE_CHECKING:
    from redact.schema.tables import Footage, MachineTracks

app = typer.Typer(no_args_is_help=True, help="Add footage to cases, list it, run detection, and mark or hold it.")

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Footage to add. The files are never changed.")]
Name = Annotated[
    str,
    typer.Argument(metavar="FOOTAGE", help="First digits of its SHA-256 or, with --case, its exhibit reference."),
]
CaseOf = Annotated[str | None, typer.Option("--case", metavar="REF", help="The case of the exhibit.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Reason, recorded in the audit trail.")]


@app.command()
def add(
    files: Files,
    *,
    case: Annotated[str, typer.Option("--case", metavar="REF", help="Reference of the case.")],
    login: As,
    exhibit: Annotated[
        str | None, typer.Option("--exhibit", metavar="REF", help="Exhibit reference. Default: BWV-1, BWV-2, ...")
    ] = None,
    wearer: Annotated[str | None, typer.Option("--wearer", metavar="NAME", help="Who wore the camera.")] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--start",
            metavar="TIME",
            help="Start by the camera's clock, such as 2026-05-01T10:11:12Z. Default: from the file.",
        ),
    ] = None,
    clock_offset: Annotated[
        float | None,
        typer.Option(
            "--clock-offset", metavar="SECONDS", help="Seconds to add to the camera's clock to get the true time."
        ),
    ] = None,
    pre_event: Annotated[
        float | None,
        typer.Option(
            "--pre-event",
            metavar="SECONDS",
            help="Silent pre-event recording at the start, 0 to 120. Default: measured from the sound.",
        ),
    ] = None,
    retention_class: Annotated[
        str | None, typer.Option("--retention-class", metavar="NAME", help="Retention class: how long it is kept.")
    ] = None,
    as_json: opt.Json = False,
) -> None:
    """Add footage to a case as an exhibit.

    Each file is hashed while it is copied into the store, and refused if it changes during the copy. Footage that is
    already in the store becomes another exhibit of the same record.

    Example: redact footage add bodycam.mp4 --case FOI-2026-017 --exhibit JS/1 --wearer "PC 1234" --as jsmith
    """
    with CommandReport("footage add", as_json) as report:
        begins = parse_time(start)
        if len(files) > 1 and (exhibit is not None or start is not None):
            raise BadUsage("--exhibit and --start apply to a single file.", "Add the files one by one.")
        added: list[dict[str, object]] = []
        failed: list[dict[str, object]] = []
        with acting(login) as (db, actor):
            with loading():
                from redact.evidence.intake import add_footage
            report.partial = {"footage": added}
            for file in files:
                try:
                    with report.working() as progress:
                        footage = add_footage(
                            db,
                            actor,
                            file,
                            case=case,
                            exhibit=exhibit,
                            wearer=wearer,
                            recorded_start=begins,
                            clock_offset=clock_offset,
                            pre_event=pre_event,
                            retention_class=retention_class,
                            progress=progress,
                        )
                except Exception as error:
                    failure = as_failure(error)
                    if isinstance(failure, Cancelled) or len(files) == 1:
                        raise
                    report.print_failure(failure, str(file))
                    failed.append(failure_record(failure, file=str(file)))
                    continue
                added.append(brief(footage))
                print_added(report, footage, case)
        report.finish({"footage": added}, failed)


@app.command("list")
def list_footage(
    *,
    case: Annotated[str | None, typer.Option("--case", metavar="REF", help="Only footage of this case.")] = None,
    login: As,
    as_json: opt.Json = False,
) -> None:
    """List footage with its exhibits.

    Example: redact footage list --case FOI-2026-017 --as jsmith
    """
    with CommandReport("footage list", as_json) as report, reading(login, SEE) as (_, _, session):
        from redact.evidence import footage_records
        from redact.records import cases

        if case is not None:
            cases.find(session, case)
        found = [brief(one) for one in footage_records.list_footage(session, case)]
        columns = ("footage", "name", "recorded", "duration", "exhibits", "state")
        report.print_table(columns, [row(one) for one in found])
        report.finish({"footage": found})


@app.command()
def show(name: Name, *, case: CaseOf = None, login: As, as_json: opt.Json = False) -> None:
    """Show everything recorded about a piece of footage, including the camera's metadata.

    Example: redact footage show JS/1 --case FOI-2026-017 --as jsmith
    """
    with CommandReport("footage show", as_json) as report, reading(login, SEE) as (_, _, session):
        from redact.evidence import footage_records

        found = footage_records.find(session, name, case)
        for key, value in brief(found).items():
            if key != "exhibits":
                report.print(f"{key.replace('_', ' ')}: {'-' if value in (None, '') else value}")
        for exhibit in found.exhibits:
            report.print(f"exhibit {exhibit.reference} of case {exhibit.case.reference}")
        for source, metadata in (("media", found.media), ("camera", found.camera)):
            for key, value in metadata.items():
                if not isinstance(value, dict | list):
                    report.print(f"{source}, {key.replace('_', ' ')}: {value}")
        for place in found.camera["positions"]:
            report.print(f"camera, position: {place['latitude']}, {place['longitude']}")
        report.finish({"footage": {**brief(found), "media": found.media, "camera": found.camera}})


@app.command()
def change(
    name: Name,
    *,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Reason, recorded in the audit trail.")],
    case: CaseOf = None,
    wearer: Annotated[str | None, typer.Option("--wearer", metavar="NAME", help="Who wore the camera.")] = None,
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="TIME", help="Start by the camera's clock, such as 2026-05-01T10:11:12Z."),
    ] = None,
    clock_offset: Annotated[
        float | None,
        typer.Option(
            "--clock-offset", metavar="SECONDS", help="Seconds to add to the camera's clock to get the true time."
        ),
    ] = None,
    retention_class: Annotated[
        str | None, typer.Option("--retention-class", metavar="NAME", help="Retention class: how long it is kept.")
    ] = None,
    login: As,
    as_json: opt.Json = False,
) -> None:
    """Change the details of footage. Its releases in review or approved become drafts again.

    Example: redact footage change JS/1 --case CC-17 --wearer "PC 4711" --reason "wrong number" --as jsmith
    """
    with CommandReport("footage change", as_json) as report:
        begin = parse_time(start)
        with acting(login) as (db, actor):
            from redact.evidence.footage_details import change_footage

            footage = change_footage(
                db,
                actor,
                name,
                reason=reason,
                case=case,
                wearer=wearer,
                recorded_start=begin,
                clock_offset=clock_offset,
                retention_class=retention_class,
            )
            changed = brief(footage)
        report.print(f"The details of {footage.original_name} have been changed.")
        report.finish({"footage": changed})


@app.command()
def detect(
    name: Name,
    *,
    login: As,
    case: CaseOf = None,
    classes: opt.Classes = opt.DEFAULT_CLASSES,
    preset: opt.PresetOption = Preset.BALANCED,
    device: opt.Device = DeviceChoice.AUTO,
    models: opt.Models = None,
    interlaced: opt.InterlacedOption = Interlaced.DEINTERLACE,
    on_corrupt: opt.OnCorruptOption = OnCorrupt.STOP,
    as_json: opt.Json = False,
) -> None:
    """Detect faces and number plates in footage and keep the tracks in the store.

    Example: redact footage detect JS/1 --case FOI-2026-017 --as jsmith
    """
    with CommandReport("footage detect", as_json) as report:
        find = opt.analyse_settings(
            classes, preset=preset, device=device, models=models, interlaced=interlaced, on_corrupt=on_corrupt
        )
        with acting(login) as (db, actor):
            with loading():
                from redact.evidence import footage_records
                from redact.evidence.machine_tracks import detect_footage, load_tracks
                from redact.evidence.store import Store
            with db.reading() as session:
                found = footage_records.find(session, name, case)
            store = Store()
            with report.working() as progress:
                made = detect_footage(db, actor, found, find, progress=progress, store=store)
            with db.reading() as session:
                counted = tracks_count(load_tracks(session, store, made))
        classes_found = ", ".join(f"{label} {number}" for label, number in counted.items()) or "nothing was detected"
        device = made.provenance["device"]
        report.print(f"{found.original_name}: {made.tracks} tracks ({classes_found}), detected on {device}")
        report.finish({"sha256": found.sha256, **tracks_record(made, counted)})


@app.command()
def mark(name: Name, *, reason: Reason, case: CaseOf = None, login: As, as_json: opt.Json = False) -> None:
    """Mark footage as evidence. Its retention clock stops until the mark is lifted.

    Example: redact footage mark JS/1 --case CC-17 --reason "shows the assault" --as jsmith
    """
    _place("mark", name, case, "evidence", reason=reason, login=login, as_json=as_json)


@app.command()
def hold(
    name: Name,
    *,
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help="complaint or legal-hold.")],
    reason: Reason,
    case: CaseOf = None,
    login: As,
    as_json: opt.Json = False,
) -> None:
    """Hold footage for a complaint or legal reasons. Its retention clock stops until the hold is lifted.

    Example: redact footage hold 9f86d081 --kind legal-hold --reason "claim 17/26" --as jsmith
    """
    _place("hold", name, case, kind, reason=reason, login=login, as_json=as_json)


@app.command()
def lift(
    name: Name,
    *,
    reason: Reason,
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="KIND", help="evidence, complaint or legal-hold.")
    ] = None,
    number: Annotated[
        int | None, typer.Option("--mark", metavar="NUMBER", help="Number of the mark, if there are several.")
    ] = None,
    case: CaseOf = None,
    login: As,
    as_json: opt.Json = False,
) -> None:
    """Lift an evidence mark or a hold. The retention clock resumes with the days that were left.

    Example: redact footage lift 9f86d081 --kind legal-hold --reason "claim settled" --as jsmith
    """
    with CommandReport("footage lift", as_json) as report:
        with acting(login) as (db, actor):
            from redact.retention import disposal
            from redact.retention.clock import MarkKind

            which = parse_member(kind, MarkKind, "--kind") if kind is not None else None
            lifted = disposal.lift(db, actor, name, reason, case=case, kind=which, number=number)
            clock = footage_clock(db, name, case)
        report.print(f"Mark {lifted} has been lifted.")
        print_clocks(report, [clock])
        report.finish({"mark": lifted, "footage": record(clock)})


def _place(command: str, name: str, case: str | None, kind: str, *, reason: str, login: str, as_json: bool) -> None:
    with CommandReport(f"footage {command}", as_json) as report:
        with acting(login) as (db, actor):
            from redact.retention import disposal
            from redact.retention.clock import MarkKind

            which = parse_member(kind, MarkKind, "--kind")
            if command == "hold" and which is MarkKind.EVIDENCE:
                raise BadUsage("Evidence is marked, not held.", "Use `redact footage mark`.")
            number = disposal.place(db, actor, name, which, reason, case=case)
            clock = footage_clock(db, name, case)
        report.print(f"Mark {number}: {clock.original_name} is kept.")
        print_clocks(report, [clock])
        report.finish({"mark": number, "footage": record(clock)})


def parse_time(untrusted: str | None) -> datetime | None:
    """A time with a time zone. Raises BadUsage."""
    if untrusted is None:
        return None
    try:
        moment = datetime.fromisoformat(untrusted)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadUsage(
            f"--start {inert(untrusted)!r} is not a time with a time zone.", "Write it like 2026-05-01T10:11:12Z."
        )
    return moment


def print_added(report: CommandReport, footage: Footage, case: str) -> None:
    """Print the summary of added footage."""
    reference = next(e.reference for e in footage.exhibits if e.case.reference == case.strip())
    media = footage.media
    report.print(f"{footage.original_name}: exhibit {reference} of case {case}, {media['frames']} frames")
    report.print(f"SHA-256 {footage.sha256}")
    if footage.pre_event_seconds:
        report.print(f"no sound for the first {footage.pre_event_seconds:g} s (pre-event recording)")
    if media["damaged_frames"]:
        report.print(f"note: {media['damaged_frames']} frames are damaged")
    if footage.recorded_start is None:
        report.print("note: the file does not say when it was recorded; set it with --start")


def brief(footage: Footage) -> dict[str, object]:
    """Footage as JSON, without the metadata of the file."""
    return {
        "sha256": footage.sha256,
        "original_name": footage.original_name,
        "size_bytes": footage.size,
        "state": footage.state,
        "added_at": footage.added_at.isoformat(),
        "wearer": footage.wearer,
        "recorded_start": footage.recorded_start.isoformat() if footage.recorded_start else None,
        "recorded_end": footage.recorded_end.isoformat() if footage.recorded_end else None,
        "clock_offset_seconds": footage.clock_offset_seconds,
        "pre_event_seconds": footage.pre_event_seconds,
        "retention_class": footage.retention_class,
        "duration_seconds": footage.media["duration_seconds"],
        "frames": footage.media["frames"],
        "damaged_frames": footage.media["damaged_frames"],
        "exhibits": [{"case": e.case.reference, "reference": e.reference} for e in footage.exhibits],
    }


def row(one: dict[str, object]) -> list[object]:
    """Footage as a table row."""
    exhibits = one["exhibits"]
    assert isinstance(exhibits, list)
    named = ", ".join(f"{e['case']}: {e['reference']}" for e in exhibits)
    sha256 = str(one["sha256"])[:12]
    return [sha256, one["original_name"], one["recorded_start"] or "-", one["duration_seconds"], named, one["state"]]


def tracks_record(made: MachineTracks, counted: dict[str, int]) -> dict[str, object]:
    """Machine tracks as JSON."""
    return {
        "tracks_sha256": made.file_sha256,
        "made_at": made.made_at.isoformat(),
        "tracks": counted,
        "device": made.provenance["device"],
    }
