"""Applies the edit log to machine tracks; the result, a pure function of both, is what masks are made from.

Machine tracks are never changed, and the edit log is append-only. An edit that is no longer possible, because its track
was deleted or merged by an earlier edit or because the edit it depends on was undone, is skipped and listed with the
reason.

Undo replays the log without the edit, redo with it in its original place. So undoing a split skips all later edits of
the new track, and the whole track is masked as it was before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from redact.mask.edits.replay import EditSkipped, Replay
from redact.mask.edits.result import Edited, Skipped
from redact.mask.edits.types import LoggedEdit, Redo, Settle, Undo
from redact.track.types import TrackSet


def apply_edits(machine: TrackSet, edits: Sequence[LoggedEdit]) -> Edited:
    """Apply ``edits``, in the order of their revisions, to the machine tracks.

    The same arguments always give the same result. Edits that contradict each other or the footage raise nothing. A
    track without edits is the machine track itself.
    """
    return replayed(machine, edits).edited


@dataclass(frozen=True, slots=True)
class Replayed:
    """``edited`` is the result of ``log``. A longer log that begins with this one can be replayed from here."""

    log: tuple[LoggedEdit, ...]
    edited: Edited
    _counts: list[bool]
    _skipped: Mapping[int, str]
    """Reasons for edits that the replay skipped, by place in the log."""
    _replay: Replay


def replayed(machine: TrackSet, edits: Sequence[LoggedEdit], before: Iterable[Replayed] = ()) -> Replayed:
    """Like :func:`apply_edits`, but replays only the edits that come after the longest usable result in ``before``:
    results of shorter beginnings of the same log on the same tracks, which are not changed."""
    log = tuple(edits)
    counts, idle = _effective(log)
    # A result is usable only if no edit of its log was undone or redone since.
    usable = [one for one in before if one.log == log[: len(one.log)] and one._counts == counts[: len(one.log)]]
    start = max(usable, key=lambda one: len(one.log), default=None)
    replay = start._replay.copied() if start else Replay(machine)
    skipped = dict(start._skipped) if start else {}
    for place in range(len(start.log) if start else 0, len(log)):
        if counts[place]:
            try:
                replay.apply(log[place])
            except EditSkipped as skip:
                skipped[place] = str(skip)
    reasons = idle | skipped
    undone = frozenset(
        logged.id
        for place, logged in enumerate(log)
        if not (counts[place] or place in reasons or isinstance(logged.edit, Undo | Redo))
    )
    edited = replay.result(undone, tuple(Skipped(log[place].id, reasons[place]) for place in sorted(reasons)))
    return Replayed(log, edited, counts, skipped, replay)


def settled_items(edits: Sequence[LoggedEdit]) -> dict[str, LoggedEdit]:
    """Settled items of the review queue by key, as in the result of :func:`apply_edits`, but without tracks.

    ``edits`` are in the order of their revisions; those other than settling, undo and redo may be left out.
    """
    counts, _ = _effective(edits)
    return {
        logged.edit.key: logged
        for place, logged in enumerate(edits)
        if counts[place] and isinstance(logged.edit, Settle)
    }


def _effective(edits: Sequence[LoggedEdit]) -> tuple[list[bool], dict[int, str]]:
    """Whether each edit is to be replayed, and the reasons why some have no effect, by place in the log."""
    places: dict[str, int] = {}
    counts = [False] * len(edits)
    skipped: dict[int, str] = {}
    for place, logged in enumerate(edits):
        edit = logged.edit
        if logged.id in places:
            skipped[place] = "The log already has an edit with this id."
            continue
        places[logged.id] = place
        if not isinstance(edit, Undo | Redo):
            counts[place] = True
            continue
        wanted = isinstance(edit, Redo)
        meant = places.get(edit.edit, place)
        if meant == place:
            skipped[place] = "There is no such earlier edit."
        elif isinstance(edits[meant].edit, Undo | Redo):
            skipped[place] = "An undo is reversed by a redo, and a redo by an undo."
        elif counts[meant] is wanted:
            skipped[place] = "The edit is already in effect." if wanted else "The edit was already undone."
        else:
            counts[meant] = wanted
    return counts, skipped
