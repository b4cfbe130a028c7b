"""Prevents libraries from accessing the internet and from installing packages at run time.

Some of them read these switches only once, when they are imported, so ``redact/__init__.py`` calls :func:`enforce`
before any other module of the package can be loaded.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from redact import environment

SWITCHES = {
    # Ultralytics: no downloads, no usage events, no crash reports, no pip at run time.
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}


def enforce() -> None:
    """Set every switch, overriding the environment. Does not import the libraries themselves."""
    os.environ.update(SWITCHES)
    # Ultralytics needs a settings file; it is kept in a cache, separate from the user's own. If it cannot be written
    # there, Ultralytics uses a private temporary folder.
    cache = Path(os.environ.get(environment.CACHE_HOME) or "~/.cache")
    os.environ["YOLO_CONFIG_DIR"] = str(cache / "redact")
    # OpenVINO reports its import to a web service unless this module cannot be imported; it then uses a stub.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
