"""The log of edits in the records: only ever added to, each entry with its event in one transaction.

Edits belong to one set of machine tracks, whose ids they speak of; their revisions count through the footage. A client
sends what it has with the last revision it has seen. What was recorded since by others, or by the same person in
another window, is no obstacle unless it touches the same thing; if it does, nothing is recorded and the client is told.
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
"""How the payload of such an edit can be told: within a text of JSON, quotes have a backslash before them."""
_UNDO_OR_REDO = ('"op":"undo"', '"op":"redo"')
MOST_AT_ONCE = 500
"""Edits in one transaction: what a browser saves up while it has no connection."""


@dataclass(frozen=True, slots=True)
class SentEdit:
    """An edit and the client's id for it."""

    id: str
    edit: Edit


@dataclass(frozen=True, slots=True)
class RecordedEdits:
    """``edits`` are those that were sent, as they stand in the log now; ``revision`` is the footage's."""

    edits: tuple[LoggedEdit, ...]
    revision: int


class _NothingNew(Exception):  # noqa: N818 - leaves the transaction: there is nothing to write
    def __init__(self, recorded: RecordedEdits) -> None:
        self.recorded = recorded


def parse_sent(untrusted: object, footage: Footage) -> tuple[SentEdit, ...]:
    """Edits from a request: a list of objects, each an ``id`` and the members of :func:`parse_edit`.

    Raises EditInvalid.
    """
    if not isinstance(untrusted, list) or not 0 < len(untrusted) <= MOST_AT_ONCE:
        raise EditInvalid(f"That is no list of 1 to {MOST_AT_ONCE} edits.", "Send them in several parts.")
    sent = []
    for untrusted_item in untrusted:
        if not isinstance(untrusted_item, dict):
            raise EditInvalid("An edit is not an object.", "Reload the page and make it again.")
        untrusted_edit = {name: value for name, value in untrusted_item.items() if name != "id"}
        sent.append(SentEdit(parse_edit_id(untrusted_item.get("id")), _parsed(untrusted_edit, footage)))
    return tuple(sent)


def record(db: Database, actor: str, tracks_id: int, sent: Sequence[SentEdit], *, base_revision: int) -> RecordedEdits:
    """Add edits of the machine tracks ``tracks_id`` to the log: all of them, or none.

    Those that the log has already, from an answer that was lost on its way, are not added twice. Releases of the
    footage that were submitted or approved fall back to drafts, unless items of the risk queue were settled and nothing
    else: that changes no picture. To take a settling back is a doubt, and makes drafts.

    Raises EditConflict where something recorded after ``base_revision`` is in the way; EditReused for a known id with
    other content; EditInvalid for a base revision still to come; RecordMissing, NotAllowed; WrongState where the
    footage was disposed of.
    """
    if not 0 < len(sent) <= MOST_AT_ONCE or len({s.id for s in sent}) != len(sent):
        raise EditInvalid(f"Edits go in parts of 1 to {MOST_AT_ONCE}, each with an id of its own.")
    try:
        with db.writing(actor) as work:
            person = accounts.authorise_actor(work, Right.EDIT)
            tracks, footage = _tracks_and_footage(work.session, tracks_id)
            footage_records.require_held(footage)
            if not 0 <= base_revision <= footage.revision:
                raise EditInvalid(f"The edits of this footage have no revision {base_revision}.", "Reload the page.")
            known = _known_rows(work.session, tracks, person, sent)
            new = [s for s in sent if s.id not in known]
            if new:
                _check_conflicts(work.session, tracks, footage, new, base_revision=base_revision, known=set(known))
                _add(work, tracks, footage, person, new=new)
                if not all(isinstance(s.edit, Settle) for s in new):
                    reopen_for_footage(work, footage.id, "its masks were edited")
            mine = select(Row).where(Row.op_id.in_([s.id for s in sent])).order_by(Row.revision)
            recorded = RecordedEdits(
                _log_entries(work.session.scalars(mine).all(), footage, {person.id: person.name}), footage.revision
            )
            if not new:
                raise _NothingNew(recorded)
    except _NothingNew as none_new:
        return none_new.recorded
    return recorded


def logged_edits(session: Session, tracks_id: int, *, after: int = 0) -> tuple[LoggedEdit, ...]:
    """The edits of these machine tracks with a revision above ``after``, in order. Raises RecordMissing, and
    EditInvalid for a record that is none."""
    _, footage = _tracks_and_footage(session, tracks_id)
    query = select(Row).where(Row.tracks_id == tracks_id, Row.revision > after).order_by(Row.revision)
    rows = session.scalars(query).all()
    makers = session.scalars(select(Person).where(Person.id.in_({row.person_id for row in rows})))
    return _log_entries(rows, footage, {person.id: person.name for person in makers})


