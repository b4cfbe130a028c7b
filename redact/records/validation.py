"""What people write into records: titles, names, reasons."""

from __future__ import annotations

import unicodedata

from redact.errors import BadRecord

LONGEST = 4000
"""Characters."""
_ALLOWED = "\n\t\u200c\u200d"
"""Lines, and the joiners without which some scripts cannot be written."""


def checked(untrusted: str, what: str, longest: int = LONGEST) -> str:
    """``untrusted`` without space around it. Raises BadRecord where nothing is left, or more than can be kept, or
    something that does not print: it would steer a terminal, or turn the order of letters in a document."""
    text = untrusted.strip()
    if not text or len(text) > longest:
        raise BadRecord(f"The {what} is missing or longer than {longest} characters.")
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in _ALLOWED for c in text):
        raise BadRecord(f"The {what} holds characters that do not print.")
    return text
