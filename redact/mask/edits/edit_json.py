"""Converts edits to JSON and back. Input from requests and records is not trusted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from types import MappingProxyType

from redact.errors import EditInvalid
from redact.mask.edits import types
from redact.mask.edits.types import Box, Edit, PlacedBox
from redact.settings import SoundEffect

MAX_ID = 2**53 - 1
"""Largest integer that every JSON reader represents exactly."""
MAX_TEXT = 1000
MAX_LABEL = 100
MAX_ROWS = 20_000
"""Most boxes in one edit; a re-track job with more splits them over several edits."""
MAX_LINKED = 10_000
MAX_SECONDS = 360_000
"""No camera records a hundred hours into one file."""
LEAST_SIDE = 1.0
"""Pixels: a thinner box would hide nothing."""

OPERATIONS: Mapping[str, type[Edit]] = MappingProxyType(
    {
        "draw": types.Draw,
        "set-area": types.SetArea,
        "hide-frames": types.HideFrames,
        "keyframe": types.Keyframe,
        "outside": types.Outside,
        "remove-keyframe": types.RemoveKeyframe,
        "merge": types.Merge,
        "split": types.Split,
        "delete": types.Delete,
        "restore": types.Restore,
        "set-span": types.SetSpan,
        "resize": types.Resize,
        "set-class": types.SetClass,
        "link": types.Link,
        "unlink": types.Unlink,
        "add-boxes": types.AddBoxes,
        "add-sound": types.AddSound,
        "change-sound": types.ChangeSound,
        "remove-sound": types.RemoveSound,
        "settle": types.Settle,
        "undo": types.Undo,
        "redo": types.Redo,
    }
)
_NAMES = {operation: name for name, operation in OPERATIONS.items()}
_EDIT_ID = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)


def edit_name(edit: Edit) -> str:
    """The ``op`` of an edit, as in :data:`OPERATIONS`."""
    return _NAMES[type(edit)]


def edit_json(edit: Edit) -> dict[str, object]:
    """An edit ready for JSON; :func:`parse_edit` recovers the same edit."""
    return {"op": edit_name(edit)} | {f.name: _plain(getattr(edit, f.name)) for f in fields(edit)}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, SoundEffect) else value


def parse_edit(untrusted: object, *, frame_count: int, width: int, height: int) -> Edit:
    """Parse one edit from JSON: an object with ``op`` and exactly the members of that operation's class.

    Members with a default may be left out. ``width`` and ``height`` are those of the upright picture. Raises
    :class:`EditInvalid` with a text that names the faulty member.
    """
    if not isinstance(untrusted, dict):
        raise _wrong("edit", "is not an object")
    untrusted_name = untrusted.get("op")
    operation = OPERATIONS.get(untrusted_name) if isinstance(untrusted_name, str) else None
    if operation is None:
        raise _wrong("op", "is not an operation that this version supports")
    reader = _MemberReader(frame_count, width, height)
    known = {f.name: f for f in fields(operation)}
    for untrusted_member in untrusted:
        if untrusted_member not in known and untrusted_member != "op":
            raise _wrong(str(untrusted_member)[:40], "is not a member of this operation")
    values: dict[str, object] = {}
    for name, member in known.items():
        if name in untrusted and not (untrusted[name] is None and member.default is None):
            values[name] = reader.member(name, untrusted[name])
        elif member.default is MISSING:
            raise _wrong(name, "is missing")
    try:
        return operation(**values)  # type: ignore[arg-type]
    except ValueError as error:
        raise EditInvalid(f"The edit is not valid: {error}.", _TODO) from error


def parse_edit_id(untrusted: object) -> str:
    """An edit's id from the client: 8 to 64 letters, digits, dashes and underscores. Raises :class:`EditInvalid`."""
    if not isinstance(untrusted, str) or not _EDIT_ID.fullmatch(untrusted):
        raise _wrong("id", "is not 8 to 64 letters, digits, dashes and underscores")
    return untrusted


_TODO = "Reload the page and make the edit again."


def _wrong(where: str, what: str) -> EditInvalid:
    return EditInvalid(f"In the edit, {where!r} {what}.", _TODO)


