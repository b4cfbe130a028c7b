"""What every release log is made of: small frozen models, checked when they are built.

Texts are what people wrote and are kept as written; what sets them (PDF, CSV) makes them harmless there. Numbers carry
their unit in the name or in the docstring. Frame numbers in masks, ranges and watched intervals count from 0 on the
*output's* timeline, slate included, and both ends belong to the span.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

Kind = Literal["court", "public", "subject-access", "internal"]

Name = Annotated[str, Field(min_length=1, max_length=500)]
FreeText = Annotated[str, Field(min_length=1, max_length=20_000)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Timecode = Annotated[str, Field(pattern=r"^[0-9]{1,3}:[0-5][0-9]:[0-5][0-9]\.[0-9]{3}$")]
"""Hours, minutes, seconds and thousandths, rounded down, of the moment a frame appears."""
Ratio = Annotated[str, Field(pattern=r"^[0-9]{1,12}/[1-9][0-9]{0,11}$")]
"""A fraction: frames per second, or seconds per tick of a clock."""
WholeNumber = Annotated[int, Field(ge=0, le=2**53 - 1)]
Seconds = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Level = Annotated[int, Field(ge=0, le=255)]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._ ()-]{0,199}$")]
"""A plain name inside the pack, never a path."""
Effect = Literal["solid", "mosaic", "blur", "mute", "bleep", "disguise"]
SpanKind = Literal["picture", "sound"]


class Frozen(BaseModel):
    """Base of every part: unknown fields, wrong types and numbers that JSON lacks are errors; nothing can be set."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, populate_by_name=True, serialize_by_alias=True
    )


def milliseconds(timecode: str) -> int:
    """Thousandths of a second that a valid ``timecode`` stands for."""
    hours, minutes, seconds = timecode.split(":")
    return (int(hours) * 60 + int(minutes)) * 60_000 + int(seconds.replace(".", ""))


class LogIdentity(Frozen):
    """Which log this is, and what it belongs to."""

    log_id: Name
    log_version: Annotated[int, Field(ge=1)]
    """Counts up each time the log of one release is issued again."""
    organisation: Name
    """The force that releases; the controller in data-protection terms."""
    case_reference: Name
    request_reference: Name | None = None
    created: AwareDatetime


class MasterEntry(Frozen):
    """The recording a copy was made from. Never part of a published edition."""

    sha256: Sha256
    working_copy_sha256: Sha256 | None = None
    """The review proxy people worked on, where one was made."""
    original_name: Name | None = None
    exhibit: Name
    codec: Name
    frames: WholeNumber
    rate: Ratio
    """Frames per second, the average where the rate varies."""
    duration: Seconds
    clip_first_frame: WholeNumber
    clip_last_frame: WholeNumber
    clip_in: Timecode
    """On the master's timeline, as is ``clip_out``."""
    clip_out: Timecode
    camera_serial: Name | None = None
    wearer: Name | None = None
    recorded_start: AwareDatetime | None = None
    """By the camera's own clock; add ``clock_offset_seconds`` for the true time."""
    recorded_end: AwareDatetime | None = None
    clock_offset_seconds: float | None = None

    @model_validator(mode="after")
    def _inside(self) -> MasterEntry:
        if not self.clip_first_frame <= self.clip_last_frame < self.frames:
            raise ValueError("the clip must lie inside the master")
        return self


class OutputFacts(Frozen):
    """One released file, as anybody may know it."""

    file: FileName
    sha256: Sha256
    size_bytes: WholeNumber
    codec: Name
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    frames: Annotated[int, Field(ge=1)]
    frame_rate: Ratio
    duration_seconds: Seconds
    slate_frames: WholeNumber
    """Frames of the title before the footage starts; output frame ``slate_frames`` is the clip's first."""
    slate_seconds: Seconds
    pts_sha256: Sha256
    """SHA-256 over ``"{numerator}/{denominator}\\n"`` of each frame's time in seconds after the first, lowest terms."""
    time_base: Ratio

    @model_validator(mode="after")
    def _holds_footage(self) -> OutputFacts:
        if self.slate_frames >= self.frames:
            raise ValueError("an output must hold footage after its slate")
        return self


class OutputEntry(OutputFacts):
    """One released file with the part of the master it shows."""

    clip_in: Timecode
    """On the output's timeline, as is ``clip_out``: where the footage starts after the slate."""
    clip_out: Timecode
    master: MasterEntry

    @model_validator(mode="after")
    def _whole_clip(self) -> OutputEntry:
        clip = self.master.clip_last_frame - self.master.clip_first_frame + 1
        if self.frames != self.slate_frames + clip:
            raise ValueError("an output must hold its slate and exactly the frames of its clip")
        return self


class OutputSpan(Frozen):
    """Frames ``first_frame`` to ``last_frame``, both included, of the file ``outputs[output]``."""

    output: WholeNumber
    first_frame: WholeNumber
    last_frame: WholeNumber
    first_timecode: Timecode
    last_timecode: Timecode

    @model_validator(mode="after")
    def _forward(self) -> OutputSpan:
        if self.first_frame > self.last_frame or milliseconds(self.first_timecode) > milliseconds(self.last_timecode):
            raise ValueError("a span must not end before it starts")
        return self


