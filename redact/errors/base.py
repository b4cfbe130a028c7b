"""The base of all expected failures, and those of no particular area."""

from __future__ import annotations

from typing import ClassVar

UNHARMED = "The master was not changed and no copy was written."


class RedactError(Exception):
    """Base of all expected failures.

    ``happened`` says what went wrong in this case, ``todo`` what the reader can do about it; ``unharmed`` is fixed per
    class.
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
    """The command line has an option, argument or combination of them that is never valid, whatever the footage."""

    code = "R100"
    exit_code = 2


class SetupIncomplete(RedactError):
    """Something the workbench needs is not installed or does not work."""

    code = "R404"
    unharmed = ""


class Cancelled(RedactError):
    """The user stopped the work."""

    code = "R900"
    exit_code = 130


class Unexpected(RedactError):
    """An unexpected error: a defect in the workbench or in a library it depends on."""

    code = "R999"
