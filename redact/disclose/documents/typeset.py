"""Tagged PDF documents (PDF/UA-1), typeset by Typst from one template.

This module and its callers build the content as plain data; ``templates/document.typ`` defines the layout. Text is
passed as JSON, so that none of it is ever read as markup. Only the fonts bundled with Typst are used, so neither fonts
nor paths of the machine get into a document. The same data and date give the same bytes.
"""

from __future__ import annotations

import io
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from importlib import resources
from typing import Any

import typst
from PIL import Image

from redact.errors import TypesettingFailed

Block = dict[str, Any]
TextRun = str | dict[str, str]
Cell = TextRun | list[TextRun] | dict[str, Any]

SHOWN = (
    (0x20, 0x7E), (0xA0, 0xAC), (0xAE, 0x17F), (0x18F, 0x18F), (0x192, 0x192), (0x1A0, 0x1A1), (0x1AF, 0x1B0),
    (0x1CD, 0x1DC), (0x1E6, 0x1E7), (0x1EA, 0x1EB), (0x1F4, 0x1F5), (0x1F8, 0x1FF), (0x218, 0x21B), (0x2C6, 0x2C7),
    (0x2D8, 0x2DD), (0x386, 0x386), (0x388, 0x38A), (0x38C, 0x38C),
    (0x38E, 0x3A1), (0x3A3, 0x3CE), (0x400, 0x45F), (0x490, 0x491), (0x5D0, 0x5EA), (0x621, 0x63A), (0x641, 0x64A),
    (0x660, 0x669), (0x1E02, 0x1E9B), (0x1E9E, 0x1E9E), (0x1EA0, 0x1EF9), (0x2010, 0x2015), (0x2018, 0x201E),
    (0x2020, 0x2022), (0x2026, 0x2026), (0x2030, 0x2030), (0x2032, 0x2033), (0x2039, 0x203A), (0x2044, 0x2044),
    (0x20AC, 0x20AC), (0x2116, 0x2116), (0x2122, 0x2122), (0x215B, 0x215E), (0x2190, 0x2193), (0x2212, 0x2212),
    (0x2260, 0x2260), (0x2264, 0x2265), (0x25A0, 0x25A1), (0x2610, 0x2612),
)  # fmt: skip
"""Ranges of code points that the template's fonts have in every weight: European scripts, Hebrew and Arabic letters,
and common symbols. Other characters are printed as their code point, since a missing glyph would be a silent gap."""
_SHOWN = frozenset(c for first, last in SHOWN for c in range(first, last + 1))
LONGEST_LINE, LONGEST_WHOLE = 120, 1000
LONGEST_RUN, STEP = 24, 8
"""Characters: a run without spaces longer than the first may be broken after every so many of the second."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
CACHE_AGE = 11
"""Typst caches a document, a third of a gigabyte for a long one, until ten more have been compiled."""
STILL_SIZE = (480, 270)
"""Largest size of a still, in pixels."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document. ``date`` is the only date in the file; ``footer`` and ``draft`` appear on every page."""

    title: str
    subtitle: str
    organisation: str
    footer: str
    date: datetime
    blocks: Sequence[Block]
    images: Sequence[bytes] = field(default=())
    draft: str | None = None
    landscape: bool = False


def heading(text: str, level: int = 1) -> Block:
    """A heading of level 1 or 2."""
    return {"type": "heading", "text": text, "level": level}


def para(*runs: TextRun) -> Block:
    """A paragraph of consecutive text runs."""
    return {"type": "para", "runs": list(runs)}


def note(*runs: TextRun) -> Block:
    """A highlighted paragraph."""
    return {"type": "note", "runs": list(runs)}


def bullets(items: Iterable[Cell], *, ordered: bool = False) -> Block:
    """A bulleted list; numbered if ``ordered``."""
    return {"type": "list", "items": list(items), "ordered": ordered}


def facts(rows: Iterable[tuple[str, Cell | None]]) -> Block:
    """Labels with their values, one pair per line; pairs without a value are left out."""
    present = ((label, value) for label, value in rows if value)
    return {
        "type": "facts",
        "rows": [{"cells": [label, value], "whole": _whole((label, value))} for label, value in present],
    }


def table(header: Sequence[str], widths: Sequence[float | None], rows: Iterable[Sequence[Cell]]) -> Block:
    """A table whose header repeats on every page. ``widths`` in millimetres; ``None`` shares the remaining width."""
    return {
        "type": "table",
        "header": list(header),
        "widths": list(widths),
        "rows": [{"cells": list(row), "whole": _whole(row)} for row in rows],
    }


def signature(*labels: str) -> Block:
    """One or two signature lines, side by side."""
    return {"type": "signature", "labels": list(labels)}


