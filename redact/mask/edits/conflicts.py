"""Which edits of others stand in the way of one that was made without knowing of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from redact.mask.edits.types import (
    AddBoxes,
    AddSound,
    ChangeSound,
    Delete,
    Draw,
    Edit,
    HideFrames,
    Keyframe,
    Link,
    LoggedEdit,
    Merge,
    Outside,
    Redo,
    RemoveKeyframe,
    RemoveSound,
    Resize,
    Restore,
    SetArea,
    SetClass,
    SetSpan,
    Settle,
    Split,
    Undo,
    Unlink,
)

_END = 2**62


class _Side(Enum):
    """What of a thing an edit is about."""

    BEING = 0
    """That it is there, and what it is made of: this bears on all other sides."""
    PLACE = 1
    CLASS = 2
    PERSON = 3


class _Reach(NamedTuple):
    """One side of one thing on a range of frames."""

    thing: tuple[str, int | str]
    side: _Side
    first: int = 0
    last: int = _END

    def meets(self, other: _Reach) -> bool:
        sides = {self.side, other.side}
        return (
            self.thing == other.thing
            and (len(sides) == 1 or _Side.BEING in sides)
            and self.first <= other.last
            and other.first <= self.last
        )


def conflicts(edit: Edit, others_since_base: Sequence[LoggedEdit], earlier: Mapping[str, Edit]) -> list[LoggedEdit]:
    """Those of ``others_since_base``, in their order, that touch the same side of the same track (or sound span) on
    frames in common with ``edit``.

    ``earlier`` has the edits that undoing and redoing may speak of, by id; an unknown one conflicts with nothing. To
    settle an item of the risk queue twice is no conflict, nor is it to make two keyframes on two frames of one track.
    """
    reach = _reach(edit, earlier)
    return [
        logged for logged in others_since_base if any(r.meets(o) for r in reach for o in _reach(logged.edit, earlier))
    ]


def _reach(edit: Edit, earlier: Mapping[str, Edit]) -> list[_Reach]:  # noqa: PLR0911 - one line for each operation
    match edit:
        case Undo() | Redo():
            meant = earlier.get(edit.edit)
            return [] if meant is None or isinstance(meant, Undo | Redo) else _reach(meant, earlier)
        case Settle():
            return []
        case AddSound() | ChangeSound() | RemoveSound():
            return [_Reach(("sound", edit.span), _Side.BEING)]
        case Link():
            return [_Reach(("track", number), _Side.PERSON) for number in edit.tracks]
        case Merge():
            return [_Reach(("track", number), _Side.BEING) for number in (edit.track, edit.other)]
        case Split():
            return [_Reach(("track", number), _Side.BEING) for number in (edit.track, edit.new)]
    return [_track_reach(edit)]


def _track_reach(
    edit: Draw
    | SetArea
    | HideFrames
    | Keyframe
    | Outside
    | RemoveKeyframe
    | Delete
    | Restore
    | SetSpan
    | Resize
    | SetClass
    | Unlink
    | AddBoxes,
) -> _Reach:
    side, first, last = _Side.BEING, 0, _END
    match edit:
        case Keyframe():
            side, first, last = _Side.PLACE, edit.frame, edit.frame
        case Outside() | RemoveKeyframe():
            # What was visible, or not, until the next mark changes.
            side, first = _Side.PLACE, edit.frame
        case Resize() if edit.first is not None and edit.last is not None:
            side, first, last = _Side.PLACE, edit.first, edit.last
        case AddBoxes():
            side, first, last = _Side.PLACE, edit.rows[0].frame, edit.rows[-1].frame
        case SetSpan() | Resize():
            side = _Side.PLACE
        case SetClass():
            side = _Side.CLASS
        case Unlink():
            side = _Side.PERSON
    return _Reach(("track", edit.track), side, first, last)
