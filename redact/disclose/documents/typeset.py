"""Documents as tagged PDF (PDF/UA-1), set by Typst from one template.

What a document says is built here and in its callers as plain data; how it looks is in ``templates/document.typ``. Text
goes over as JSON, so that nothing in it is ever read as markup, and only fonts that Typst carries are used: nothing of
the machine, neither its fonts nor its paths, gets into a document. The same data and date give the same bytes.
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
"""Ranges of code points that the fonts of the template show in every weight: European scripts, Hebrew and Arabic
letters, and the usual signs. All others are told by number, as a missing glyph would be a silent gap."""
_SHOWN = frozenset(c for first, last in SHOWN for c in range(first, last + 1))
LONGEST_LINE, LONGEST_WHOLE = 120, 1000
LONGEST_RUN, STEP = 24, 8
"""Letters: a run without a space longer than the first may be broken after each of the second."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
CACHE_AGE = 11
"""Typst keeps what it has worked out, a third of a gigabyte for a long document, until ten more have been set."""
STILL_SIZE = (480, 270)
"""Pixels: a still is made no larger than this."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document. ``date`` is the only date in the file; ``footer`` stands on every page, and so does ``draft``."""

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
    """A heading; level 2 stands below level 1."""
    return {"type": "heading", "text": text, "level": level}


def para(*pieces: TextRun) -> Block:
    """A paragraph of pieces set one after another."""
    return {"type": "para", "pieces": list(pieces)}


def note(*pieces: TextRun) -> Block:
    """A paragraph that stands out."""
    return {"type": "note", "pieces": list(pieces)}


def bullets(items: Iterable[Cell], *, ordered: bool = False) -> Block:
    """A list; numbered if ``ordered``."""
    return {"type": "list", "items": list(items), "ordered": ordered}


def facts(rows: Iterable[tuple[str, Cell | None]]) -> Block:
    """Labels with what belongs to them, one pair a line; pairs without a value are left out."""
    told = ((label, value) for label, value in rows if value)
    return {
        "type": "facts",
        "rows": [{"cells": [label, value], "whole": _whole((label, value))} for label, value in told],
    }


def table(header: Sequence[str], widths: Sequence[float | None], rows: Iterable[Sequence[Cell]]) -> Block:
    """A table with a header that is repeated on every page. ``widths`` in millimetres; ``None`` shares what is left."""
    return {
        "type": "table",
        "header": list(header),
        "widths": list(widths),
        "rows": [{"cells": list(row), "whole": _whole(row)} for row in rows],
    }


def signature(*labels: str) -> Block:
    """Lines to sign on, side by side: one or two."""
    return {"type": "signature", "labels": list(labels)}


def mono(text: str) -> TextRun:
    """``text`` in letters of one width: digests, commands."""
    return {"text": text, "style": "mono"}


def strong(text: str) -> TextRun:
    """``text`` that stands out."""
    return {"text": text, "style": "strong"}


def quiet(text: str) -> TextRun:
    """``text`` that stands back."""
    return {"text": text, "style": "quiet"}


def todo(text: str) -> TextRun:
    """A gap in a draft that a person must fill."""
    return {"text": f"[To be completed: {text}]", "style": "todo"}


def moment(at: datetime) -> str:
    """Day and time, in UTC and saying so."""
    at = at.astimezone(UTC)
    return f"{day(at.date())}, {at:%H:%M:%S} UTC"


def day(on: date) -> str:
    """As in "4 March 2026"."""
    return f"{on.day} {on:%B %Y}"


def narrow(text: str) -> str:
    """``text`` for a narrow column: long runs may be broken sooner."""
    return breakable(text, 12, 4)


def breakable(text: str, longest: int = LONGEST_RUN, step: int = STEP) -> str:
    """``text`` with zero-width spaces in runs longer than ``longest``, so that they stay in their column. SHA-256
    digests are left whole: they are there to be copied and compared."""

    def broken(match: re.Match[str]) -> str:
        run = match[0]
        return run if _DIGEST.fullmatch(run) else "\u200b".join(run[i : i + step] for i in range(0, len(run), step))

    return re.sub(rf"[^\s\u200b]{{{longest + 1},}}", broken, text)


def printable(text: str) -> str:
    """``text`` with everything that has no glyph, or that turns the order of letters, told as ``[U+202E]``.

    So are marks that do not compose into one letter: a font that has mark and letter may still not have both together.
    """
    plain = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\t", " "))

    def shown(letter: str) -> str:
        return letter if letter in "\n\u200b" or ord(letter) in _SHOWN else f"[U+{ord(letter):04X}]"

    return re.sub(r"\n{3,}", "\n\n", "".join(shown(letter) for letter in plain)).strip("\n")


def still(untrusted_image: bytes) -> bytes:
    """A picture made small and encoded anew, so that it brings no metadata of its own into a document.

    Raises:
        TypesettingFailed: the bytes are no JPEG or PNG picture.
    """
    try:
        with Image.open(io.BytesIO(untrusted_image), formats=("JPEG", "PNG")) as untrusted_picture:
            picture = untrusted_picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, ImportError, Image.DecompressionBombError) as error:
        # ImportError: Ultralytics, once loaded, has Pillow ask for a library for pictures that it does not know.
        raise TypesettingFailed("A still for the log is no JPEG or PNG picture.") from error
    picture.info.clear()  # a comment or colour profile of the original would be written again
    picture.thumbnail(STILL_SIZE)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()


def pdf(document: Document) -> bytes:
    """``document`` as PDF/UA-1.

    Raises:
        TypesettingFailed: Typst could not set it.
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
            f"The document {document.title!r} could not be set: {error.message}.", "Please report this as a defect."
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
    """Have Typst drop the document from its memory, by setting empty ones; a few milliseconds."""
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
    """What fits at the foot of a page."""
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE] + " [...]"


def _whole(cells: Iterable[Cell]) -> bool:
    """Whether a row is short enough to be kept on one page whatever its columns."""
    return sum(len(json.dumps(cell, ensure_ascii=False)) for cell in cells) < LONGEST_WHOLE
