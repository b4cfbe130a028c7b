"""Cleaning of untrusted text for records: no control characters, limited length."""

from __future__ import annotations

import unicodedata

_NON_PRINTING = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def clean(untrusted: str, longest: int) -> str:
    """``untrusted`` as at most ``longest`` characters, with U+FFFD in place of each one that does not print or could
    reorder the line, and "..." if the text was cut."""
    text = unicodedata.normalize("NFC", untrusted[: 4 * longest]).strip()
    cut = len(text) > longest
    shown = text[: longest - 3] if cut else text
    return "".join("\ufffd" if unicodedata.category(c) in _NON_PRINTING else c for c in shown) + ("..." if cut else "")
