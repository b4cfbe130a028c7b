"""Copying masks to other footage of the same case, and listing that footage."""

from __future__ import annotations

import math
import secrets
from typing import Any

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session

from redact.errors import BadRecord, EditInvalid, RecordMissing
from redact.evidence import edit_log, footage_records, machine_tracks
from redact.evidence.edit_log import SentEdit
from redact.mask.edits.copying import copy_track
from redact.mask.edits.edit_json import MAX_ID, MAX_SECONDS, parse_edit_id
from redact.mask.edits.result import Edited
from redact.mask.edits.types import Draw, HideFrames, SetArea
from redact.records.accounts import Right
from redact.schema.tables import Exhibit, Footage, MachineTracks
from redact.server import footage_views
from redact.server.footage import require_tracks
from redact.server.review import UntrustedJson
from redact.server.services import CaseViewer, ServicesDep

router = APIRouter(prefix="/api/footage/{footage_id}")

Json = dict[str, Any]
MAX_COPY_ID = 56
"""Longest id of a copy: the ids of its edits append their number to it."""
FIRST_NEW, LAST_NEW = 100_000, 999_999
"""Range of ids for tracks that people create, as in the reviewer."""


@router.get("/others")
def list_others(footage_id: int, services: ServicesDep, user: CaseViewer) -> Json:
    """Other footage of the same cases. ``clock_shift`` is how many seconds later the same moment occurs there than
    here, by the cameras' corrected clocks; None if either start time is unknown."""
    with services.db.reading() as session:
        footage = footage_views.find_footage(session, footage_id)
        return {
            "footage": [
                {
                    "id": other.id,
                    "name": other.original_name,
                    "exhibits": [{"case": e.case.reference, "reference": e.reference} for e in other.exhibits],
                    "duration": other.media["duration_seconds"],
                    "searched": machine_tracks.newest(session, other) is not None,
                    "clock_shift": _clock_shift(footage, other),
                }
                for other in _same_case(session, footage)
            ]
        }


@router.post("/copy")
def copy(footage_id: int, services: ServicesDep, user: CaseViewer, untrusted: UntrustedJson) -> Json:
    """Copy the masks of ``track`` to footage ``to``, ``shift_seconds`` later, as a new track there.

    ``id`` is the client's id for this copy: repeating it acknowledges the earlier copy instead of copying twice.
    404 if the target is not in the same case, or the track hides nothing.
    """
    user.require(Right.EDIT)
    track, to, shift, copy_id = _parse_request(untrusted)
    with services.db.reading() as session:
        footage = footage_views.find_footage(session, footage_id)
        footage_records.require_stored(footage)
        target = next((other for other in _same_case(session, footage) if other.id == to), None)
        if target is None:
            raise RecordMissing("This footage is not in the same case.")
        row, here = require_tracks(session, target), require_tracks(session, footage)
        earlier = [entry for entry in edit_log.logged_edits(session, row.id) if entry.id.startswith(f"{copy_id}_")]
        if earlier:
            first = earlier[0].edit
            assert isinstance(first, Draw | SetArea | HideFrames)
            return _copy_response(target, row, first.track, [entry.id for entry in earlier])
        there = footage_views.edited_of(services, session, row, target.revision)
        new = _free_id(there)
        source = footage_views.edited_of(services, session, here, footage.revision)
        try:
            edits = copy_track(source, track, there.tracks.media, new=new, shift_seconds=shift)
        except KeyError:
            raise RecordMissing("This track does not exist, or it hides nothing.") from None
    if not edits:
        raise BadRecord(
            f"The mask lies outside {target.original_name}, which does not cover these times.",
            "Choose other times.",
        )
    sent = [SentEdit(f"{copy_id}_{n}", edit) for n, edit in enumerate(edits)]
    recorded = edit_log.record(services.db, user.name, row.id, sent, base_revision=target.revision)
    response = _copy_response(target, row, new, [entry.id for entry in recorded.edits])
    return {**response, "revision": recorded.revision}


def _parse_request(untrusted: Json) -> tuple[int, int, float, str]:
    track, to, shift = untrusted.get("track"), untrusted.get("to"), untrusted.get("shift_seconds", 0)
    if type(track) is not int or type(to) is not int or not (0 <= track <= MAX_ID and 0 <= to < 2**31):
        raise BadRecord("The request does not say which track to copy, or where to.")
    if type(shift) not in (int, float) or not (math.isfinite(shift) and abs(shift) <= MAX_SECONDS):
        raise BadRecord("The time shift is not a valid number of seconds.")
    copy_id = parse_edit_id(untrusted.get("id"))
    if len(copy_id) > MAX_COPY_ID:
        raise EditInvalid("The id of this copy is too long.", "Reload the page and copy again.")
    return track, to, float(shift), copy_id


def _same_case(session: Session, footage: Footage) -> list[Footage]:
    """Other stored footage of every case that contains this footage."""
    cases = [exhibit.case_id for exhibit in footage.exhibits]
    ids = select(Exhibit.footage_id).where(Exhibit.case_id.in_(cases))
    query = select(Footage).where(
        Footage.id.in_(ids), Footage.id != footage.id, Footage.state == footage_records.FootageState.STORED
    )
    return list(session.scalars(query.order_by(Footage.id)))


def _clock_shift(footage: Footage, other: Footage) -> float | None:
    if footage.recorded_start is None or other.recorded_start is None:
        return None
    apart = (footage.recorded_start - other.recorded_start).total_seconds()
    return round(apart + footage.clock_offset_seconds - other.clock_offset_seconds, 3)


def _free_id(edited: Edited) -> int:
    """An id that no track and no sound uses there."""
    while True:
        number = FIRST_NEW + secrets.randbelow(LAST_NEW - FIRST_NEW + 1)
        if number not in edited.states and number not in edited.sounds:
            return number


def _copy_response(target: Footage, row: MachineTracks, track: int, ids: list[str]) -> Json:
    return {
        "footage": target.id,
        "name": target.original_name,
        "track": track,
        "tracks_id": row.id,
        "revision": target.revision,
        "edits": ids,
    }
