"""A privacy redaction and disclosure workbench for body-worn video."""

from __future__ import annotations

from redact.offline import enforce

__version__ = "0.1.0"

enforce()
