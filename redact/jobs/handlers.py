"""What each kind of job does. Every one can be broken off anywhere and done again: it first looks for what is there.

Results, as JSON, with paths within the store:

- ``intake``: footage (its SHA-256), exhibit, duplicate
- ``detect``: footage, tracks_id, tracks (how many)
- ``preview``: content, outputs (of each: footage, file), made (not found there)
- ``second-look``: content, items (see :mod:`redact.jobs.second_pass`), looked_by (models)
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
"""The folder of files that wait to be taken in. What an intake job has taken in is removed from it."""

A = TypeVar("A", bound=Arguments)


def run_handler(running: RunningJob, progress: Progress) -> Json:
    """Do the work of a job as its owner, and return its result. Raises NotAllowed where the owner may not any more,
    and what the work raises."""
    kind = JobKind(running.job.kind)
    with running.db.reading() as session:
        accounts.authorise(session, running.owner, JOB_RULES[kind].right)
    return _HANDLERS[kind](running, progress)


def intake(running: RunningJob, progress: Progress) -> Json:
    """An uploaded file into the store and a case. A file that is in the case already is a duplicate, and no error."""
    from redact.evidence.intake import add_footage

    told = _arguments(running, IntakeArguments)
    path = folder_for(UPLOADS) / told.upload
    # The result is noted before the file goes: a run that finds it has only the file to remove.
    if not running.job.result:
        about = told.model_dump(exclude={"upload"})
        try:
            footage = add_footage(running.db, running.owner, path, **about, progress=progress)
        except RecordExists:
            result = _known(running, path, told.case, progress)
            if result is None:
                raise
        else:
            exhibit = next(e.reference for e in footage.exhibits if e.case.reference == told.case)
            result = {"footage": footage.sha256, "exhibit": exhibit, "duplicate": False}
        running.note(result)
        running.job.result = result
    path.unlink(missing_ok=True)
    return running.job.result


def _known(running: RunningJob, path: Path, case: str, progress: Progress) -> Json | None:
    """What there is of this very file in the case."""
    from redact.media.hashing import hash_file

    sha256 = hash_file(path, progress)
    with running.db.reading() as session:
        footage = session.scalars(select(Footage).where(Footage.sha256 == sha256)).first()
        exhibits: list[Exhibit] = footage.exhibits if footage else []
        mine = [exhibit.reference for exhibit in exhibits if exhibit.case.reference == case]
    return {"footage": sha256, "exhibit": mine[0], "duplicate": True} if mine else None


def detect(running: RunningJob, progress: Progress) -> Json:
    """Machine tracks of footage. Their provenance names the job, so that a job adds them once."""
    from redact.evidence.machine_tracks import detect_footage

    told = _arguments(running, DetectArguments)
    with running.db.reading() as session:
        footage = footage_records.find(session, told.footage)
        rows = session.scalars(select(MachineTracks).where(MachineTracks.footage_id == footage.id))
        row = next((row for row in rows if row.provenance.get("job") == running.job.id), None)
    if row is None:
        settings = AnalyseSettings(
            classes=told.classes, preset=told.preset, interlaced=told.interlaced, on_corrupt=told.on_corrupt
        )
        row = detect_footage(running.db, running.owner, footage, settings, job=running.job.id, progress=progress)
    return {"footage": footage.sha256, "tracks_id": row.id, "tracks": row.tracks}


def preview(running: RunningJob, progress: Progress) -> Json:
    """The outputs of a release as it stands, in the store. Where they are there already, nothing is rendered. Detectors
    look at them next, unless they have done so."""
    reference = _arguments(running, ReleaseArguments).release
    made = _preview(running, reference, progress)
    # Before the preview counts as done: one that is broken off here is run again, and asks again.
    with running.db.reading() as session:
        looked = last_pass(session, reference, made["content"]) is not None
    if not looked:
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
                raise WrongState(f"Release {reference} was changed at this very moment.", "Ask for the preview again.")
            for path in paths:
                staged.seal(path.name)
            with store.locked(), running.db.reading() as session:
                for sha256 in footage:
                    footage_records.require_held(footage_records.find(session, sha256))
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
    """Remove the previews made of a master that show no release as it stands: each edit makes all before it such."""
    from redact.disclose.release import releases

    # Not "distinct": PostgreSQL cannot tell whether two columns of JSON are equal.
    clips = select(Clip.release_id).join(Footage).where(Footage.sha256 == sha256)
    made_of_it = select(Release).where(Release.id.in_(clips))
    current = {releases.content_digest(session, release) for release in session.scalars(made_of_it)}
    for path in (store.folder / DERIVED / sha256).iterdir():
        match = PREVIEW.fullmatch(path.name)
        if match and match["content"] not in current:
            path.unlink(missing_ok=True)


def second_look(running: RunningJob, progress: Progress) -> Json:
    """Detectors over the rendered preview: whatever they find that is neither masked nor meant to be seen."""
    from redact.disclose.release import releases
    from redact.disclose.release.plan import plan_of
    from redact.jobs.second_pass import SecondPass
    from redact.pipeline.analysis import Analyser

    told = _arguments(running, SecondPassArguments)
    store = Store()
    shown = _preview(running, told.release, progress)
    with running.db.reading() as session:
        release = releases.find(session, told.release)
        plan = plan_of(session, store, release)
        look = SecondPass.of(session, plan)
    if plan.content != shown["content"]:
        raise WrongState(f"Release {told.release} was changed meanwhile.", "Ask for the second look again.")
    finder = Analyser(AnalyseSettings(preset=told.preset))
    items: list[Json] = []
    looked_by: object = None
    for place, output in enumerate(shown["outputs"]):
        found = finder.analyse(store.folder / output["file"], progress=progress)
        items += look.suspects(place, found)
        looked_by = found.provenance.get("models")
    items.sort(key=lambda item: -item["score"])
    return {"content": plan.content, "items": items, "looked_by": looked_by}


def request_second_pass(db: Database, actor: str, reference: str, content: str) -> Job:
    """The job of a second look at a release of this content: a new one, or the one under way. Raises as
    :func:`redact.jobs.queue.enqueue`."""
    key = f"{JobKind.SECOND_DETECTION}:{reference}:{content}"
    return enqueue(db, actor, JobKind.SECOND_DETECTION, f"release:{reference}", {"release": reference}, unique_key=key)


def export(running: RunningJob, progress: Progress) -> Json:
    """The pack of an approved release, in the store. The same content is packed once."""
    from redact.disclose.pack import packs

    told = _arguments(running, ReleaseArguments)
    store = Store()
    made = packs.make(running.db, store, running.owner, told.release, progress=progress)
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
    JobKind.SECOND_DETECTION: second_look,
    JobKind.EXPORT: export,
}
