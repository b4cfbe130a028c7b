"""Text that nobody vouches for, made fit for a record: no control characters, nothing endless."""

from __future__ import annotations

import unicodedata

_STEERING = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def clean(untrusted: str, longest: int) -> str:
    """At most ``longest`` characters, with a mark (U+FFFD) in the place of each that does not print or could reorder
    the line, and "..." where the rest was cut off."""
    text = unicodedata.normalize("NFC", untrusted[: 4 * longest]).strip()
    cut = len(text) > longest
    shown = text[: longest - 3] if cut else text
    return "".join("\ufffd" if unicodedata.category(c) in _STEERING else c for c in shown) + ("..." if cut else "")
