"""Failures of the server, its jobs, uploads and sign-in."""

from __future__ import annotations

from redact.errors.base import BadUsage, RedactError


class BadJob(BadUsage):
    """The kind of job does not exist, or its arguments are not valid."""

    code = "R700"
    unharmed = "Nothing was queued."


class JobGivenUp(RedactError):
    """The program ended in the middle of a job several times, so the job is not tried again."""

    code = "R701"
    unharmed = "Existing records and files were not changed."


class SignInThrottled(RedactError):
    """There were too many failed attempts to sign in."""

    code = "R710"
    unharmed = "No record was changed."


class RequestRefused(RedactError):
    """A request did not come from the workbench's own pages, or was for another host name."""

    code = "R711"
    unharmed = "No record was changed."


class NotSignedIn(RedactError):
    """The request has no session, or the session has ended."""

    code = "R712"
    unharmed = "No record was changed."


class RequestTooLarge(RedactError):
    """The body of a request, or an upload, is larger than the limit."""

    code = "R713"
    unharmed = "Nothing was added."


class UploadOffsetMismatch(RedactError):
    """A chunk of an upload does not follow the bytes received so far. ``received`` is how many there are."""

    code = "R714"
    unharmed = "The chunks received so far were kept."

    def __init__(self, happened: str, todo: str = "", *, received: int = 0) -> None:
        super().__init__(happened, todo)
        self.received = received


class ServerUnusable(RedactError):
    """The server cannot start: the port is taken, or the TLS files cannot be used."""

    code = "R715"
    unharmed = "No record was changed."


class ProviderMisconfigured(RedactError):
    """The settings file of the sign-in provider cannot be read or has an entry that is not allowed."""

    code = "R716"
    unharmed = "No record was changed."


class ProviderUnusable(RedactError):
    """The sign-in provider cannot be reached, or its response is not valid."""

    code = "R717"
    unharmed = "No record was changed."


class UploadUnusable(RedactError):
    """The uploaded file is not footage that can be read."""

    code = "R718"
    unharmed = "The file was not kept, and the case was not changed."
