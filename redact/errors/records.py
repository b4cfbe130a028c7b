"""Failures of records, the evidence store, the audit chain and retention."""

from __future__ import annotations

from redact.errors.base import BadUsage, RedactError


class RecordsUnavailable(RedactError):
    """The database cannot be reached, is of a newer version than this release supports, or is not the workbench's."""

    code = "R650"
    unharmed = "No record was changed."


class RecordMissing(RedactError):
    """No such case, footage, release or person exists."""

    code = "R651"
    unharmed = "No record was changed."


class RecordExists(RedactError):
    """A record of this name or reference already exists."""

    code = "R652"
    unharmed = "No record was changed."


class BadRecord(BadUsage):
    """A value is not valid for this record."""

    code = "R653"
    unharmed = "No record was changed."


class NotAllowed(RedactError):
    """The user may not do this: the role does not permit it, or another person has to do it."""

    code = "R654"
    unharmed = "No record was changed."


class SignInFailed(RedactError):
    """The user name or password is wrong, or the account is disabled."""

    code = "R655"
    unharmed = "No record was changed."


class ChainBroken(RedactError):
    """The audit chain no longer matches what was written to it."""

    code = "R656"
    unharmed = "No record was changed."


class WrongState(RedactError):
    """The case, footage or release is not in the state this action needs."""

    code = "R657"
    unharmed = "No record was changed."


class SourceChanged(RedactError):
    """A file changed while it was being added to the store."""

    code = "R660"
    unharmed = "Nothing was added."


class StoreDamaged(RedactError):
    """A stored file is missing or has changed."""

    code = "R661"
    unharmed = "No record was changed."


class StoreFull(RedactError):
    """The disk of the store is full."""

    code = "R662"
    unharmed = "Nothing was added."


class StoreNotWritable(RedactError):
    """The folders of the store cannot be created, locked or written to."""

    code = "R663"
    unharmed = "Nothing was added."


class RetentionInvalid(RedactError):
    """The retention rules cannot be read or have an entry that is not allowed."""

    code = "R670"
    unharmed = "Nothing was disposed of and no record was changed."


class FootageHeld(RedactError):
    """The footage is not due for disposal, or an evidence mark, an open case or a release keeps it."""

    code = "R671"
    unharmed = "Nothing of it was disposed of."


class HeadsFileUnusable(RedactError):
    """The file of recorded chain heads cannot be read or written."""

    code = "R672"
    unharmed = "No record was changed."
