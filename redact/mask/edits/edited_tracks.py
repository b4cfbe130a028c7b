"""From the machine's tracks and people's edits to the tracks that masks are made of: a pure function of both.

The machine's tracks are never changed, and the log is only ever added to. An edit that makes no sense any more, because
its track was deleted or merged by an edit before it or because the edit it was built on was undone, is skipped and
listed with the reason.

Undoing replays the log without the edit, redoing with it in its old place. So undoing a split skips whatever was done
to the new track since, and the whole track is hidden again as it was before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from redact.mask.edits.replay import EditSkipped, Replay
from redact.mask.edits.result import Edited, Skipped
from redact.mask.edits.types import LoggedEdit, Redo, Settle, Undo
from redact.track.types import TrackSet


def apply_edits(machine: TrackSet, edits: Sequence[LoggedEdit]) -> Edited:
    """``edits`` in the order of their revisions.

    The same arguments always give the same result, and nothing is raised for edits that contradict each other or the
    footage. A track that no edit reaches is the machine's own.
    """
    return replayed(machine, edits).edited


@dataclass(frozen=True, slots=True)
class Replayed:
    """``edited`` is what ``log`` comes to. A longer log that begins with this one may go on from here."""

    log: tuple[LoggedEdit, ...]
    edited: Edited
    _counts: list[bool]
    _skipped: Mapping[int, str]
    """By place: those of the replay."""
    _replay: Replay


def replayed(machine: TrackSet, edits: Sequence[LoggedEdit], before: Iterable[Replayed] = ()) -> Replayed:
    """The same as :func:`apply_edits`, at the cost of the edits that are new to ``before``: what shorter beginnings of
    the same log came to on the same tracks. They stay as they are."""
    log = tuple(edits)
    counts, idle = _that_count(log)
    # One that has an edit which was undone since, or has it not while it was redone, is of no use.
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
    told = idle | skipped
    undone = frozenset(
        logged.id
        for place, logged in enumerate(log)
        if not (counts[place] or place in told or isinstance(logged.edit, Undo | Redo))
    )
    edited = replay.result(undone, tuple(Skipped(log[place].id, told[place]) for place in sorted(told)))
    return Replayed(log, edited, counts, skipped, replay)


def settled_items(edits: Sequence[LoggedEdit]) -> dict[str, LoggedEdit]:
    """Items of the risk queue that were settled, by key, as :func:`apply_edits` has them, but without tracks.

    Of ``edits``, in the order of their revisions, those that neither settle nor take anything back may be left out.
    """
    counts, _ = _that_count(edits)
    return {
        logged.edit.key: logged
        for place, logged in enumerate(edits)
        if counts[place] and isinstance(logged.edit, Settle)
    }


def _that_count(edits: Sequence[LoggedEdit]) -> tuple[list[bool], dict[int, str]]:
    """For each edit whether it is to be replayed; and why some have no effect, by place."""
    places: dict[str, int] = {}
    counts = [False] * len(edits)
    skipped: dict[int, str] = {}
    for place, logged in enumerate(edits):
        edit = logged.edit
        if logged.id in places:
            skipped[place] = "The log has an edit of this id already."
            continue
        places[logged.id] = place
        if not isinstance(edit, Undo | Redo):
            counts[place] = True
            continue
        wanted = isinstance(edit, Redo)
        meant = places.get(edit.edit, place)
        if meant == place:
            skipped[place] = "There is no such edit before it."
        elif isinstance(edits[meant].edit, Undo | Redo):
            skipped[place] = "Undoing is taken back by redoing, and redoing by undoing."
        elif counts[meant] is wanted:
            skipped[place] = "The edit counts already." if wanted else "The edit was undone already."
        else:
            counts[meant] = wanted
    return counts, skipped
