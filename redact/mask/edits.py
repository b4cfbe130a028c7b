"""From the machine's tracks and people's edits to the tracks that masks are made of: a pure function of both.

The machine's tracks are never changed, and the log is only ever added to. An edit that makes no sense any more, because
its track was deleted or merged by an edit before it or because the edit it was built on was undone, is skipped and
listed with the reason.

Undoing replays the log without the edit, redoing with it in its old place. So undoing a split skips whatever was done
to the new track since, and the whole track is hidden again as it was before.
"""

from __future__ import annotations

from collections.abc import Sequence

from redact.mask.edit_replay import EditSkipped, Replay
from redact.mask.edit_result import Edited, Skipped
from redact.mask.edit_types import LoggedEdit, Redo, Undo
from redact.track.types import TrackSet


def apply_edits(machine: TrackSet, edits: Sequence[LoggedEdit]) -> Edited:
    """``edits`` in the order of their revisions.

    The same arguments always give the same result, and nothing is raised for edits that contradict each other or the
    footage. A track that no edit reaches is the machine's own.
    """
    counts, skipped = _that_count(edits)
    replay = Replay(machine)
    for place, logged in enumerate(edits):
        if counts[place]:
            try:
                replay.apply(logged)
            except EditSkipped as skip:
                skipped[place] = str(skip)
    undone = frozenset(
        logged.id
        for place, logged in enumerate(edits)
        if not (counts[place] or place in skipped or isinstance(logged.edit, Undo | Redo))
    )
    return replay.result(undone, tuple(Skipped(edits[place].id, skipped[place]) for place in sorted(skipped)))


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
