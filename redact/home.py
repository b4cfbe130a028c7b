"""The one folder in which the workbench keeps what a person gave it for good, such as models that were added."""

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
    """A folder of this name in :func:`home`, made if need be, for the owner only. Raises OutputNotWritable."""
    folder = home() / name
    try:
        # Path.mkdir gives missing parents the usual mode, so the home itself comes first.
        home().mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        folder.mkdir(mode=PRIVATE, exist_ok=True)
    except OSError as error:
        raise OutputNotWritable(
            f'"{folder}" cannot be made: {error.strerror}.', "Set REDACT_HOME to a folder that you may write to."
        ) from error
    return folder
