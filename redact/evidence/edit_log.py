"""The edit log: append-only, each entry recorded with its event in one transaction.

Edits belong to one set of machine tracks and refer to its track ids; revisions count through the footage. A client
sends its edits with the last revision it has received. Edits recorded since then by others, or by the same person in
another window, are no obstacle unless they concern the same tracks or sounds: then nothing is recorded and the client
receives a conflict.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from redact.canonical_json import canonical
from redact.errors import EditConflict, EditInvalid, EditReused, RecordMissing
from redact.evidence import footage_records
from redact.evidence.machine_tracks import load_tracks
from redact.evidence.store import Store
from redact.mask.edits.conflicts import conflicts
from redact.mask.edits.edit_json import edit_json, parse_edit, parse_edit_id
from redact.mask.edits.edited_tracks import apply_edits, settled_items
from redact.mask.edits.result import Edited
from redact.mask.edits.types import Edit, LoggedEdit, Redo, Settle, Undo
from redact.records import accounts
from redact.records.accounts import Right
from redact.records.database import Database, UnitOfWork
from redact.records.release_state import reopen_for_footage
from redact.schema.tables import Edit as Row
from redact.schema.tables import Footage, MachineTracks, Person, as_text

EDIT_MADE = "edit.made"
_SETTLE = '"op":"settle"'
"""Identifies the payload of such an edit: inside a JSON string, the quotes would be escaped."""
_UNDO_OR_REDO = ('"op":"undo"', '"op":"redo"')
MAX_BATCH = 500
"""Edits in one transaction. A browser collects edits while it is offline."""


@dataclass(frozen=True, slots=True)
class SentEdit:
    """An edit with the client's id for it."""

    id: str
    edit: Edit


@dataclass(frozen=True, slots=True)
class RecordedEdits:
    """``edits`` are the edits that were sent, as recorded in the log; ``revision`` is the footage's."""

    edits: tuple[LoggedEdit, ...]
    revision: int


class _NothingNew(Exception):  # noqa: N818 - leaves the transaction without a change
    def __init__(self, recorded: RecordedEdits) -> None:
        self.recorded = recorded


def parse_sent(untrusted: object, footage: Footage) -> tuple[SentEdit, ...]:
    """Edits from a request: a list of objects, each with an ``id`` and the members of :func:`parse_edit`.

    Raises EditInvalid.
    """
    if not isinstance(untrusted, list) or not 0 < len(untrusted) <= MAX_BATCH:
        raise EditInvalid(f"This is not a list of 1 to {MAX_BATCH} edits.", "Send them in smaller batches.")
    sent = []
    for untrusted_item in untrusted:
        if not isinstance(untrusted_item, dict):
            raise EditInvalid("An edit is not a JSON object.", "Reload the page and make the edit again.")
        untrusted_edit = {name: value for name, value in untrusted_item.items() if name != "id"}
        sent.append(SentEdit(parse_edit_id(untrusted_item.get("id")), _parsed(untrusted_edit, footage)))
    return tuple(sent)


def record(db: Database, actor: str, tracks_id: int, sent: Sequence[SentEdit], *, base_revision: int) -> RecordedEdits:
    """Add edits of the machine tracks ``tracks_id`` to the log: all of them or none.

    Edits already in the log, resent because the response was lost, are not added twice. Submitted and approved
    releases of the footage become drafts again, unless the edits only settle items of the review queue, which changes
    no picture. Undoing such a settlement does turn them into drafts, because the item is open again.

    Raises EditConflict if something recorded after ``base_revision`` conflicts; EditReused for a known id with other
    content; EditInvalid if ``base_revision`` does not exist yet; RecordMissing, NotAllowed; WrongState if the footage
    has been disposed of.
    """
    if not 0 < len(sent) <= MAX_BATCH or len({s.id for s in sent}) != len(sent):
        raise EditInvalid(f"Edits must be sent in batches of 1 to {MAX_BATCH}, each with its own id.")
    try:
        with db.writing(actor) as work:
            person = accounts.authorise_actor(work, Right.EDIT)
            tracks, footage = _tracks_and_footage(work.session, tracks_id)
            footage_records.require_stored(footage)
            if not 0 <= base_revision <= footage.revision:
                raise EditInvalid(f"The edit log of this footage has no revision {base_revision}.", "Reload the page.")
            known = _known_rows(work.session, tracks, person, sent)
            new = [s for s in sent if s.id not in known]
            if new:
                _check_conflicts(work.session, tracks, footage, new, base_revision=base_revision, known=set(known))
                _add(work, tracks, footage, person, new=new)
                if not all(isinstance(s.edit, Settle) for s in new):
                    reopen_for_footage(work, footage.id, "its masks were edited")
            own_rows = select(Row).where(Row.op_id.in_([s.id for s in sent])).order_by(Row.revision)
            recorded = RecordedEdits(
                _log_entries(work.session.scalars(own_rows).all(), footage, {person.id: person.name}), footage.revision
            )
            if not new:
                raise _NothingNew(recorded)
    except _NothingNew as nothing_new:
        return nothing_new.recorded
    return recorded


def logged_edits(session: Session, tracks_id: int, *, after: int = 0) -> tuple[LoggedEdit, ...]:
    """The edits of these machine tracks with a revision above ``after``, in order. Raises RecordMissing, and
    EditInvalid for an altered record."""
    _, footage = _tracks_and_footage(session, tracks_id)
    query = select(Row).where(Row.tracks_id == tracks_id, Row.revision > after).order_by(Row.revision)
    rows = session.scalars(query).all()
    people = session.scalars(select(Person).where(Person.id.in_({row.person_id for row in rows})))
    return _log_entries(rows, footage, {person.id: person.name for person in people})


