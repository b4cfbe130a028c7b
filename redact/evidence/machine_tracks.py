"""Machine tracks of footage: files in the store, each with a record. Another run adds another file and changes none."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from redact.errors import StoreDamaged, TracksMismatch
from redact.evidence import footage_records
from redact.evidence.frame_tables import frame_table
from redact.evidence.store import Store
from redact.pipeline.analysis import analyse
from redact.progress import Progress, silent
from redact.records import accounts
from redact.records.accounts import Right
from redact.records.database import Database
from redact.schema.tables import Footage, MachineTracks
from redact.settings import AnalyseSettings
from redact.track import file
from redact.track.types import TrackSet

_NAME = "tracks.json"


def detect_footage(
    db: Database,
    actor: str,
    footage: Footage,
    settings: AnalyseSettings,
    *,
    job: str = "",
    progress: Progress = silent,
    store: Store | None = None,
) -> MachineTracks:
    """Detect and track faces, plates and text in a master. ``job``, unless empty, is added to the provenance. Raises
    the errors of :func:`redact.pipeline.analysis.analyse` and :func:`add_machine_tracks`."""
    store = store or Store()
    with db.reading() as session:
        accounts.require(accounts.find(session, actor), Right.EDIT)
    footage_records.require_stored(footage)
    found = analyse(store.master(footage.sha256), settings, progress=progress)
    if found.media.sha256 != footage.sha256:
        store.verified_master(footage.sha256)  # raises StoreDamaged
    if job:
        found = replace(found, provenance={**found.provenance, "job": job})
    return add_machine_tracks(db, actor, footage, found, store=store)


def add_machine_tracks(
    db: Database, actor: str, footage: Footage, tracks: TrackSet, *, store: Store | None = None
) -> MachineTracks:
    """Add tracks to the store and the records.

    Raises TracksMismatch for tracks of other footage or other frames, WrongState if it has been disposed of, StoreFull,
    StoreNotWritable, StoreDamaged, NotAllowed.
    """
    store = store or Store()
    file.check_matches(tracks, footage.sha256)
    if not np.array_equal(tracks.media.pts, frame_table(store, footage).pts):
        raise TracksMismatch(
            "The frames of the tracks do not match the footage's frame table.",
            "Run `redact footage detect` with this version of the workbench.",
        )
    with store.staging() as staged:
        file.save(tracks, staged.folder / _NAME, overwrite=False)
        sha256 = staged.seal(_NAME)
        with store.publishing(lambda _: _is_recorded(db, sha256)) as publication, db.writing(actor) as work:
            accounts.authorise_actor(work, Right.EDIT)
            known = footage_records.find(work.session, footage.sha256)
            footage_records.require_stored(known)
            publication.tracks(staged, _NAME, sha256)
            row = MachineTracks(
                footage_id=known.id,
                file_sha256=sha256,
                provenance=dict(tracks.provenance),
                made_at=work.at,
                tracks=len(tracks.tracks),
            )
            work.session.add(row)
            work.event(
                "tracks.made",
                footage_records.subject(footage.sha256),
                {
                    "sha256": footage.sha256,
                    "tracks_sha256": sha256,
                    "tracks": dict(sorted(Counter(track.label for track in tracks.tracks).items())),
                    "provenance": dict(tracks.provenance),
                },
            )
    return row


def newest(session: Session, footage: Footage) -> MachineTracks | None:
    """The machine tracks of the latest run on this footage."""
    query = select(MachineTracks).where(MachineTracks.footage_id == footage.id).order_by(MachineTracks.id.desc())
    return session.scalars(query.limit(1)).first()


def load_tracks(session: Session, store: Store, row: MachineTracks) -> TrackSet:
    """Load a tracks file from the store and check its hash. Raises StoreDamaged."""
    path = store.tracks(row.file_sha256)
    untrusted = file.read_file(path)
    if hashlib.sha256(untrusted).hexdigest() != row.file_sha256:
        raise StoreDamaged(
            f"The tracks file {row.file_sha256[:12]}... in the store has changed.",
            "Restore it from a backup, then run `redact store verify`.",
        )
    tracks = file.decode(untrusted)
    footage = session.get_one(Footage, row.footage_id)
    file.check_matches(tracks, footage.sha256)
    return tracks


def _is_recorded(db: Database, sha256: str) -> bool:
    with db.reading() as session:
        return session.scalars(select(MachineTracks).where(MachineTracks.file_sha256 == sha256)).first() is not None
