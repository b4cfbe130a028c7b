"""Failures of reading footage and writing copies."""

from __future__ import annotations

import errno

from redact.errors.base import BadUsage, RedactError

FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""The system's error numbers for a lack of space: on the disk, in the quota, or for a single file."""


class SameFile(BadUsage):
    """The output path names the master itself."""

    code = "R102"


class BadSpan(BadUsage):
    """A time span of sound or picture cannot be read or lies outside the footage."""

    code = "R103"


class OutputExists(RedactError):
    """The output file already exists and ``--overwrite`` was not given."""

    code = "R110"
    unharmed = "The master and the existing file were not changed."


class OutputNotWritable(RedactError):
    """The output folder does not exist or is not writable."""

    code = "R111"


class DiskFull(RedactError):
    """The disk became full while a copy was being written."""

    code = "R112"


class InputMissing(RedactError):
    """The input file does not exist or cannot be read."""

    code = "R200"


class EmptyFile(RedactError):
    """The input file is empty."""

    code = "R201"


class NotMedia(RedactError):
    """The input is not a media file, or its index (the moov atom of an MP4) is missing."""

    code = "R202"


class NoVideo(RedactError):
    """The input has no video track."""

    code = "R203"


class UnsupportedMedia(RedactError):
    """The input is a media file of a kind or size that the workbench does not support."""

    code = "R204"


class TruncatedFile(RedactError):
    """The file ends before the footage that its own index lists."""

    code = "R205"


class CorruptFrames(RedactError):
    """Some frames cannot be decoded, and the export was set to stop at such frames."""

    code = "R206"


class MasterChanged(RedactError):
    """The input file changed while it was in use."""

    code = "R207"
    unharmed = "No copy was written."


class FrameCountMismatch(RedactError):
    """The copy does not have exactly the frames and timestamps of the master."""

    code = "R300"


class EncodeFailed(RedactError):
    """The encoder or the output container rejected its input."""

    code = "R301"


class BadClip(RedactError):
    """The requested clip is not within the master."""

    code = "R310"


class TitleUnusable(RedactError):
    """A slate or watermark cannot be drawn: its text is empty, too long, or has characters the font lacks."""

    code = "R311"
