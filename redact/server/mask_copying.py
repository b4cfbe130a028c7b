"""Masks copied into other footage of the same case: which there is, and the copying itself."""

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
"""Letters of an act's id: the ids of its edits have their number behind it."""
FIRST_NEW, LAST_NEW = 100_000, 999_999
"""Numbers of tracks that people make, as the reviewer chooses them too."""


@router.get("/others")
def list_others(footage_id: int, services: ServicesDep, user: CaseViewer) -> Json:
    """Other footage of the same cases. ``clock_shift``: how many seconds later something is there than here by the
    cameras' corrected clocks; None where one of them has none."""
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
    """Give footage ``to`` what hides ``track`` here, ``shift_seconds`` later, as a new track there.

    ``id`` is the client's name for the act: what was copied under it already is acknowledged again, not copied twice.
    404 for a target that is not of the same case, and for a track that hides nothing.
    """
    user.require(Right.EDIT)
    track, to, shift, copy_id = _parse_request(untrusted)
    with services.db.reading() as session:
        footage = footage_views.find_footage(session, footage_id)
        footage_records.require_held(footage)
        target = next((other for other in _same_case(session, footage) if other.id == to), None)
        if target is None:
            raise RecordMissing("There is no such footage in the same case.")
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
            raise RecordMissing("There is no such track, or it hides nothing.") from None
    if not edits:
        raise BadRecord(
            f"Nothing of the mask falls within {target.original_name}: at these times it has ended or not begun.",
            "Choose other times.",
        )
    sent = [SentEdit(f"{copy_id}_{n}", edit) for n, edit in enumerate(edits)]
    recorded = edit_log.record(services.db, user.name, row.id, sent, base_revision=target.revision)
    response = _copy_response(target, row, new, [entry.id for entry in recorded.edits])
    return {**response, "revision": recorded.revision}


def _parse_request(untrusted: Json) -> tuple[int, int, float, str]:
    track, to, shift = untrusted.get("track"), untrusted.get("to"), untrusted.get("shift_seconds", 0)
    if type(track) is not int or type(to) is not int or not (0 <= track <= MAX_ID and 0 <= to < 2**31):
        raise BadRecord("That does not say what is to be copied, and where to.")
    if type(shift) not in (int, float) or not (math.isfinite(shift) and abs(shift) <= MAX_SECONDS):
        raise BadRecord("That is no number of seconds.")
    copy_id = parse_edit_id(untrusted.get("id"))
    if len(copy_id) > MAX_COPY_ID:
        raise EditInvalid("The name of this act is too long.", "Reload the page and copy again.")
    return track, to, float(shift), copy_id


def _same_case(session: Session, footage: Footage) -> list[Footage]:
    """Other footage that is held, of any case that has this one."""
    cases = [exhibit.case_id for exhibit in footage.exhibits]
    ids = select(Exhibit.footage_id).where(Exhibit.case_id.in_(cases))
    query = select(Footage).where(
        Footage.id.in_(ids), Footage.id != footage.id, Footage.state == footage_records.FootageState.HELD
    )
    return list(session.scalars(query.order_by(Footage.id)))


def _clock_shift(footage: Footage, other: Footage) -> float | None:
    if footage.recorded_start is None or other.recorded_start is None:
        return None
    apart = (footage.recorded_start - other.recorded_start).total_seconds()
    return round(apart + footage.clock_offset_seconds - other.clock_offset_seconds, 3)


def _free_id(edited: Edited) -> int:
    """A number that no track and no sound there has."""
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