@dataclass(frozen=True, slots=True)
class _MemberReader:
    """Checks members by their names, which mean the same in every operation."""

    frame_count: int
    width: int
    height: int

    def member(self, name: str, untrusted: object) -> object:
        return _CHECKS[name](self, untrusted, name)

    def number(self, untrusted: object, where: str) -> int:
        return _integer(untrusted, where, 0, MAX_ID)

    def frame(self, untrusted: object, where: str) -> int:
        return _integer(untrusted, where, 0, self.frame_count - 1)

    def box(self, untrusted: object, where: str) -> Box:
        if not isinstance(untrusted, list) or len(untrusted) != 4:
            raise _wrong(where, "is not a list of left, top, right and bottom")
        # A box may extend past the picture, but not by more than the picture's own size.
        left, right = (_real(untrusted[i], where, -self.width, 2 * self.width) for i in (0, 2))
        top, bottom = (_real(untrusted[i], where, -self.height, 2 * self.height) for i in (1, 3))
        if right - left < LEAST_SIDE or bottom - top < LEAST_SIDE:
            raise _wrong(where, "is less than a pixel wide or high")
        return Box(left, top, right, bottom)

    def rows(self, untrusted: object, where: str) -> tuple[PlacedBox, ...]:
        if not isinstance(untrusted, list) or not 0 < len(untrusted) <= MAX_ROWS:
            raise _wrong(where, f"is not a list of 1 to {MAX_ROWS} boxes")
        return tuple(self._row(item, f"{where}[{i}]") for i, item in enumerate(untrusted))

    def _row(self, untrusted: object, where: str) -> PlacedBox:
        if not isinstance(untrusted, list) or len(untrusted) != 6:
            raise _wrong(where, "is not a list of frame, left, top, right, bottom and angle")
        frame = self.frame(untrusted[0], where)
        return PlacedBox(frame, *self.box(untrusted[1:5], where), self.angle(untrusted[5], where))

    def angle(self, untrusted: object, where: str) -> float:
        return _real(untrusted, where, -360, 360)

    def factor(self, untrusted: object, where: str) -> float:
        return _real(untrusted, where, 1 / types.MAX_FACTOR, types.MAX_FACTOR)

    def seconds(self, untrusted: object, where: str) -> float:
        return _real(untrusted, where, 0, MAX_SECONDS)

    def label(self, untrusted: object, where: str) -> str:
        text = _line(untrusted, where, MAX_LABEL)
        if not text or text.strip() != text:
            raise _wrong(where, "is empty or has leading or trailing spaces")
        return text

    def reason(self, untrusted: object, where: str) -> str:
        return _line(untrusted, where, MAX_TEXT)

    def key(self, untrusted: object, where: str) -> str:
        return _line(untrusted, where, MAX_LABEL)

    def linked(self, untrusted: object, where: str) -> tuple[int, ...]:
        if not isinstance(untrusted, list) or len(untrusted) > MAX_LINKED:
            raise _wrong(where, f"is not a list of at most {MAX_LINKED} tracks")
        return tuple(self.number(item, f"{where}[{i}]") for i, item in enumerate(untrusted))

    def effect(self, untrusted: object, where: str) -> SoundEffect:
        if not isinstance(untrusted, str) or untrusted not in set(SoundEffect):
            raise _wrong(where, "is not one of " + ", ".join(SoundEffect))
        return SoundEffect(untrusted)

    def edit(self, untrusted: object, where: str) -> str:
        if not isinstance(untrusted, str) or not _EDIT_ID.fullmatch(untrusted):
            raise _wrong(where, "is not the id of an edit")
        return untrusted


_CHECKS: Mapping[str, Callable[[_MemberReader, object, str], object]] = MappingProxyType(
    {
        **dict.fromkeys(("track", "other", "new", "span"), _MemberReader.number),
        **dict.fromkeys(("frame", "first", "last"), _MemberReader.frame),
        **dict.fromkeys(("start", "end"), _MemberReader.seconds),
        "tracks": _MemberReader.linked,
        "box": _MemberReader.box,
        "rows": _MemberReader.rows,
        "angle": _MemberReader.angle,
        "factor": _MemberReader.factor,
        "label": _MemberReader.label,
        "reason": _MemberReader.reason,
        "key": _MemberReader.key,
        "effect": _MemberReader.effect,
        "edit": _MemberReader.edit,
    }
)


def _integer(untrusted: object, where: str, low: int, high: int) -> int:
    if type(untrusted) is not int or not low <= untrusted <= high:
        raise _wrong(where, f"is not a whole number from {low} to {high}")
    return untrusted


def _real(untrusted: object, where: str, low: float, high: float) -> float:
    if type(untrusted) not in (int, float) or not low <= untrusted <= high:  # type: ignore[operator]
        raise _wrong(where, f"is not a number from {low:g} to {high:g}")
    return float(untrusted)  # type: ignore[arg-type]


def _line(untrusted: object, where: str, most: int) -> str:
    if not isinstance(untrusted, str) or len(untrusted) > most:
        raise _wrong(where, f"is not a text of at most {most} characters")
    # Zero-width joiners are not printable, but some names need them.
    if not untrusted.replace("\u200c", "").replace("\u200d", "").isprintable():
        raise _wrong(where, "has characters that cannot be printed")
    return untrusted
