"""The home folder, in which the workbench keeps persistent data such as added models."""

from __future__ import annotations

import os
from pathlib import Path

from redact import environment
from redact.errors import OutputNotWritable

PRIVATE = 0o700


def home() -> Path:
    """``REDACT_HOME``, or ``redact`` in the user's data folder (XDG Base Directory Specification, which says to ignore
    a relative ``XDG_DATA_HOME``). It need not exist."""
    if named := os.environ.get(environment.HOME):
        return Path(named).expanduser().absolute()
    data = Path(os.environ.get(environment.DATA_HOME, ""))
    return (data if data.is_absolute() else Path.home() / ".local" / "share") / "redact"


def folder_for(name: str) -> Path:
    """The folder ``name`` in :func:`home`, created if needed, accessible only to its owner. Raises
    OutputNotWritable."""
    folder = home() / name
    try:
        # Path.mkdir creates missing parents with the default mode, so the home folder is created first.
        home().mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        folder.mkdir(mode=PRIVATE, exist_ok=True)
    except OSError as error:
        raise OutputNotWritable(
            f'"{folder}" cannot be created: {error.strerror}.', "Set REDACT_HOME to a writable folder."
        ) from error
    return folder
