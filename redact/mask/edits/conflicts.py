"""Finds edits by others that conflict with an edit made without knowledge of them."""

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
    """The aspect of a track or sound span that an edit affects."""

    BEING = 0
    """Its existence and content, which affects all other aspects."""
    PLACE = 1
    CLASS = 2
    PERSON = 3


class _Reach(NamedTuple):
    """One aspect of one track or sound span on a range of frames."""

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
    """The edits of ``others_since_base``, in their order, that affect the same aspect of the same track or sound span
    as ``edit`` on common frames.

    ``earlier`` has the edits that undo and redo may refer to, by id; an unknown one conflicts with nothing. Settling an
    item of the review queue twice is not a conflict, nor are two keyframes on different frames of one track.
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
            # This changes visibility up to the next mark.
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
