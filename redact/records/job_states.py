"""Kinds and states of the jobs in the records."""

from __future__ import annotations

from enum import StrEnum


class JobKind(StrEnum):
    """The kind of work that a job does. See :mod:`redact.jobs.handlers`."""

    INTAKE = "intake"
    DETECT = "detect"
    PREVIEW = "preview"
    SECOND_PASS = "second-look"  # noqa: S105 - not a password
    """The stored name is older than the term."""
    EXPORT = "export"


class JobState(StrEnum):
    """State of a job. The last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ACTIVE = (JobState.QUEUED, JobState.RUNNING)
