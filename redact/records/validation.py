"""Validation of the text that people enter: titles, names, reasons."""

from __future__ import annotations

import unicodedata

from redact.errors import BadRecord

LONGEST = 4000
"""Maximum length in characters."""
_ALLOWED = "\n\t\u200c\u200d"
"""Line breaks and tabs, and the joiners that some scripts need."""


def checked(untrusted: str, what: str, longest: int = LONGEST) -> str:
    """``untrusted`` without surrounding space. Raises BadRecord if it is empty, too long, or holds non-printing
    characters, which could control a terminal or reorder text in a document."""
    text = untrusted.strip()
    if not text or len(text) > longest:
        raise BadRecord(f"The {what} is missing or longer than {longest} characters.")
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in _ALLOWED for c in text):
        raise BadRecord(f"The {what} contains non-printing characters.")
    return text
