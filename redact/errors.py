"""Every way the workbench can fail, one class each.

Each class carries a stable ``code`` (safe to match on in scripts and summaries) and builds a text of three parts: what
happened, what is unharmed, what to do next. Commands print the text and exit with ``exit_code``; nothing else about an
error is shown to a user.
"""

from __future__ import annotations

import errno
from typing import ClassVar

UNHARMED = "The master was not changed and no copy was written."


class RedactError(Exception):
    """Base of all expected failures.

    ``happened`` says what went wrong in this very case, ``todo`` what the reader can do about it; ``unharmed`` is fixed
    per class.
    """

    code: ClassVar[str] = "R000"
    exit_code: ClassVar[int] = 1
    unharmed: ClassVar[str] = UNHARMED

    def __init__(self, happened: str, todo: str = "") -> None:
        self.happened = happened
        self.todo = todo
        super().__init__(" ".join(part for part in (happened, self.unharmed, todo) if part))

    @property
    def text(self) -> str:
        """The whole message, one sentence after another, without the code."""
        return str(self)


class BadUsage(RedactError):
    """The command line asks for something that makes no sense, whatever the footage."""

    code = "R100"
    exit_code = 2


class UnknownClass(BadUsage):
    """A class name that no loaded detector knows."""

    code = "R101"


class SameFile(BadUsage):
    """The output names the master itself."""

    code = "R102"


class OutputExists(RedactError):
    """The output is already there and ``--overwrite`` was not given."""

    code = "R110"
    unharmed = "The master and the existing file were not changed."


class OutputNotWritable(RedactError):
    """The output folder is missing or may not be written to."""

    code = "R111"


FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says when there is no more room: on the disk, in the quota, or for one file."""


class DiskFull(RedactError):
    """The disk ran full while a copy was being written."""

    code = "R112"


class InputMissing(RedactError):
    """There is no such input file, or it may not be read."""

    code = "R200"


class EmptyFile(RedactError):
    """The input file has no bytes."""

    code = "R201"


class NotMedia(RedactError):
    """The input is not a media file, or its index (an MP4's moov box) is missing."""

    code = "R202"


class NoVideo(RedactError):
    """The input holds no moving picture."""

    code = "R203"


class UnsupportedMedia(RedactError):
    """The input is a media file, but of a kind or size the workbench does not take."""

    code = "R204"


class TruncatedFile(RedactError):
    """The file ends before the footage its own index promises."""

    code = "R205"


class CorruptFrames(RedactError):
    """Frames that cannot be decoded, with the export told to stop at them."""

    code = "R206"


class MasterChanged(RedactError):
    """The input changed while it was being worked on."""

    code = "R207"
    unharmed = "No copy was written."


class FrameCountMismatch(RedactError):
    """The copy does not hold exactly the master's frames and timestamps."""

    code = "R300"


class EncodeFailed(RedactError):
    """The encoder or the container refused what it was given."""

    code = "R301"


class DeviceMissing(RedactError):
    """The device asked for is not there."""

    code = "R400"


class ModelMissing(RedactError):
    """Weights that should be on disk are not."""

    code = "R401"


class ModelHashMismatch(RedactError):
    """Weights on disk are not the ones the registry vouches for."""

    code = "R402"


class ModelUnusable(RedactError):
    """Weights that cannot be loaded, or whose outputs are not those of a detector."""

    code = "R403"


class TracksUnreadable(RedactError):
    """A tracks file that is not one, is of a newer version, or contradicts itself."""

    code = "R500"


class TracksMismatch(RedactError):
    """Tracks that were made from another file."""

    code = "R501"


class BadTruth(RedactError):
    """A ground-truth file that cannot be read or does not fit the tracks."""

    code = "R502"


class BadSpan(BadUsage):
    """A time span of sound or picture that cannot be read or lies outside the footage."""

    code = "R103"


class Cancelled(RedactError):
    """The person stopped the work."""

    code = "R900"
    exit_code = 130


class Unexpected(RedactError):
    """Anything no other class stands for: a defect of the workbench, or of a library it stands on."""

    code = "R999"


class SetupIncomplete(RedactError):
    """Something the workbench needs is not installed, or does not work."""

    code = "R404"
    unharmed = ""


class TrainingUnusable(RedactError):
    """Pictures, labels or a checkpoint that a detector cannot be trained on."""

    code = "R510"
    unharmed = "No weights were written."


class RegistryInvalid(RedactError):
    """A registry of models that cannot be read, or says something it must not say."""

    code = "R405"


class ModelNotTrusted(RedactError):
    """Weights that are code, and that nobody has vouched for."""

    code = "R406"
    unharmed = "Nothing in it was run."


class ModelExists(RedactError):
    """A model of this name, or with these very weights, is registered already."""

    code = "R407"
    unharmed = "The registered models were not changed."


class DeviceMemoryShort(RedactError):
    """The card has too little memory free for even one picture at a time."""

    code = "R410"
