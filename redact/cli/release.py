"""``redact release``: prepare, submit and export the releases of a case."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redact.cli import release_approval
from redact.cli.release_approval import Name, Reason, span_of_frames
from redact.cli.shared import options as opt
from redact.cli.shared.acting_user import As, acting, password_of
from redact.cli.shared.copies import loading
from redact.cli.shared.output import CommandReport
from redact.cli.shared.records import SEE, reading
from redact.environment import ARCHIVE_PASSWORD, ARCHIVE_PASSWORD_FILE
from redact.errors import BadUsage

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from redact.disclose.release.plan import ReleasePlan
    from redact.disclose.release.releases import ClipRequest
    from redact.schema.tables import Release

app = typer.Typer(no_args_is_help=True, help="Prepare, review, approve and export the releases of a case.")

Exhibit = Annotated[
    str | None, typer.Option("--exhibit", help="Exhibit of the track or sound. Needed if the release has several.")
]
Clips = Annotated[
    list[str] | None,
    typer.Option(
        "--clip",
        metavar="EXHIBIT[:FIRST-LAST]",
        help="An exhibit, or a range of its frames, both ends included. Repeatable. Default: all exhibits, whole.",
    ),
]


@app.command()
def new(
    case: Annotated[str, typer.Argument(metavar="CASE", help="Reference of the case.")],
    *,
    policy: Annotated[str, typer.Option("--policy", help="court, public, subject-access, or a policy of your own.")],
    clip: Clips = None,
    login: As,
    as_json: opt.Json = False,
) -> None:
    """Create a draft release of a case's footage under a policy.

    Example: redact release new FOI-26-17 --policy public --clip AB1:0-1499 --as anna
    """
    with CommandReport("release new", as_json) as report, acting(login) as (db, actor):
        from redact.disclose.release import releases

        made = releases.create(db, actor, case, policy_name=policy, clips=_clips(clip))
        report.print(f"{releases.reference(made)}: draft under policy {made.policy_name}")
        report.finish({"release": _record(made)})


@app.command("list")
def list_releases(
    *,
    case: Annotated[str | None, typer.Option("--case", help="Only releases of this case.")] = None,
    login: As,
    as_json: opt.Json = False,
) -> None:
    """List releases and their state.

    Example: redact release list --case FOI-26-17 --as rita
    """
    with CommandReport("release list", as_json) as report, reading(login, SEE) as (_, _, session):
        from redact.disclose.release import releases
        from redact.records import cases

        rows = releases.listed(session, cases.find(session, case) if case else None)
        records = [_record(row) for row in rows]
        columns = ("release", "policy", "state", "clips")
        report.print_table(columns, [[r["release"], r["policy"], r["state"], len(r["clips"])] for r in records])
        report.finish({"releases": records})


@app.command()
def show(name: Name, *, login: As, as_json: opt.Json = False) -> None:
    """Show what a release currently hides and shows, and what is missing.

    Example: redact release show FOI-26-17#1 --as rita
    """
    with CommandReport("release show", as_json) as report, reading(login, SEE) as (_, _, session):
        plan, unwatched = _plan(session, name)
        masks = _plan_record(plan)
        rows = masks["tracks"]
        columns = ("exhibit", "track", "class", "subject", "frames", "what", "codes", "reason")
        report.print_table(columns, [[row[column] for column in columns] for row in rows])
        for problem in plan.problems:
            report.print(f"missing: {problem}")
        for number, gaps in enumerate(unwatched, start=1):
            if gaps:
                spans = ", ".join(f"{first}-{last}" for first, last in gaps)
                report.print(f"output {number}: frames not watched yet: {spans}")
        report.finish({"release": _record(plan.release), **masks, "problems": plan.problems, "unwatched": unwatched})


@app.command("clips")
def set_clips(name: Name, *, clip: Clips, login: As, as_json: opt.Json = False) -> None:
    """Change the clips of a release.

    Example: redact release clips FOI-26-17#1 --clip AB1:250-1499 --as anna
    """
    with CommandReport("release clips", as_json) as report, acting(login) as (db, actor):
        from redact.disclose.release import releases

        releases.set_clips(db, actor, name, _clips(clip))
        report.finish({"release": name})


@app.command("set")
def set_details(
    name: Name,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="DETAILS.json", help="Details for the release log. For examples, see docs/decisions.md."
        ),
    ],
    *,
    login: As,
    as_json: opt.Json = False,
) -> None:
    """Record recipient, delivery, grounds and the other details that the release log needs.

    Example: redact release set FOI-26-17#1 details.json --as anna
    """
    with CommandReport("release set", as_json) as report, acting(login) as (db, actor):
        from redact.disclose.release import details, releases

        untrusted = _json_object(file)
        with db.reading() as session:
            policy, _ = releases.rules_of(releases.find(session, name))
        checked = details.check(policy.kind, untrusted)
        releases.set_details(db, actor, name, checked)
        report.print(f"{name}: recorded {', '.join(checked)}")
        report.finish({"release": name, "noted": list(checked)})


@app.command()
def decide(
    name: Name,
    action: Annotated[str, typer.Argument(metavar="hide|show|default", help="default withdraws an earlier decision.")],
    *,
    track: Annotated[int | None, typer.Option("--track", help="Track number, from `release show`.")] = None,
    label: Annotated[str | None, typer.Option("--class", help="All tracks of this class.")] = None,
    sound: Annotated[
        str | None,
        typer.Option("--sound", metavar="ID:START-END", help="A span of sound: its number, start and end in seconds."),
    ] = None,
    exhibit: Exhibit = None,
    effect: Annotated[str | None, typer.Option("--effect", help="solid, mosaic, blur; mute, bleep, disguise.")] = None,
    code: Annotated[list[str] | None, typer.Option("--code", help="Reason code. Repeatable.")] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", help="Who or what it is. Use the same text for all of their tracks.")
    ] = None,
    reason: Reason = "",
    login: As,
    as_json: opt.Json = False,
) -> None:
    """Hide or show a track, a class or a span of sound, and record why.

    Example: redact release decide FOI-26-17#1 show --track 3 --reason "the requester consented" --as anna
    """
    with CommandReport("release decide", as_json) as report, acting(login) as (db, actor):
        from redact.disclose.release import releases

        target: dict[str, object] = {}
        if track is not None:
            target["track"] = track
        if label is not None:
            target["class"] = label
        if sound is not None:
            target |= _sound(sound)
        content: dict[str, object] = {"target": target, "action": action}
        optional = {"effect": effect, "codes": code or None, "reason": reason or None, "subject": subject}
        content |= {key: value for key, value in optional.items() if value is not None}
        with db.reading() as session:
            release = releases.find(session, name)
        if label is None and exhibit is None:
            exhibit = _only_exhibit(release)
        releases.decide(db, actor, name, content, None if label is not None else exhibit)
        report.print(f"{name}: decision recorded")
        report.finish({"release": name, "decision": content, "exhibit": exhibit})


@app.command()
def submit(name: Name, *, login: As, as_json: opt.Json = False) -> None:
    """Submit a draft for approval. Refused while anything is missing.

    Example: redact release submit FOI-26-17#1 --as anna
    """
    with CommandReport("release submit", as_json) as report, acting(login) as (db, actor):
        from redact.disclose.release import releases

        with db.reading() as session:
            plan, _ = _plan(session, name)
        releases.submit(db, actor, name, plan.problems)
        report.print(f"{name}: in review")
        report.finish({"release": name, "state": "in-review"})


app.add_typer(release_approval.app)


@app.command()
def withdraw(name: Name, *, reason: Reason, login: As, as_json: opt.Json = False) -> None:
    """Withdraw a release permanently.

    Example: redact release withdraw FOI-26-17#1 --reason "the request was withdrawn" --as chris
    """
    with CommandReport("release withdraw", as_json) as report, acting(login) as (db, actor):
        from redact.disclose.release import releases

        releases.withdraw(db, actor, name, reason)
        report.finish({"release": name, "state": "withdrawn"})


@app.command()
def export(
    name: Name,
    *,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="PACK", help="Folder to write.")],
    archive: Annotated[
        bool, typer.Option("--zip", help="Also write PACK.zip, encrypted with AES-256. Send its password separately.")
    ] = False,
    overwrite: opt.Overwrite = False,
    login: As,
    as_json: opt.Json = False,
) -> None:
    """Export the disclosure pack of an approved release: copies, logs, signed statement and instructions to verify it.

    The ZIP password is read from the file named in REDACT_ARCHIVE_PASSWORD_FILE, or from REDACT_ARCHIVE_PASSWORD.
    Otherwise one is generated and printed once.

    Example: redact release export FOI-26-17#1 -o pack --zip --as chris
    """
    with CommandReport("release export", as_json) as report, acting(login) as (db, actor):
        with loading():
            from redact.disclose.pack.packs import export as write_pack
            from redact.evidence.store import Store

        password, made = (None, False) if not archive else _archive_password()
        with report.working() as progress:
            done = write_pack(
                db, Store(), actor, name, output, archive_password=password, overwrite=overwrite, progress=progress
            )
        report.print(f"{done.pack}: log {done.log_id}, statement {done.statement_sha256}")
        if not done.new:
            report.print("this content was exported before: the same pack was written again")
        if done.drafts:
            report.print(f"{done.drafts}: draft documents to complete and send, not part of the pack")
        if done.archive:
            report.print(f"{done.archive}: AES-256")
        if made:
            report.print(f"password of the ZIP, shown only once: {password}")
        generated = {"archive_password": password} if made else {}
        report.finish({"release": name, **asdict(done), **generated})


def _archive_password() -> tuple[str, bool]:
    """The password, and whether it was generated here."""
    if ARCHIVE_PASSWORD in os.environ or ARCHIVE_PASSWORD_FILE in os.environ:
        return password_of("the ZIP", ARCHIVE_PASSWORD), False
    return secrets.token_urlsafe(18), True


def _plan(session: Session, name: str) -> tuple[ReleasePlan, list[list[tuple[int, int]]]]:
    with loading():
        from redact.disclose.release import releases, watching
        from redact.disclose.release.plan import plan_of
        from redact.evidence.store import Store

    plan = plan_of(session, Store(), releases.find(session, name))
    return plan, watching.unwatched(session, plan.release, plan.content)


def _record(release: Release) -> dict[str, Any]:
    from redact.disclose.release import releases

    clips = [
        {
            "exhibit": releases.exhibit_of(release, clip.footage_id),
            "first_frame": clip.first_frame,
            "last_frame": clip.last_frame,
        }
        for clip in release.clips
    ]
    return {
        "release": releases.reference(release),
        "policy": release.policy_name,
        "policy_sha256": release.policy_sha256,
        "state": release.state,
        "clips": clips,
    }


def _plan_record(plan: ReleasePlan) -> dict[str, list[dict[str, object]]]:
    tracks: list[dict[str, object]] = []
    sounds: list[dict[str, object]] = []
    for exhibit, clip in zip(plan.exhibits, plan.resolved.clips, strict=True):
        for mask in clip.masks:
            tracks.append(_track_row(exhibit, mask, mask.effect.effect.value, ", ".join(mask.codes)))
        tracks += [_track_row(exhibit, track, "shown", "") for track in clip.shown_tracks]
        for span in clip.sound:
            sounds.append(
                {"exhibit": exhibit, "sound": span.span_id, "start": float(span.start), "end": float(span.end),
                 "what": span.effect.value, "codes": list(span.codes)}
            )  # fmt: skip
    return {"tracks": tracks, "sound": sounds}


def _track_row(exhibit: str, track: object, action: str, codes: str) -> dict[str, object]:
    from redact.disclose.release.resolved import PictureMask, ShownTrack

    assert isinstance(track, PictureMask | ShownTrack)
    frames = ", ".join(f"{first}-{last}" for first, last in track.runs)
    return {
        "exhibit": exhibit,
        "track": track.track_id,
        "class": track.label,
        "subject": track.subject,
        "frames": frames,
        "what": action,
        "codes": codes,
        "reason": track.reason,
    }


def _only_exhibit(release: Release) -> str:
    from redact.disclose.release import releases

    names = {releases.exhibit_of(release, clip.footage_id) for clip in release.clips}
    if len(names) != 1:
        raise BadUsage("The release has several exhibits.", "Give one with --exhibit.")
    return names.pop()


def _clips(untrusted: list[str] | None) -> list[ClipRequest]:
    from redact.disclose.release.releases import ClipRequest

    requests = []
    for text in untrusted or []:
        exhibit, colon, span = text.rpartition(":")
        if not colon:
            requests.append(ClipRequest(text))
        else:
            requests.append(ClipRequest(exhibit, *span_of_frames(span)))
    return requests


def _sound(untrusted: str) -> dict[str, object]:
    number, _, span = untrusted.partition(":")
    start, _, end = span.partition("-")
    try:
        return {"sound": int(number), "start": float(start), "end": float(end)}
    except ValueError:
        raise BadUsage(f'"{untrusted}" is not a span of sound.', "Write it like 1:10.0-14.5.") from None


def _json_object(file: Path) -> dict[str, object]:
    try:
        untrusted = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadUsage(f"{file} cannot be read as JSON.") from error
    if not isinstance(untrusted, dict):
        raise BadUsage(f"{file} does not contain a JSON object.")
    return untrusted
