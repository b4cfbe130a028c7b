"""Editing: the edit log, following a box, and the reviewer page."""

from __future__ import annotations

import math
from html import escape
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from fastapi.responses import HTMLResponse

from redact.errors import BadRecord, EditInvalid, RecordMissing
from redact.evidence import edit_log, footage_records
from redact.mask.edits.edit_json import edit_json, parse_edit
from redact.mask.edits.types import AddBoxes
from redact.records.accounts import Right
from redact.schema.tables import MachineTracks
from redact.server import footage_views
from redact.server.follow import MAX_FOLLOW_SECONDS, follow
from redact.server.footage import require_tracks
from redact.server.html_pages import page
from redact.server.services import CaseViewer, ServicesDep, limited_edit, limited_read

router = APIRouter()

Json = dict[str, Any]
UntrustedJson = Annotated[Json, Body()]


@router.post("/api/footage/{footage_id}/ops")
@limited_edit
def ops(footage_id: int, services: ServicesDep, user: CaseViewer, untrusted: UntrustedJson) -> Json:
    """Record edits, all or none. Edits already in the log are acknowledged again. A conflict gets 409."""
    user.require(Right.EDIT)
    untrusted_tracks, untrusted_base = untrusted.get("tracks_id"), untrusted.get("base_revision")
    if type(untrusted_tracks) is not int or type(untrusted_base) is not int or not 0 <= untrusted_tracks < 2**31:
        raise EditInvalid("The edits do not name their tracks and revision.", "Reload the page.")
    with services.db.reading() as session:
        footage = footage_views.find_footage(session, footage_id)
        row = session.get(MachineTracks, untrusted_tracks)
        if row is None or row.footage_id != footage.id:
            raise RecordMissing("These tracks are not from this footage.", "Reload the page.")
    sent = edit_log.parse_sent(untrusted.get("ops"), footage)
    recorded = edit_log.record(services.db, user.name, row.id, sent, base_revision=untrusted_base)
    return {"revision": recorded.revision, "edits": [edit.id for edit in recorded.edits]}


@router.get("/api/footage/{footage_id}/edits")
@limited_read
def log(
    footage_id: int, services: ServicesDep, user: CaseViewer, after: Annotated[int, Query(ge=0, lt=2**31)] = 0
) -> Json:
    """Edits recorded after a revision, by anyone."""
    with services.db.reading() as session:
        footage = footage_views.find_footage(session, footage_id)
        logged = edit_log.logged_edits(session, require_tracks(session, footage).id, after=after)
    return {
        "revision": footage.revision,
        "edits": [
            {
                "id": entry.id,
                "revision": entry.revision,
                "actor": entry.actor,
                "at": entry.at,
                "edit": edit_json(entry.edit),
            }
            for entry in logged
        ],
    }


@router.post("/api/footage/{footage_id}/follow")
def follow_box(footage_id: int, services: ServicesDep, user: CaseViewer, untrusted: UntrustedJson) -> Json:
    """Follow a box forwards or backwards. Returns rows as in an ``add-boxes`` edit, including the given one."""
    user.require(Right.EDIT)
    with services.db.reading() as session:
        footage = footage_views.find_footage(session, footage_id)
        footage_records.require_stored(footage)
        table = footage_views.table_of(services, footage)
    untrusted_box, media = untrusted.get("box"), footage.media
    row = [
        untrusted.get("frame"),
        *(untrusted_box if isinstance(untrusted_box, list) else []),
        untrusted.get("angle", 0),
    ]
    start = parse_edit(
        {"op": "add-boxes", "track": 0, "rows": [row]},
        frame_count=media["frames"],
        width=media["width"],
        height=media["height"],
    )
    assert isinstance(start, AddBoxes)
    direction, seconds = untrusted.get("direction"), untrusted.get("seconds", 3)
    if direction not in ("on", "back"):
        raise BadRecord("A box can be followed forwards (on) or backwards (back).")
    if type(seconds) not in (int, float) or not (math.isfinite(seconds) and 0 < seconds <= MAX_FOLLOW_SECONDS):
        raise BadRecord(f"A box can be followed for up to {MAX_FOLLOW_SECONDS:g} seconds.")
    with services.decode_slots:
        rows = follow(
            footage_views.proxy_of(services, footage),
            footage_views.master_of(services, footage),
            table,
            start.rows[0],
            back=direction == "back",
            seconds=float(seconds),
        )
    return {"rows": [list(placed) for placed in rows]}


@router.get("/review/{footage_id}")
def review_page(
    footage_id: int, services: ServicesDep, user: CaseViewer, release: Annotated[str, Query(max_length=100)] = ""
) -> HTMLResponse:
    """The reviewer page."""
    try:
        with services.db.reading() as session:
            footage = footage_views.find_footage(session, footage_id)
    except RecordMissing:
        return page("Not found", "<main><h1>This footage does not exist</h1></main>", status=HTTPStatus.NOT_FOUND)
    attributes = {"footage": str(footage.id), "csrf": user.csrf, "release": release}
    data = " ".join(f'data-{name}="{escape(value)}"' for name, value in attributes.items())
    return page(
        footage.original_name,
        f'<div id="review" {data}></div>',
        head='<script type="module" src="/static/public/review-page.js"></script>',
    )
