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


class RecordsUnavailable(RedactError):
    """The database of records cannot be reached, is of a newer version, or is not one."""

    code = "R650"
    unharmed = "No record was changed."


class RecordMissing(RedactError):
    """There is no such case, footage, release or person."""

    code = "R651"
    unharmed = "No record was changed."


class RecordExists(RedactError):
    """There is one of this name or reference already."""

    code = "R652"
    unharmed = "No record was changed."


class BadRecord(BadUsage):
    """A value that a record cannot take."""

    code = "R653"
    unharmed = "No record was changed."


class NotAllowed(RedactError):
    """The person may not do this: the role does not include it, or somebody else has to do it."""

    code = "R654"
    unharmed = "No record was changed."


class SignInFailed(RedactError):
    """Name and password do not belong together, or the account is disabled."""

    code = "R655"
    unharmed = "No record was changed."


class ChainBroken(RedactError):
    """The audit chain is not what was written."""

    code = "R656"
    unharmed = "No record was changed."


class WrongState(RedactError):
    """A case, footage or release is not in the state that this needs."""

    code = "R657"
    unharmed = "No record was changed."


class KeyUnusable(RedactError):
    """A key or certificate that cannot be made, read or understood."""

    code = "R630"
    unharmed = "Nothing was signed."


class KeyExposed(RedactError):
    """A private key that other people of the computer can read or replace."""

    code = "R631"
    unharmed = "Nothing was signed."


class StatementInvalid(RedactError):
    """A statement that cannot be read, or is not of the form this program signs."""

    code = "R640"
    unharmed = "Nothing was changed."


class ManifestFailed(RedactError):
    """The C2PA manifest could not be put into a copy, or does not read back as it should."""

    code = "R641"
    unharmed = "No signed copy was written."


class NotVerified(RedactError):
    """A proof of a pack or copy is broken, or there is none that could be checked."""

    code = "R642"
    unharmed = "Nothing was changed."


class NothingToVerify(RedactError):
    """What should be verified is no pack folder and no copy."""

    code = "R643"
    unharmed = "Nothing was changed."


class BadClip(RedactError):
    """A clip that is not within its master."""

    code = "R310"


class TitleUnusable(RedactError):
    """A slate or a watermark that cannot be drawn: no text, too much of it, or characters there is no picture of."""

    code = "R311"


class PolicyInvalid(RedactError):
    """A release policy that cannot be read, or says something it must not say."""

    code = "R600"
    unharmed = "No record was changed."


class PolicyUnknown(BadUsage):
    """There is no release policy of this name."""

    code = "R601"
    unharmed = "No record was changed."


class DecisionInvalid(RedactError):
    """A decision to hide or show that is about nothing in the release, or lacks what it needs."""

    code = "R602"
    unharmed = "No record was changed."


class CodesInvalid(RedactError):
    """A list of reason codes that cannot be read, or says something it must not say."""

    code = "R610"
    unharmed = "No record was changed."


class CodesUnknown(BadUsage):
    """There is no list of reason codes of this name."""

    code = "R611"
    unharmed = "No record was changed."


class CodeUnknown(RedactError):
    """A reason code that is not in the list the release uses."""

    code = "R612"
    unharmed = "No record was changed."


class CodeNotAllowed(RedactError):
    """A reason code that the law does not provide for this kind of release, or not for hiding part of footage."""

    code = "R613"
    unharmed = "No record was changed."


class LogUnreadable(RedactError):
    """The log of a release that is not one, is of a newer version, or contradicts itself."""

    code = "R620"
    unharmed = "Nothing was changed."


class LogHoldsInternal(RedactError):
    """A log meant to leave the force that still tells what must stay inside it."""

    code = "R621"
    unharmed = "No log was written and no record was changed."


class PublishedLogTells(RedactError):
    """An edition for the public that would hold something identifying."""

    code = "R622"
    unharmed = "No log was written and no record was changed."


