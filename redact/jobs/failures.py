"""Turns whatever was raised into an error with a code and a text."""

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
    """The error a user is shown for ``error``. With ``REDACT_DEBUG=1`` an unexpected one prints its traceback, too."""
    if isinstance(error, RedactError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Cancelled("Stopped on request.")
    if isinstance(error, OSError) and error.errno in FULL_ERRNOS:
        return DiskFull("The disk ran full.", "Make room, or write to another disk.")
    if isinstance(error, OSError) and error.errno in _REFUSED:
        return OutputNotWritable(f"{error.filename or 'A file'}: {error.strerror}.", "Write to another folder.")
    if isinstance(error, ImportError) and error.name == "cv2":
        return opencv_unusable(error)
    if os.environ.get(environment.DEBUG) == "1":
        traceback.print_exception(error, file=sys.stderr)
    return Unexpected(
        f"Something happened that the workbench is not prepared for ({type(error).__name__}: {error}).",
        "Please report it, with what the same command says under REDACT_DEBUG=1.",
    )


def opencv_unusable(error: ImportError) -> SetupIncomplete:
    """OpenCV cannot be loaded, with the command that mends it.

    Two wheels, of which our dependencies each want one, share the folder ``cv2``, and whichever was installed last is
    loaded. Only ``opencv-python-headless`` does without libraries of the system such as libGL and libxcb.
    """
    version = metadata.version("opencv-python-headless")
    return SetupIncomplete(
        f"OpenCV cannot be loaded ({error}).",
        f"Run: pip install --force-reinstall --no-deps opencv-python-headless=={version}",
    )
