"""Rules for each kind of job: who may request it, its arguments, and its priority."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from redact.records.accounts import Right
from redact.records.job_states import JobKind
from redact.settings import AnalyseSettings, Interlaced, OnCorrupt, Preset


class Arguments(BaseModel):
    """Arguments of a job, as JSON in its record."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class IntakeArguments(Arguments):
    """``upload`` is the path of the file in the uploads folder, ``name`` its original name. For the others, see
    :func:`redact.evidence.intake.add_footage`."""

    upload: str = Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,79})?$")
    name: str = Field(min_length=1, max_length=1000)
    case: str
    exhibit: str | None = None
    wearer: str | None = None
    recorded_start: datetime | None = None
    clock_offset: float | None = None
    pre_event: float | None = None
    retention_class: str | None = None


class DetectArguments(Arguments):
    """``footage`` is a full SHA-256. For the others, see :class:`redact.settings.AnalyseSettings`."""

    footage: str = Field(pattern=r"^[0-9a-f]{64}$")
    classes: tuple[str, ...] = Field(AnalyseSettings().classes, min_length=1)
    preset: Preset = Preset.BALANCED
    interlaced: Interlaced = Interlaced.DEINTERLACE
    on_corrupt: OnCorrupt = OnCorrupt.STOP


class ReleaseArguments(Arguments):
    """``release`` is a reference such as ``FOI-26-17#2``."""

    release: str


class SecondPassArguments(ReleaseArguments):
    """``preset`` is that of the detectors."""

    preset: Preset = Preset.BALANCED


@dataclass(frozen=True, slots=True)
class JobRules:
    """``right`` is the one the matching command requires. The queued job whose ``patience`` ends first is run first:
    short jobs overtake long ones requested earlier, but no job waits for ever."""

    right: Right
    arguments: type[Arguments]
    patience: timedelta


# People wait for a preview. Detection takes longest, and the work that depends on it has not started.
JOB_RULES: Mapping[JobKind, JobRules] = {
    JobKind.PREVIEW: JobRules(Right.SEE, ReleaseArguments, timedelta(0)),
    JobKind.EXPORT: JobRules(Right.EXPORT, ReleaseArguments, timedelta(minutes=1)),
    JobKind.INTAKE: JobRules(Right.INTAKE, IntakeArguments, timedelta(minutes=2)),
    JobKind.SECOND_PASS: JobRules(Right.SEE, SecondPassArguments, timedelta(minutes=15)),
    JobKind.DETECT: JobRules(Right.EDIT, DetectArguments, timedelta(minutes=20)),
}
