"""Keeps the libraries the workbench stands on from talking to the internet and from installing things at run time.

Some of them look these switches up only once, while they are imported, so ``redact/__init__.py`` calls :func:`enforce`
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
    """Set every switch, over whatever the environment said. Costs no import of the libraries themselves."""
    os.environ.update(SWITCHES)
    # The settings file Ultralytics insists on belongs in a cache, apart from one the user keeps for other work. Where
    # it cannot be written, Ultralytics takes a private temporary folder by itself.
    cache = Path(os.environ.get(environment.CACHE_HOME) or "~/.cache")
    os.environ["YOLO_CONFIG_DIR"] = str(cache / "redact")
    # OpenVINO reports its import to a web service unless this module cannot be imported; it then takes its own stub.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
