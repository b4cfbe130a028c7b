"""What each kind of job does. Any job can be interrupted and run again: it reuses the results that already exist.

Results, as JSON, with paths within the store:

- ``intake``: footage (its SHA-256), exhibit, duplicate
- ``detect``: footage, tracks_id, tracks (how many)
- ``preview``: content, outputs (footage and file of each), made (rendered now, not reused)
- ``second-look``: content, items (see :mod:`redact.jobs.second_pass_findings`), looked_by (models)
- ``export``: log_id, statement_sha256, folder, drafts (a folder or None), new
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from redact.disclose.release.second_pass import last_pass
from redact.errors import RecordExists, WrongState
from redact.evidence import footage_records
from redact.evidence.store import DERIVED, PREVIEW, Store
from redact.home import folder_for
from redact.jobs.kinds import (
    JOB_RULES,
    Arguments,
    DetectArguments,
    IntakeArguments,
    ReleaseArguments,
    SecondPassArguments,
)
from redact.jobs.queue import RunningJob, enqueue
from redact.progress import Progress
from redact.records import accounts
from redact.records.database import Database
from redact.records.job_states import JobKind
from redact.schema.tables import Clip, Exhibit, Footage, Job, Json, MachineTracks, Release
from redact.settings import AnalyseSettings

UPLOADS = "uploads"
"""Folder of uploaded files waiting for intake. An intake job removes its file when done."""

A = TypeVar("A", bound=Arguments)


def run_handler(running: RunningJob, progress: Progress) -> Json:
    """Run a job as its owner and return its result. Raises NotAllowed if the owner has lost the right, and what the
    handler raises."""
    kind = JobKind(running.job.kind)
    with running.db.reading() as session:
        accounts.authorise(session, running.owner, JOB_RULES[kind].right)
    return _HANDLERS[kind](running, progress)


def intake(running: RunningJob, progress: Progress) -> Json:
    """Add an uploaded file to the store and a case. A file already in the case is a duplicate, not an error."""
    from redact.evidence.intake import add_footage

    arguments = _arguments(running, IntakeArguments)
    path = folder_for(UPLOADS) / arguments.upload
    # The result is saved before the file is removed: a run that finds it only has to remove the file.
    if not running.job.result:
        options = arguments.model_dump(exclude={"upload"})
        try:
            footage = add_footage(running.db, running.owner, path, **options, progress=progress)
        except RecordExists:
            result = _duplicate(running, path, arguments.case, progress)
            if result is None:
                raise
        else:
            exhibit = next(e.reference for e in footage.exhibits if e.case.reference == arguments.case)
            result = {"footage": footage.sha256, "exhibit": exhibit, "duplicate": False}
        running.note(result)
        running.job.result = result
    path.unlink(missing_ok=True)
    return running.job.result


def _duplicate(running: RunningJob, path: Path, case: str, progress: Progress) -> Json | None:
    """The exhibit of this file in the case, if there is one."""
    from redact.media.hashing import hash_file

    sha256 = hash_file(path, progress)
    with running.db.reading() as session:
        footage = session.scalars(select(Footage).where(Footage.sha256 == sha256)).first()
        exhibits: list[Exhibit] = footage.exhibits if footage else []
        references = [exhibit.reference for exhibit in exhibits if exhibit.case.reference == case]
    return {"footage": sha256, "exhibit": references[0], "duplicate": True} if references else None


def detect(running: RunningJob, progress: Progress) -> Json:
    """Detect objects in footage and store the machine tracks. Their provenance names the job, so it adds them once."""
    from redact.evidence.machine_tracks import detect_footage

    arguments = _arguments(running, DetectArguments)
    with running.db.reading() as session:
        footage = footage_records.find(session, arguments.footage)
        rows = session.scalars(select(MachineTracks).where(MachineTracks.footage_id == footage.id))
        row = next((row for row in rows if row.provenance.get("job") == running.job.id), None)
    if row is None:
        settings = AnalyseSettings(
            classes=arguments.classes,
            preset=arguments.preset,
            interlaced=arguments.interlaced,
            on_corrupt=arguments.on_corrupt,
        )
        row = detect_footage(running.db, running.owner, footage, settings, job=running.job.id, progress=progress)
    return {"footage": footage.sha256, "tracks_id": row.id, "tracks": row.tracks}


def preview(running: RunningJob, progress: Progress) -> Json:
    """Render the current outputs of a release into the store, unless they exist already, and request the second
    detection pass over them if it has not run."""
    from redact.disclose.release import releases

    reference = _arguments(running, ReleaseArguments).release
    made = _preview(running, reference, progress)
    # Before the preview counts as done: if interrupted here, it is run again and requests the pass again.
    with running.db.reading() as session:
        checked = last_pass(session, releases.find(session, reference), made["content"]) is not None
    if not checked:
        request_second_pass(running.db, running.owner, reference, made["content"])
    return made


def _preview(running: RunningJob, reference: str, progress: Progress) -> Json:
    from redact.disclose.pack import packs
    from redact.disclose.release import releases

    store = Store()
    with running.db.reading() as session:
        release = releases.find(session, reference)
        content = releases.content_digest(session, release)
        footage = [clip.footage.sha256 for clip in release.clips]
    places = [store.preview_path(sha256, content, n) for n, sha256 in enumerate(footage, start=1)]
    made = not all(place.is_file() for place in places)
    if made:
        with store.staging() as staged:
            rendered, paths = packs.preview(running.db, store, reference, staged.folder, progress=progress)
            if rendered != content:
                raise WrongState(f"Release {reference} was changed during rendering.", "Request the preview again.")
            for path in paths:
                staged.seal(path.name)
            with store.locked(), running.db.reading() as session:
                for sha256 in footage:
                    footage_records.require_stored(footage_records.find(session, sha256))
                for path, place in zip(paths, places, strict=True):
                    path.replace(place)
                for sha256 in footage:
                    _drop_outdated(session, store, sha256)
    outputs = [
        {"footage": sha256, "file": str(place.relative_to(store.folder))}
        for sha256, place in zip(footage, places, strict=True)
    ]
    return {"content": content, "outputs": outputs, "made": made}


def _drop_outdated(session: Session, store: Store, sha256: str) -> None:
    """Remove previews of a master that match no current release content. Each edit outdates the previews before it."""
    from redact.disclose.release import releases

    # Not "distinct": PostgreSQL cannot compare JSON columns.
    clips = select(Clip.release_id).join(Footage).where(Footage.sha256 == sha256)
    releases_of_it = select(Release).where(Release.id.in_(clips))
    current = {releases.content_digest(session, release) for release in session.scalars(releases_of_it)}
    for path in (store.folder / DERIVED / sha256).iterdir():
        match = PREVIEW.fullmatch(path.name)
        if match and match["content"] not in current:
            path.unlink(missing_ok=True)


def second_detection(running: RunningJob, progress: Progress) -> Json:
    """Run detectors over the rendered preview and report what is neither masked nor meant to be shown."""
    from redact.disclose.release import releases
    from redact.disclose.release.plan import plan_of
    from redact.jobs.second_pass_findings import SecondPass
    from redact.pipeline.analysis import Analyser

    arguments = _arguments(running, SecondPassArguments)
    store = Store()
    previews = _preview(running, arguments.release, progress)
    with running.db.reading() as session:
        release = releases.find(session, arguments.release)
        plan = plan_of(session, store, release)
        second_pass = SecondPass.of(session, plan)
    if plan.content != previews["content"]:
        raise WrongState(
            f"Release {arguments.release} was changed during the pass.", "Request the second detection pass again."
        )
    finder = Analyser(AnalyseSettings(preset=arguments.preset))
    items: list[Json] = []
    models: object = None
    for index, output in enumerate(previews["outputs"]):
        found = finder.analyse(store.folder / output["file"], progress=progress)
        items += second_pass.suspects(index, found)
        models = found.provenance.get("models")
    items.sort(key=lambda item: -item["score"])
    return {"content": plan.content, "items": items, "looked_by": models}


def request_second_pass(db: Database, actor: str, reference: str, content: str) -> Job:
    """Queue the second detection pass over a release with this content, or return the active job. Raises as
    :func:`redact.jobs.queue.enqueue`."""
    key = f"{JobKind.SECOND_PASS}:{reference}:{content}"
    return enqueue(db, actor, JobKind.SECOND_PASS, f"release:{reference}", {"release": reference}, unique_key=key)


def export(running: RunningJob, progress: Progress) -> Json:
    """Make the pack of an approved release in the store. The same content is packed only once."""
    from redact.disclose.pack import packs

    reference = _arguments(running, ReleaseArguments).release
    store = Store()
    made = packs.make(running.db, store, running.owner, reference, progress=progress)
    return {
        "log_id": made.log_id,
        "statement_sha256": made.statement_sha256,
        "folder": str(made.folder.relative_to(store.folder)),
        "drafts": str(made.drafts.relative_to(store.folder)) if made.drafts else None,
        "new": made.new,
    }


def _arguments(running: RunningJob, kind: type[A]) -> A:
    return kind.model_validate(running.job.arguments)


_HANDLERS: Mapping[JobKind, Callable[[RunningJob, Progress], Json]] = {
    JobKind.INTAKE: intake,
    JobKind.DETECT: detect,
    JobKind.PREVIEW: preview,
    JobKind.SECOND_PASS: second_detection,
    JobKind.EXPORT: export,
}
