"""Failures of policies, reason codes, release logs, signatures and disclosure packs."""

from __future__ import annotations

from redact.errors.base import BadUsage, RedactError


class PolicyInvalid(RedactError):
    """A release policy cannot be read or has an entry that is not allowed."""

    code = "R600"
    unharmed = "No record was changed."


class PolicyUnknown(BadUsage):
    """No release policy of this name exists."""

    code = "R601"
    unharmed = "No record was changed."


class DecisionInvalid(RedactError):
    """A decision to redact or show refers to nothing in the release, or lacks a value it needs."""

    code = "R602"
    unharmed = "No record was changed."


class CodesInvalid(RedactError):
    """A list of reason codes cannot be read or has an entry that is not allowed."""

    code = "R610"
    unharmed = "No record was changed."


class CodesUnknown(BadUsage):
    """No list of reason codes of this name exists."""

    code = "R611"
    unharmed = "No record was changed."


class CodeUnknown(RedactError):
    """The reason code is not in the list that the release uses."""

    code = "R612"
    unharmed = "No record was changed."


class CodeNotAllowed(RedactError):
    """The law does not provide this reason code for this kind of release, or not for redacting part of the footage."""

    code = "R613"
    unharmed = "No record was changed."


class LogUnreadable(RedactError):
    """The file is not a release log, has a newer version than this release supports, or contradicts itself."""

    code = "R620"
    unharmed = "Nothing was changed."


class LogHoldsInternal(RedactError):
    """A release log meant to leave the force still contains internal details."""

    code = "R621"
    unharmed = "No log was written and no record was changed."


class EditionNotNeutral(RedactError):
    """The published edition would contain something that identifies a person."""

    code = "R622"
    unharmed = "No log was written and no record was changed."


class TypesettingFailed(RedactError):
    """A document could not be typeset as a PDF."""

    code = "R623"
    unharmed = "No document was written and no record was changed."


class KeyUnusable(RedactError):
    """A key or certificate cannot be created or read, or is of an unsupported kind."""

    code = "R630"
    unharmed = "Nothing was signed."


class KeyExposed(RedactError):
    """Other users of the computer can read or replace a private key."""

    code = "R631"
    unharmed = "Nothing was signed."


class StatementInvalid(RedactError):
    """A statement cannot be read, or is not in the form that the workbench signs."""

    code = "R640"
    unharmed = "Nothing was changed."


class ManifestFailed(RedactError):
    """The C2PA manifest could not be added to a copy, or does not read back correctly."""

    code = "R641"
    unharmed = "No signed copy was written."


class NotVerified(RedactError):
    """A check of a pack or copy failed, or the pack or copy contains nothing to check."""

    code = "R642"
    unharmed = "Nothing was changed."


class NothingToVerify(RedactError):
    """The path is neither a disclosure pack nor a redacted copy."""

    code = "R643"
    unharmed = "Nothing was changed."