class MaskEntry(OutputSpan):
    """One subject or sound hidden over one span."""

    id: Name
    subject: Name
    """A pseudonym: "Person 3", "Plate 1", never a name."""
    label: Name = Field(alias="class")
    kind: SpanKind
    effect: Effect
    fill: tuple[Level, Level, Level] | None = None
    """Red, green and blue of a solid fill."""
    source: Literal["machine", "manual", "corrected"]
    confidence_low: Share | None = None
    """Of the detector, over the span; absent where a person drew the mask."""
    confidence_high: Share | None = None
    codes: tuple[Name, ...]
    legal_basis: tuple[Name, ...]
    """As long as ``codes``: the ``statute`` of each."""

    @model_validator(mode="after")
    def _agrees(self) -> MaskEntry:
        if len(self.codes) != len(self.legal_basis):
            raise ValueError(f"mask {self.id}: each code needs its legal basis")
        if (self.effect in ("mute", "bleep", "disguise")) != (self.kind == "sound"):
            raise ValueError(f"mask {self.id}: the effect does not fit {self.kind}")
        if (self.confidence_low is None) != (self.confidence_high is None):
            raise ValueError(f"mask {self.id}: a confidence range has two ends")
        if (self.confidence_low or 0) > (self.confidence_high or 0):
            raise ValueError(f"mask {self.id}: a confidence range runs upwards")
        return self


class NotRedacted(OutputSpan):
    """A decision to leave a subject or sound as it is."""

    id: Name
    subject: Name
    label: Name = Field(alias="class")
    kind: SpanKind
    reason: FreeText
    decided_by: Name
    decided_at: AwareDatetime


class ReasonCode(Frozen):
    """One code this log uses, spelt out as its code list has it."""

    code: Name
    title: Name
    statute: Name
    """The enactment with section and limb, such as "Freedom of Information Act 2000, section 31(1)(a)"."""
    legal_basis: FreeText
    """What that provision says, in a sentence."""
    exemption: Literal["absolute", "qualified"] | None = None
    """Of a FOIA exemption; absent for codes that are none."""


class UsedCode(ReasonCode):
    """A code with what a person noted for it in this release, as far as its code list asks."""

    assessment: FreeText | None = None
    reference: FreeText | None = None
    """The order, ruling, enactment or place that the code refers to."""


class WatchedInterval(OutputSpan):
    """A part of an output that somebody has watched."""


class Reviewer(Frozen):
    """Who watched the copy, when, and which parts."""

    name: Name
    role: Name
    started: AwareDatetime
    finished: AwareDatetime
    watched: tuple[WatchedInterval, ...]


class Override(Frozen):
    """What was still open when the release was approved all the same, and why it was.

    ``unwatched``: stretches of the copies that nobody had watched. ``unsettled``: places where masks may be wrong that
    nobody had looked at and found in order. ``second_look``: whether detectors had looked at the copies.
    """

    reason: FreeText
    unwatched: WholeNumber
    unsettled: WholeNumber
    second_look: bool


class Approval(Frozen):
    """Who approved the release. Never one of those who edited it: the records see to that.

    ``override`` is absent where nothing was open.
    """

    name: Name
    role: Name
    approved_at: AwareDatetime
    override: Override | None = None


class Recipient(Frozen):
    """Who gets the pack, and what for."""

    name: Name
    organisation: Name | None = None
    purpose: FreeText


class Delivery(Frozen):
    """How the pack travels, and how it is kept closed on the way."""

    method: FreeText
    encryption: FreeText


class RetentionEntry(Frozen):
    """How long the release is kept, by which rule, and when it is destroyed."""

    rule: FreeText
    keep_until: date | None = None
    destroy_on: date | None = None


class ReleaseSection(Frozen):
    """Review, approval and hand-over."""

    reviewers: tuple[Reviewer, ...]
    second_reviewer: Reviewer | None = None
    approver: Approval
    recipient: Recipient
    delivery: Delivery
    retention: RetentionEntry


class AuditHead(Frozen):
    """The signed end of the audit chain when the log was made: whoever holds this log can show a later rewriting."""

    count: WholeNumber
    hash: Sha256
    merkle_root: Sha256
    signature: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{4,1024}={0,2}$")]
    """Base64."""
    key_fingerprint: Sha256


class Component(Frozen):
    """A program, network, library or set of settings that took part."""

    name: Name
    version: Name
    sha256: Sha256 | None = None


class Versions(Frozen):
    """What made the copy."""

    software: Component
    models: tuple[Component, ...]
    settings: Component
    libraries: tuple[Component, ...] = ()


class HashedFile(Frozen):
    """A policy or code list, tied down by the SHA-256 of its bytes."""

    name: Name
    version: Name
    sha256: Sha256


_INTERNAL = re.compile(r"\bmg[\s_-]*6[\s_-]*d", re.IGNORECASE)


def mentions_internal(text: str) -> bool:
    """Whether ``text`` speaks of the sensitive schedule, MG6D, however it is spelt."""
    return _INTERNAL.search(text) is not None
