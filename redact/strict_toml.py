"""Strict TOML parser: anything not fully understood is refused, never guessed or skipped.

The files read this way decide what is redacted and why. If a misspelt key were ignored, a rule would silently not
apply.
"""

from __future__ import annotations

import math
import tomllib
import unicodedata
from collections.abc import Callable
from enum import StrEnum
from typing import NoReturn, TypeVar

from redact.errors import RedactError

LONGEST_LINE = 200
LONGEST_PARAGRAPH = 2000
LARGEST_FILE = 1 << 20
"""Bytes. These files are written by hand; anything larger is not one of them."""

Refusal = Callable[[str], RedactError]
"""Takes what is wrong, as in ``[class.face] lacks codes``, and returns the error to raise."""
_Member = TypeVar("_Member", bound=StrEnum)


class Table:
    """One table of a file. Every key must have been read before :meth:`done` is called."""

    def __init__(self, untrusted_value: object, place: str, refusal: Refusal) -> None:
        self.place = place
        self._refusal = refusal
        if not isinstance(untrusted_value, dict):
            self.refuse("is not a table")
        self._rest: dict[str, object] = dict(untrusted_value)

    def refuse(self, why: str) -> NoReturn:
        """Raise the error for a fault in this table."""
        where = f"[{self.place}]" if self.place else "the top of the file"
        raise self._refusal(f"{where} {why}")

    def __contains__(self, key: str) -> bool:
        return key in self._rest

    def names(self) -> list[str]:
        """The keys not yet read."""
        return list(self._rest)

    def take(self, key: str) -> object:
        """The unchecked value of a required key."""
        if key not in self._rest:
            self.refuse(f"lacks {key}")
        return self._rest.pop(key)

    def table(self, key: str) -> Table:
        """A required table in this one."""
        return self.child(self.take(key), key)

    def child(self, untrusted_value: object, key: str) -> Table:
        """A value under ``key`` as a table."""
        return Table(untrusted_value, f"{self.place}.{key}" if self.place else key, self._refusal)

    def tables(self, key: str) -> list[tuple[str, Table]]:
        """The tables of an optional table of tables, with their names."""
        if key not in self._rest:
            return []
        outer = self.table(key)
        return [(name, outer.table(name)) for name in outer.names()]

    def text(self, key: str, longest: int = LONGEST_LINE) -> str:
        """A line of text, safe to display, of at most ``longest`` characters."""
        return self._line(self.take(key), key, longest)

    def texts(self, key: str, *, least: int = 1) -> tuple[str, ...]:
        """A list of at least ``least`` such lines, without repeats."""
        value = self.take(key)
        if not isinstance(value, list) or len(value) < least:
            self.refuse(f"{key} is not a list of {'texts' if least == 1 else f'at least {least} texts'}")
        lines = tuple(self._line(item, key, LONGEST_LINE) for item in value)
        if len(set(lines)) < len(lines):
            self.refuse(f"{key} lists an item twice")
        return lines

    def member(self, key: str, kind: type[_Member]) -> _Member:
        """One of the values of ``kind``."""
        return self._member(self.text(key), key, kind)

    def members(self, key: str, kind: type[_Member]) -> tuple[_Member, ...]:
        """A list of values of ``kind``, not empty and without repeats."""
        return tuple(self._member(text, key, kind) for text in self.texts(key))

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self.take(key)
        if not isinstance(value, bool):
            self.refuse(f"{key} is neither true nor false")
        return value

    def number(self, key: str, low: float, high: float) -> float:
        """A number from ``low`` to ``high``."""
        value = self.take(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.refuse(f"{key} is not a number")
        if not low <= value <= high:
            self.refuse(f"{key} is {value}, outside {low:g} to {high:g}")
        return float(value)

    def whole(self, key: str, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``."""
        if not isinstance(self._rest.get(key, 0), int):
            self.refuse(f"{key} is not a whole number")
        return int(self.number(key, low, high))

    def done(self) -> None:
        """Refuse keys that were not read."""
        if self._rest:
            self.refuse(f"has unknown keys: {', '.join(map(repr, self._rest))}")

    def _line(self, untrusted_value: object, key: str, longest: int) -> str:
        if not isinstance(untrusted_value, str) or not is_line(untrusted_value, longest):
            self.refuse(f"{key} is not a line of text of at most {longest} characters")
        return untrusted_value

    def _member(self, untrusted_text: str, key: str, kind: type[_Member]) -> _Member:
        try:
            return kind(untrusted_text)
        except ValueError:
            self.refuse(f"{key} is {untrusted_text!r}, not one of {', '.join(kind)}")


def is_line(untrusted_text: str, longest: int = LONGEST_LINE) -> bool:
    """Whether this is one line of visible text without control characters."""
    return (
        0 < len(untrusted_text) <= longest
        and untrusted_text == untrusted_text.strip()
        and all(unicodedata.category(c)[0] not in "C" and c not in "\u2028\u2029" for c in untrusted_text)
    )


def parse_table(raw: bytes, refusal: Refusal) -> Table:
    """The top-level table of a file from its bytes. Raises the errors that ``refusal`` returns."""
    if len(raw) > LARGEST_FILE:
        raise refusal(f"it has {len(raw)} bytes, more than the allowed {LARGEST_FILE}")
    try:
        return Table(tomllib.loads(raw.decode("utf-8")), "", refusal)
    except UnicodeDecodeError as error:
        raise refusal(f"byte {error.start} is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise refusal(f"it is not TOML: {error}") from error
    except RecursionError as error:
        raise refusal("its tables are nested too deeply") from error