def mono(text: str) -> TextRun:
    """``text`` in a monospaced font: digests, commands."""
    return {"text": text, "style": "mono"}


def strong(text: str) -> TextRun:
    """``text`` with emphasis."""
    return {"text": text, "style": "strong"}


def quiet(text: str) -> TextRun:
    """``text`` in smaller, muted type."""
    return {"text": text, "style": "quiet"}


def todo(text: str) -> TextRun:
    """A gap in a draft for a person to complete."""
    return {"text": f"[To be completed: {text}]", "style": "todo"}


def moment(at: datetime) -> str:
    """Date and time in UTC, labelled as such."""
    at = at.astimezone(UTC)
    return f"{day(at.date())}, {at:%H:%M:%S} UTC"


def day(on: date) -> str:
    """As in "4 March 2026"."""
    return f"{on.day} {on:%B %Y}"


def narrow(text: str) -> str:
    """``text`` for a narrow column: long runs are broken sooner."""
    return breakable(text, 12, 4)


def breakable(text: str, longest: int = LONGEST_RUN, step: int = STEP) -> str:
    """``text`` with zero-width spaces in runs longer than ``longest``, so that they fit their column. SHA-256 digests
    are left whole, for copying and comparing."""

    def broken(match: re.Match[str]) -> str:
        run = match[0]
        return run if _DIGEST.fullmatch(run) else "\u200b".join(run[i : i + step] for i in range(0, len(run), step))

    return re.sub(rf"[^\s\u200b]{{{longest + 1},}}", broken, text)


def printable(text: str) -> str:
    """``text`` with characters that have no glyph, or that change the text direction, printed as ``[U+202E]``.

    The same goes for combining marks without a composed character: fonts may have both parts but not the combination.
    """
    plain = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\t", " "))

    def shown(letter: str) -> str:
        return letter if letter in "\n\u200b" or ord(letter) in _SHOWN else f"[U+{ord(letter):04X}]"

    return re.sub(r"\n{3,}", "\n\n", "".join(shown(letter) for letter in plain)).strip("\n")


def still(untrusted_image: bytes) -> bytes:
    """A picture scaled down and re-encoded, which removes its metadata.

    Raises:
        TypesettingFailed: the bytes are not a JPEG or PNG picture.
    """
    try:
        with Image.open(io.BytesIO(untrusted_image), formats=("JPEG", "PNG")) as untrusted_picture:
            picture = untrusted_picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, ImportError, Image.DecompressionBombError) as error:
        # ImportError: once loaded, Ultralytics makes Pillow request another library for unknown formats.
        raise TypesettingFailed("A still for the log is not a JPEG or PNG picture.") from error
    picture.info.clear()  # otherwise comment and colour profile are written again
    picture.thumbnail(STILL_SIZE)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()


def pdf(document: Document) -> bytes:
    """``document`` as PDF/UA-1.

    Raises:
        TypesettingFailed: Typst failed.
    """
    template = resources.files("redact.disclose.documents").joinpath("templates", "document.typ").read_bytes()
    try:
        return typst.compile(
            template,
            sys_inputs={"data": prepared(document)},
            pdf_standards=["ua-1"],
            ignore_system_fonts=True,
            timestamp=document.date.astimezone(UTC).replace(microsecond=0),
        )
    except typst.TypstError as error:
        raise TypesettingFailed(
            f"The document {document.title!r} could not be typeset: {error.message}.", "Please report this as a bug."
        ) from error
    finally:
        _forget()


def prepared(document: Document) -> str:
    """The JSON that the template reads."""
    at = document.date.astimezone(UTC)
    parts = ("year", "month", "day", "hour", "minute", "second")
    data = {
        "title": document.title,
        "subtitle": document.subtitle,
        "organisation": document.organisation,
        "footer": _line(document.footer),
        "draft": document.draft,
        "landscape": document.landscape,
        "blocks": list(document.blocks),
    }
    cleaned = _clean(data) | {
        "date": {part: getattr(at, part) for part in parts},
        "images": [list(image) for image in document.images],
    }
    return json.dumps(cleaned, ensure_ascii=False, separators=(",", ":"))


def _forget() -> None:
    """Make Typst evict the document from its cache by compiling empty ones; takes a few milliseconds."""
    for _ in range(CACHE_AGE):
        typst.compile(b"", ignore_system_fonts=True)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return breakable(printable(value))
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value


def _line(text: str) -> str:
    """``text`` cut to fit the foot of a page."""
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE] + " [...]"


def _whole(cells: Iterable[Cell]) -> bool:
    """Whether a row is short enough to fit on one page whatever its columns."""
    return sum(len(json.dumps(cell, ensure_ascii=False)) for cell in cells) < LONGEST_WHOLE
