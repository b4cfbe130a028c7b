"""One way to write a JSON value as bytes, for whatever is hashed or signed."""

from __future__ import annotations

import json


def canonical(value: object) -> bytes:
    """``value`` as UTF-8 JSON with sorted keys and no spaces: equal values give equal bytes.

    Raises ``ValueError`` for numbers JSON does not have, ``TypeError`` for what is no JSON value.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
