"""Turns any exception into an error with a code and a text."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from importlib import metadata

from redact import environment
from redact.errors import FULL_ERRNOS, Cancelled, DiskFull, OutputNotWritable, RedactError, SetupIncomplete, Unexpected

_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def as_failure(error: BaseException) -> RedactError:
    """The error shown to users for ``error``. With ``REDACT_DEBUG=1``, unexpected ones also print their traceback."""
    if isinstance(error, RedactError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Cancelled("Stopped on request.")
    if isinstance(error, OSError) and error.errno in FULL_ERRNOS:
        return DiskFull("The disk is full.", "Free some space, or write to another disk.")
    if isinstance(error, OSError) and error.errno in _REFUSED:
        return OutputNotWritable(f"{error.filename or 'A file'}: {error.strerror}.", "Write to another folder.")
    if isinstance(error, ImportError) and error.name == "cv2":
        return opencv_unusable(error)
    if os.environ.get(environment.DEBUG) == "1":
        traceback.print_exception(error, file=sys.stderr)
    return Unexpected(
        f"Unexpected error ({type(error).__name__}: {error}).",
        "Please report it, with the output of the same command under REDACT_DEBUG=1.",
    )


def opencv_unusable(error: ImportError) -> SetupIncomplete:
    """OpenCV cannot be loaded, with the command that fixes it.

    Two wheels, of which our dependencies each want one, share the folder ``cv2``, and whichever was installed last is
    loaded. Only ``opencv-python-headless`` needs no system libraries such as libGL and libxcb.
    """
    version = metadata.version("opencv-python-headless")
    return SetupIncomplete(
        f"OpenCV cannot be loaded ({error}).",
        f"Run: pip install --force-reinstall --no-deps opencv-python-headless=={version}",
    )