def settled_review_items(session: Session, tracks_id: int) -> dict[str, LoggedEdit]:
    """Items of the risk queue of these machine tracks that were settled, by key. Raises as :func:`logged`."""
    _, footage = _tracks_and_footage(session, tracks_id)
    query = select(Row).where(
        Row.tracks_id == tracks_id, or_(*(Row.payload.contains(op) for op in (_SETTLE, *_UNDO_OR_REDO)))
    )
    return settled_items(_log_entries(session.scalars(query.order_by(Row.revision)).all(), footage, {}))


def output_edits(session: Session, tracks_id: int) -> list[str]:
    """Edits of these machine tracks that shape what is seen and heard, as they are in the records, in order: all but
    the settling of items of the risk queue, and the undoing and redoing of that."""
    query = select(Row.op_id, Row.payload).where(Row.tracks_id == tracks_id).order_by(Row.revision)
    rows = session.execute(query).all()
    settling = {op_id for op_id, payload in rows if _SETTLE in payload}

    def shapes(op_id: str, payload: str) -> bool:
        takes = any(op in payload for op in _UNDO_OR_REDO)
        return op_id not in settling and not (takes and json.loads(payload)["edit"] in settling)

    return [payload for op_id, payload in rows if shapes(op_id, payload)]


def edited_tracks(session: Session, store: Store, tracks_id: int) -> Edited:
    """Machine tracks and all their edits, put together. Raises RecordMissing, EditInvalid, StoreDamaged."""
    tracks, _ = _tracks_and_footage(session, tracks_id)
    return apply_edits(load_tracks(session, store, tracks), logged_edits(session, tracks_id))


def _tracks_and_footage(session: Session, tracks_id: int) -> tuple[MachineTracks, Footage]:
    tracks = session.get(MachineTracks, tracks_id)
    if tracks is None:
        raise RecordMissing(f"There are no tracks {tracks_id}.", "See `redact footage show`.")
    return tracks, session.get_one(Footage, tracks.footage_id)


def _known_rows(session: Session, tracks: MachineTracks, person: Person, sent: Sequence[SentEdit]) -> dict[str, Row]:
    """Rows of those that were recorded before. Raises EditReused if one of them was another edit."""
    rows = {row.op_id: row for row in session.scalars(select(Row).where(Row.op_id.in_([s.id for s in sent])))}
    for one in sent:
        row = rows.get(one.id)
        if row is not None and (row.tracks_id, row.person_id, row.payload) != (
            tracks.id,
            person.id,
            _payload(one.edit),
        ):
            raise EditReused(f"The id {one.id} was used for another edit.", "Reload the page and make the edit again.")
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
    """Raise EditConflict if something that the sender cannot have seen stands in the way of ``new``."""
    unseen = [e for e in logged_edits(session, tracks.id, after=base_revision) if e.id not in known]
    if not unseen:
        return
    everything = [*(s.edit for s in new), *(e.edit for e in unseen)]
    meant = {edit.edit for edit in everything if isinstance(edit, Undo | Redo)}
    rows = session.scalars(select(Row).where(Row.op_id.in_(meant), Row.tracks_id == tracks.id)).all()
    earlier = {e.id: e.edit for e in _log_entries(rows, footage, {})} | {s.id: s.edit for s in new}
    in_the_way = {e.id: e for s in new for e in conflicts(s.edit, unseen, earlier)}
    if in_the_way:
        who = " and ".join(sorted({e.actor for e in in_the_way.values()}))
        raise EditConflict(
            f"{who} changed the same tracks or sounds meanwhile.",
            "Look at what was changed, then make the edit again or leave it.",
            revision=footage.revision,
            conflicts=tuple(in_the_way),
        )


def _add(work: UnitOfWork, tracks: MachineTracks, footage: Footage, person: Person, *, new: Sequence[SentEdit]) -> None:
    for one in new:
        footage.revision += 1
        payload = _payload(one.edit)
        told = {
            "content": json.loads(payload),
            "id": one.id,
            "revision": footage.revision,
            "sha256": footage.sha256,
            "tracks_sha256": tracks.file_sha256,
        }
        event = work.event(EDIT_MADE, footage_records.subject(footage.sha256), told)
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
    """Rows of one footage as entries; ``names`` are the logins of people by their ids."""
    entries = []
    for row in rows:
        try:
            edit = _parsed(json.loads(row.payload), footage)
        except (ValueError, RecursionError, EditInvalid) as error:
            raise EditInvalid(
                f"The record of edit {row.revision} of {footage.original_name} is not what was written.",
                "See `redact audit verify`.",
            ) from error
        entries.append(LoggedEdit(row.op_id, row.revision, names.get(row.person_id, ""), as_text(row.at), edit))
    return tuple(entries)