class TypesettingFailed(RedactError):
    """A document that could not be set as a PDF."""

    code = "R623"
    unharmed = "No document was written and no record was changed."


class SourceChanged(RedactError):
    """A file changed while it was being taken into the store."""

    code = "R660"
    unharmed = "Nothing was added."


class StoreDamaged(RedactError):
    """A file of the store is missing, or not what was put there."""

    code = "R661"
    unharmed = "No record was changed."


class StoreFull(RedactError):
    """The disk of the store ran full."""

    code = "R662"
    unharmed = "Nothing was added."


class StoreNotWritable(RedactError):
    """The store's folders cannot be made, locked or written."""

    code = "R663"
    unharmed = "Nothing was added."


class EditInvalid(RedactError):
    """An edit of tracks or sound that cannot be understood, or makes no sense."""

    code = "R520"
    unharmed = "No edit was recorded."


class EditConflict(RedactError):
    """Somebody else changed the same thing meanwhile. ``revision`` is the log's now, ``conflicts`` the ids of the edits
    that are in the way."""

    code = "R521"
    unharmed = "No edit was recorded, and none was lost."

    def __init__(self, happened: str, todo: str = "", *, revision: int = 0, conflicts: tuple[str, ...] = ()) -> None:
        super().__init__(happened, todo)
        self.revision = revision
        self.conflicts = conflicts


class EditReused(RedactError):
    """An edit under the id of another one."""

    code = "R522"
    unharmed = "No edit was recorded."


class RetentionInvalid(RedactError):
    """Retention rules that cannot be read, or say something they must not say."""

    code = "R670"
    unharmed = "Nothing was disposed of and no record was changed."


class FootageHeld(RedactError):
    """Footage that is not due, or that something keeps: a mark, an open case, a release."""

    code = "R671"
    unharmed = "Nothing of it was disposed of."


class WitnessUnusable(RedactError):
    """The file of noted heads of the audit chain cannot be read or written."""

    code = "R672"
    unharmed = "No record was changed."


class SignInThrottled(RedactError):
    """Too many failed attempts to sign in."""

    code = "R710"
    unharmed = "No record was changed."


class RequestRefused(RedactError):
    """A request that did not come from the workbench's own pages, or asks for a host that this is not."""

    code = "R711"
    unharmed = "No record was changed."


class NotSignedIn(RedactError):
    """A request without a session, or whose session has ended."""

    code = "R712"
    unharmed = "No record was changed."


class RequestTooLarge(RedactError):
    """A request's body, or an upload, is larger than is taken."""

    code = "R713"
    unharmed = "Nothing was added."


class UploadOutOfStep(RedactError):
    """A piece of an upload that does not follow what is there. ``received`` is how many bytes there are."""

    code = "R714"
    unharmed = "What was received before was kept."

    def __init__(self, happened: str, todo: str = "", *, received: int = 0) -> None:
        super().__init__(happened, todo)
        self.received = received


class UploadUnusable(RedactError):
    """What was uploaded is no footage that can be read."""

    code = "R718"
    unharmed = "It was not kept, and the case is as it was."


class ServerUnusable(RedactError):
    """The workbench cannot be served: the port is taken, or the TLS files cannot be used."""

    code = "R715"
    unharmed = "No record was changed."


class BadJob(BadUsage):
    """Work of a kind there is not, or with arguments that make no sense."""

    code = "R700"
    unharmed = "Nothing was queued."


class JobGivenUp(RedactError):
    """The program ended in the middle of a job, again and again."""

    code = "R701"
    unharmed = "What was there before the job was not changed."


class ProviderMisconfigured(RedactError):
    """The file that names the sign-in provider cannot be read, or says something it must not say."""

    code = "R716"
    unharmed = "No record was changed."


class ProviderUnusable(RedactError):
    """The sign-in provider cannot be reached, or answers what it must not answer."""

    code = "R717"
    unharmed = "No record was changed."
