"""``redact release``: review and approve a release."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redact.cli.shared import options as opt
from redact.cli.shared.acting_user import As, acting
from redact.cli.shared.copies import loading
from redact.cli.shared.output import CommandReport
from redact.cli.shared.records import SEE, reading
from redact.errors import BadUsage, WrongState

if TYPE_CHECKING:
    from redact.progress import Progress
    from redact.records.database import Database
    from redact.schema.tables import Job as JobRecord

app = typer.Typer(no_args_is_help=True)

Name = Annotated[
    str, typer.Argument(metavar="RELEASE", help="Release reference: case reference, #, number, as in FOI-26-17#1.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Reason, recorded in the release log.")]
_POLL_SECONDS = 0.25


@app.command()
def preview(
    name: Name,
    *,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="Existing folder to write to.")],
    login: As,
    as_json: opt.Json = False,
) -> None:
    """Render the copies of a release in its current state, for watching.

    Example: redact release preview FOI-26-17#1 -o previews --as ahmed
    """
    with CommandReport("release preview", as_json) as report, reading(login, SEE) as (db, _, _):
        with loading():
            from redact.disclose.pack.packs import preview as render_preview
            from redact.evidence.store import Store

        with report.working() as progress:
            content, paths = render_preview(db, Store(), name, output, progress=progress)
        for path in paths:
            report.print(path)
        report.finish({"release": name, "content": content, "files": paths})


@app.command()
def watched(
    name: Name,
    *,
    output: Annotated[int, typer.Option("--output", metavar="N", help="Number of the copy, from 1.")] = 1,
    frames: Annotated[
        str | None, typer.Option("--frames", metavar="FIRST-LAST", help="Frames of the clip, from 0. Default: all.")
    ] = None,
    login: As,
    as_json: opt.Json = False,
) -> None:
    """Record that you have watched a preview or part of it. This counts only until the release changes.

    Example: redact release watched FOI-26-17#1 --frames 0-749 --as ben
    """
    with CommandReport("release watched", as_json) as report, acting(login) as (db, actor):
        from redact.disclose.release import releases, watching

        with db.reading() as session:
            release = releases.find(session, name)
            content = releases.content_digest(session, release)
        if not 1 <= output <= len(release.clips):
            raise BadUsage(f"Release {name} has {len(release.clips)} copies.", "Give a number from 1 upwards.")
        clip = release.clips[output - 1]
        span = span_of_frames(frames) if frames else (0, clip.last_frame - clip.first_frame)
        watching.record_watched(db, actor, name, output - 1, spans=[span], content=content)
        report.print(f"{name}: frames {span[0]} to {span[1]} of copy {output} watched by {actor}")
        report.finish({"release": name, "output": output, "frames": list(span)})


@app.command("second-look")
def second_look(name: Name, *, login: As, as_json: opt.Json = False) -> None:
    """Run a second detection pass over the rendered copies. Unmasked detections become open items.

    One pass is enough until the release changes.

    Example: redact release second-look FOI-26-17#1 --as rita
    """
    with CommandReport("release second-look", as_json) as report, acting(login) as (db, actor):
        with loading():
            from redact.disclose.release import releases, second_pass
            from redact.jobs import handlers
        with db.reading() as session:
            release = releases.find(session, name)
            content, reference = releases.content_digest(session, release), releases.reference(release)
            finished = second_pass.last_pass(session, release, content)
        if finished is None:
            queued = handlers.request_second_pass(db, actor, reference, content)
            with report.working() as progress:
                finished = _run_to_end(db, queued.id, progress)
        found = len(finished.result["items"])
        report.print(f"{name}: the second detection pass found {found} unmasked item{'' if found == 1 else 's'}")
        report.finish({"release": name, **finished.result})


def _run_to_end(db: Database, job_id: str, progress: Progress) -> JobRecord:
    """Run the job here, unless a worker takes it first, and return it when done."""
    from redact.jobs import queue
    from redact.jobs.worker import run_job
    from redact.records.job_states import ACTIVE, JobState

    over = threading.Event()
    worker = threading.Thread(target=run_job, args=(db, job_id, over.is_set, lambda line: None), name="second pass")
    worker.start()
    try:
        while (job := queue.find(db, job_id)).state in ACTIVE:
            progress(job.stage or "waiting", job.done, job.total)
            over.wait(_POLL_SECONDS)
    finally:
        over.set()
        worker.join()
    if job.state != JobState.DONE:
        raise WrongState(f"The second detection pass failed: {job.error_text or job.state}", "Try again.")
    return job


@app.command("open")
def show_open(name: Name, *, login: As, as_json: opt.Json = False) -> None:
    """List what is still open before a release can be approved.

    Open items are places where masks may be wrong, and unmasked detections in the rendered copies. Resolve each by
    correcting the masks, or confirm that it is in order with `redact release settle`.

    Example: redact release open FOI-26-17#1 --as ahmed
    """
    with CommandReport("release open", as_json) as report, reading(login, SEE) as (_, _, session):
        with loading():
            from redact.disclose.release import approval, releases
            from redact.disclose.release.plan import plan_of
            from redact.disclose.release.second_pass import SecondPassState
            from redact.evidence.store import Store
        store = Store()
        found = approval.open_items(session, store, plan_of(session, store, releases.find(session, name)))
        rows = [
            (item["key"], item["exhibit"], "-" if item["track"] is None else item["track"],
             f"{item['first']}-{item['last']}", item["text"])
            for item in found.items
        ]  # fmt: skip
        report.print_table(("key", "exhibit", "track", "frames", "what"), rows)
        for number, gaps in enumerate(found.unwatched, start=1):
            if gaps:
                report.print(f"output {number}: frames not watched yet: {', '.join(f'{a}-{b}' for a, b in gaps)}")
        if found.second_pass is not SecondPassState.DONE:
            report.print("the copies need a second detection pass: `redact release second-look`")
        report.finish(
            {"release": name, "content": found.content, "items": list(found.items), "unwatched": found.unwatched,
             "second_look": found.second_pass.value}
        )  # fmt: skip


@app.command()
def settle(
    name: Name,
    keys: Annotated[list[str], typer.Argument(metavar="KEY...", help="Keys of open items, from `release open`.")],
    *,
    exhibit: Annotated[
        str | None, typer.Option("--exhibit", help="Exhibit of the item. Needed if two have an item with this key.")
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why the items are in order. Recorded in the audit trail.")
    ],
    login: As,
    as_json: opt.Json = False,
) -> None:
    """Confirm that open items have been reviewed and are in order.

    Recorded with the footage, your login and the reason. Applies to other releases of the footage too.

    Example: redact release settle FOI-26-17#1 birth:3:120 --reason "steps out of a door, masked at once" --as rita
    """
    with CommandReport("release settle", as_json) as report, acting(login) as (db, actor):
        with loading():
            from redact.disclose.release import review_items
            from redact.evidence.store import Store
        review_items.settle(db, Store(), actor, name, keys, reason=reason, exhibit=exhibit)
        report.print(f"{name}: {len(keys)} settled")
        report.finish({"release": name, "settled": keys})


@app.command()
def approve(
    name: Name,
    *,
    override: Annotated[
        str,
        typer.Option(
            "--override", metavar="REASON", help="Supervisors only: approve despite open items. Recorded in the log."
        ),
    ] = "",
    login: As,
    as_json: opt.Json = False,
) -> None:
    """Approve a release that someone else prepared. Refused while anything is open, see `release open`.

    Example: redact release approve FOI-26-17#1 --as chris
    """
    with CommandReport("release approve", as_json) as report, acting(login) as (db, actor):
        with loading():
            from redact.disclose.release import approval
            from redact.evidence.store import Store
        approval.approve(db, Store(), actor, name, override=override)
        report.print(f"{name}: approved by {actor}")
        report.finish({"release": name, "state": "approved"})


@app.command("send-back")
def send_back(name: Name, *, reason: Reason, login: As, as_json: opt.Json = False) -> None:
    """Send a release back to draft, with a reason.

    Example: redact release send-back FOI-26-17#1 --reason "the plate at 00:10 is visible" --as chris
    """
    with CommandReport("release send-back", as_json) as report, acting(login) as (db, actor):
        from redact.disclose.release import releases

        releases.send_back(db, actor, name, reason)
        report.finish({"release": name, "state": "draft"})


def span_of_frames(untrusted: str) -> tuple[int, int]:
    """First and last frame, as in 0-1499. Raises BadUsage."""
    first, dash, last = untrusted.partition("-")
    if not (dash and first.isdecimal() and last.isdecimal()):
        raise BadUsage(f'"{untrusted}" is not a range of frames.', "Write it like 0-1499.")
    return int(first), int(last)
