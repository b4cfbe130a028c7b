"""Canonical JSON for everything that is hashed or signed."""

from __future__ import annotations

import json


def canonical(value: object) -> bytes:
    """``value`` as UTF-8 JSON with sorted keys and no spaces; equal values give equal bytes.

    Raises ``ValueError`` for numbers that JSON cannot represent, ``TypeError`` for anything that is not a JSON value.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