def settled_review_items(session: Session, tracks_id: int) -> dict[str, LoggedEdit]:
    """The settled items of the review queue of these machine tracks, by key. Raises the same errors as
    :func:`logged_edits`."""
    _, footage = _tracks_and_footage(session, tracks_id)
    query = select(Row).where(
        Row.tracks_id == tracks_id, or_(*(Row.payload.contains(op) for op in (_SETTLE, *_UNDO_OR_REDO)))
    )
    return settled_items(_log_entries(session.scalars(query.order_by(Row.revision)).all(), footage, {}))


def output_edits(session: Session, tracks_id: int) -> list[str]:
    """The stored payloads of the edits of these machine tracks that affect picture or sound, in order: all except
    settlements of review queue items, and the undoing and redoing of those."""
    query = select(Row.op_id, Row.payload).where(Row.tracks_id == tracks_id).order_by(Row.revision)
    rows = session.execute(query).all()
    settlements = {op_id for op_id, payload in rows if _SETTLE in payload}

    def affects_output(op_id: str, payload: str) -> bool:
        reverts = any(op in payload for op in _UNDO_OR_REDO)
        return op_id not in settlements and not (reverts and json.loads(payload)["edit"] in settlements)

    return [payload for op_id, payload in rows if affects_output(op_id, payload)]


def edited_tracks(session: Session, store: Store, tracks_id: int) -> Edited:
    """Machine tracks with all their edits applied. Raises RecordMissing, EditInvalid, StoreDamaged."""
    tracks, _ = _tracks_and_footage(session, tracks_id)
    return apply_edits(load_tracks(session, store, tracks), logged_edits(session, tracks_id))


def _tracks_and_footage(session: Session, tracks_id: int) -> tuple[MachineTracks, Footage]:
    tracks = session.get(MachineTracks, tracks_id)
    if tracks is None:
        raise RecordMissing(f"There are no machine tracks {tracks_id}.", "See `redact footage show`.")
    return tracks, session.get_one(Footage, tracks.footage_id)


def _known_rows(session: Session, tracks: MachineTracks, person: Person, sent: Sequence[SentEdit]) -> dict[str, Row]:
    """The rows of edits recorded before, by id. Raises EditReused if an id belongs to another edit."""
    rows = {row.op_id: row for row in session.scalars(select(Row).where(Row.op_id.in_([s.id for s in sent])))}
    for one in sent:
        row = rows.get(one.id)
        if row is not None and (row.tracks_id, row.person_id, row.payload) != (
            tracks.id,
            person.id,
            _payload(one.edit),
        ):
            raise EditReused(
                f"The id {one.id} has been used for another edit.", "Reload the page and make the edit again."
            )
    return rows


def _check_conflicts(
    session: Session,
    tracks: MachineTracks,
    footage: Footage,
    new: Sequence[SentEdit],
    *,
    base_revision: int,
    known: set[str],
) -> None:
    """Raise EditConflict if an edit that the sender has not received conflicts with ``new``."""
    unseen = [e for e in logged_edits(session, tracks.id, after=base_revision) if e.id not in known]
    if not unseen:
        return
    everything = [*(s.edit for s in new), *(e.edit for e in unseen)]
    targets = {edit.edit for edit in everything if isinstance(edit, Undo | Redo)}
    rows = session.scalars(select(Row).where(Row.op_id.in_(targets), Row.tracks_id == tracks.id)).all()
    earlier = {e.id: e.edit for e in _log_entries(rows, footage, {})} | {s.id: s.edit for s in new}
    conflicting = {e.id: e for s in new for e in conflicts(s.edit, unseen, earlier)}
    if conflicting:
        who = " and ".join(sorted({e.actor for e in conflicting.values()}))
        raise EditConflict(
            f"{who} changed the same tracks or sounds in the meantime.",
            "Review those changes, then make the edit again or drop it.",
            revision=footage.revision,
            conflicts=tuple(conflicting),
        )


def _add(work: UnitOfWork, tracks: MachineTracks, footage: Footage, person: Person, *, new: Sequence[SentEdit]) -> None:
    for one in new:
        footage.revision += 1
        payload = _payload(one.edit)
        content = {
            "content": json.loads(payload),
            "id": one.id,
            "revision": footage.revision,
            "sha256": footage.sha256,
            "tracks_sha256": tracks.file_sha256,
        }
        event = work.event(EDIT_MADE, footage_records.subject(footage.sha256), content)
        work.session.add(
            Row(
                footage_id=footage.id,
                tracks_id=tracks.id,
                revision=footage.revision,
                op_id=one.id,
                person_id=person.id,
                at=work.at,
                payload=payload,
                event_seq=event.seq,
            )
        )
    work.session.flush()


def _payload(edit: Edit) -> str:
    return canonical(edit_json(edit)).decode()


def _parsed(untrusted: object, footage: Footage) -> Edit:
    size = footage.media
    return parse_edit(untrusted, frame_count=size["frames"], width=size["width"], height=size["height"])


def _log_entries(rows: Sequence[Row], footage: Footage, names: dict[int, str]) -> tuple[LoggedEdit, ...]:
    """Rows of one piece of footage as log entries; ``names`` maps person ids to logins."""
    entries = []
    for row in rows:
        try:
            edit = _parsed(json.loads(row.payload), footage)
        except (ValueError, RecursionError, EditInvalid) as error:
            raise EditInvalid(
                f"The record of edit {row.revision} of {footage.original_name} has been altered.",
                "Run `redact audit verify`.",
            ) from error
        entries.append(LoggedEdit(row.op_id, row.revision, names.get(row.person_id, ""), as_text(row.at), edit))
    return tuple(entries)
