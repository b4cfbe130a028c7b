"""Cached views of footage for the reviewer, built from the records and the store.

A cache key names a master, a set of machine tracks or a revision, none of which ever changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from redact.disclose.release import releases
from redact.disclose.release.plan import ReleasePlan, plan_of
from redact.errors import EditInvalid, RecordMissing
from redact.evidence import edit_log, machine_tracks
from redact.evidence.frame_tables import frame_table
from redact.evidence.store import PROXY
from redact.mask.edits.edited_tracks import Replayed, replayed
from redact.mask.edits.result import Edited
from redact.mask.risk_queue import Risk, TrackRisks, risks_by_track, unsettled
from redact.media.probe import probe
from redact.media.proxy import proxy_shift
from redact.media.types import FrameTable, MediaInfo
from redact.schema.tables import Footage, MachineTracks, Release
from redact.server.services import Services
from redact.track.types import TrackSet

_ROW_BYTES = 64
"""Approximate bytes per box in a track."""
_EDIT_BYTES = 2_000
_RISK_BYTES = 500
_MAX_STEPS_BACK = 64
"""How many earlier revisions are tried as a starting point: an undone edit is usually a recent one."""


def find_footage(session: Session, footage_id: int) -> Footage:
    """Footage by its number in the records. Raises RecordMissing."""
    footage = session.get(Footage, footage_id) if footage_id < 2**31 else None
    if footage is None:
        raise RecordMissing("This footage does not exist.")
    return footage


def table_of(services: Services, footage: Footage) -> FrameTable:
    """Its frame table."""
    return services.cache.get(
        ("table", footage.sha256), lambda: frame_table(services.store, footage), lambda table: 12 * len(table)
    )


def seconds_of(table: FrameTable) -> NDArray[np.float64]:
    """(frames,) seconds of each frame from the first."""
    seconds: NDArray[np.float64] = (table.pts - table.pts[0]).astype(np.float64) * float(table.time_base)
    return seconds


def proxy_of(services: Services, footage: Footage) -> MediaInfo:
    """Media information of its review proxy."""
    return services.cache.get(
        ("proxy", footage.sha256), lambda: probe(services.store.derived(footage.sha256, PROXY)), lambda _: 4_000
    )


def master_of(services: Services, footage: Footage) -> MediaInfo:
    """Media information of the master."""
    return services.cache.get(
        ("master", footage.sha256), lambda: probe(services.store.master(footage.sha256)), lambda _: 4_000
    )


def proxy_start_of(services: Services, footage: Footage) -> float:
    """Seconds from the start of the proxy to its first frame: above 0 if sound starts before the picture."""
    table = table_of(services, footage)
    return float(table.seconds(0) + proxy_shift(master_of(services, footage), table))


def machine_of(services: Services, session: Session, row: MachineTracks) -> TrackSet:
    """Machine tracks."""
    return services.cache.get(
        ("machine", row.id), lambda: machine_tracks.load_tracks(session, services.store, row), _size
    )


def edited_of(services: Services, session: Session, row: MachineTracks, revision: int) -> Edited:
    """Machine tracks with the edits up to ``revision``. Raises EditInvalid for a revision that does not exist yet."""
    newest = session.get_one(Footage, row.footage_id).revision
    if not 0 <= revision <= newest:
        raise EditInvalid(f"Revision {revision} of this footage does not exist.", "Reload the page.")

    def make() -> Replayed:
        before: list[Replayed] = list(_cached_before(services, "edited", row.id, revision))
        log = before[0].log if before else ()
        new = edit_log.logged_edits(session, row.id, after=log[-1].revision if log else 0)
        log += tuple(entry for entry in new if entry.revision <= revision)
        return replayed(machine_of(services, session, row), log, before)

    # Tracks that an edit did not touch are shared with the revision before: this counts too many bytes, not too few.
    def size(value: Replayed) -> int:
        return _size(value.edited.tracks) + _EDIT_BYTES * (len(value.edited.states) + 1)

    return services.cache.get(("edited", row.id, revision), make, size).edited


def risks_of(services: Services, edited: Edited, table: FrameTable, key: tuple[int, int]) -> tuple[Risk, ...]:
    """The review queue; ``key`` is (tracks id, revision). Every open reviewer requests it after each edit."""

    def make() -> Mapping[int, TrackRisks]:
        return risks_by_track(edited, table, next(_cached_before(services, "risks", *key), {}))

    def size(value: Mapping[int, TrackRisks]) -> int:
        return _RISK_BYTES * (1 + sum(1 + len(one.risks) for one in value.values()))

    return unsettled(services.cache.get(("risks", *key), make, size), edited, table)


def cached_plan(services: Services, session: Session, release: Release) -> ReleasePlan:
    """A release in its current state. Raises the errors of :func:`redact.disclose.release.plan.plan_of`."""
    digest = releases.content_digest(session, release)

    def make() -> ReleasePlan:
        return plan_of(session, services.store, release)

    cached = services.cache.get(
        ("plan", release.id, digest), make, lambda value: sum(_size(edited.tracks) for edited in value.edited)
    )
    return replace(cached, release=release)  # its state may have changed


def _cached_before(services: Services, kind: str, tracks_id: int, revision: int) -> Iterator[Any]:
    """Cached values of the revisions before this one, latest first."""
    earlier = range(revision - 1, max(-1, revision - 1 - _MAX_STEPS_BACK), -1)
    values = (services.cache.peek((kind, tracks_id, each)) for each in earlier)
    return (value for value in values if value is not None)


def _size(value: TrackSet) -> int:
    return int(value.media.pts.nbytes) + sum(_ROW_BYTES * len(track) for track in value.tracks)
