"""``python -m redact`` is ``redact``."""

from __future__ import annotations

from redact.cli.main import main

main()
