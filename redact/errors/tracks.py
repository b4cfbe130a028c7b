"""Failures of tracks, ground truth and edits."""

from __future__ import annotations

from redact.errors.base import RedactError


class TracksUnreadable(RedactError):
    """The file is not a tracks file, has a newer version than this release supports, or contradicts itself."""

    code = "R500"


class TracksMismatch(RedactError):
    """The tracks were made from another file."""

    code = "R501"


class BadTruth(RedactError):
    """A ground-truth file cannot be read or does not fit the tracks."""

    code = "R502"


class EditInvalid(RedactError):
    """An edit of tracks or sound is malformed or not possible."""

    code = "R520"
    unharmed = "No edit was recorded."


class EditConflict(RedactError):
    """Another user changed the same thing in the meantime.

    ``revision`` is the current one of the edit log, ``conflicts`` the ids of the conflicting edits.
    """

    code = "R521"
    unharmed = "No edit was recorded, and none was lost."

    def __init__(self, happened: str, todo: str = "", *, revision: int = 0, conflicts: tuple[str, ...] = ()) -> None:
        super().__init__(happened, todo)
        self.revision = revision
        self.conflicts = conflicts


class EditReused(RedactError):
    """An edit was sent with the id of a different edit."""

    code = "R522"
    unharmed = "No edit was recorded."
