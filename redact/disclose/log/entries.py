"""Building blocks of every release log: small frozen models, validated on construction.

Texts are stored as people wrote them; the code that writes PDF or CSV makes them harmless. Numbers carry their unit in
the name or in the docstring. Frame numbers in masks, ranges and watched intervals count from 0 on the *output's*
timeline, including the slate, and both ends belong to the span.
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
"""The time at which a frame appears: hours, minutes, seconds and thousandths, rounded down."""
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
    """Base model: immutable; rejects unknown fields, wrong types and numbers that JSON does not have."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, populate_by_name=True, serialize_by_alias=True
    )


def milliseconds(timecode: str) -> int:
    """A valid ``timecode`` in thousandths of a second."""
    hours, minutes, seconds = timecode.split(":")
    return (int(hours) * 60 + int(minutes)) * 60_000 + int(seconds.replace(".", ""))


class LogIdentity(Frozen):
    """Identifies the log, its case and its request."""

    log_id: Name
    log_version: Annotated[int, Field(ge=1)]
    """Increases each time the log of a release is reissued."""
    organisation: Name
    """The force making the release; the controller in data protection terms."""
    case_reference: Name
    request_reference: Name | None = None
    created: AwareDatetime


class MasterEntry(Frozen):
    """The master that a copy was made from. Never part of a published edition."""

    sha256: Sha256
    working_copy_sha256: Sha256 | None = None
    """The review proxy used for editing and review, if one was made."""
    original_name: Name | None = None
    exhibit: Name
    codec: Name
    frames: WholeNumber
    rate: Ratio
    """Frames per second; the average if the rate varies."""
    duration: Seconds
    clip_first_frame: WholeNumber
    clip_last_frame: WholeNumber
    clip_in: Timecode
    """On the master's timeline, as is ``clip_out``."""
    clip_out: Timecode
    camera_serial: Name | None = None
    wearer: Name | None = None
    recorded_start: AwareDatetime | None = None
    """By the camera's own clock; add ``clock_offset_seconds`` for the correct time."""
    recorded_end: AwareDatetime | None = None
    clock_offset_seconds: float | None = None

    @model_validator(mode="after")
    def _inside(self) -> MasterEntry:
        if not self.clip_first_frame <= self.clip_last_frame < self.frames:
            raise ValueError("the clip must lie inside the master")
        return self


class OutputFacts(Frozen):
    """Facts about one released file that may be published."""

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
    """Frames of the slate before the footage starts; output frame ``slate_frames`` is the first of the clip."""
    slate_seconds: Seconds
    pts_sha256: Sha256
    """SHA-256 over ``"{numerator}/{denominator}\\n"`` for each frame: seconds after the first, in lowest terms."""
    time_base: Ratio

    @model_validator(mode="after")
    def _holds_footage(self) -> OutputFacts:
        if self.slate_frames >= self.frames:
            raise ValueError("an output must contain footage after its slate")
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
            raise ValueError("an output must contain its slate and exactly the frames of its clip")
        return self


class OutputSpan(Frozen):
    """Frames ``first_frame`` to ``last_frame`` (inclusive) of the file ``outputs[output]``."""

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
    """Detector confidence over the span; absent if a person drew the mask."""
    confidence_high: Share | None = None
    codes: tuple[Name, ...]
    legal_basis: tuple[Name, ...]
    """One for each of ``codes``: its legal basis."""

    @model_validator(mode="after")
    def _agrees(self) -> MaskEntry:
        if len(self.codes) != len(self.legal_basis):
            raise ValueError(f"mask {self.id}: each code needs its legal basis")
        if (self.effect in ("mute", "bleep", "disguise")) != (self.kind == "sound"):
            raise ValueError(f"mask {self.id}: the effect is not one for {self.kind}")
        if (self.confidence_low is None) != (self.confidence_high is None):
            raise ValueError(f"mask {self.id}: a confidence range needs both ends")
        if (self.confidence_low or 0) > (self.confidence_high or 0):
            raise ValueError(f"mask {self.id}: the lowest confidence is above the highest")
        return self


class NotRedacted(OutputSpan):
    """An exception: a decision to show a subject or keep sound audible."""

    id: Name
    subject: Name
    label: Name = Field(alias="class")
    kind: SpanKind
    reason: FreeText
    decided_by: Name
    decided_at: AwareDatetime


class ReasonCode(Frozen):
    """A reason code used in the log, as defined in its list of codes."""

    code: Name
    title: Name
    statute: Name
    """The enactment with section and limb, such as "Freedom of Information Act 2000, section 31(1)(a)"."""
    legal_basis: FreeText
    """What the provision says, in a sentence."""
    exemption: Literal["absolute", "qualified"] | None = None
    """For a FOIA exemption; absent for other codes."""


class UsedCode(ReasonCode):
    """A reason code with the assessment and reference given for it in this release, if its list requires them."""

    assessment: FreeText | None = None
    reference: FreeText | None = None
    """The order, ruling, enactment or location that the code refers to."""


class WatchedInterval(OutputSpan):
    """A part of an output that a reviewer has watched."""


class Reviewer(Frozen):
    """A person who watched the copies, when, and which parts."""

    name: Name
    role: Name
    started: AwareDatetime
    finished: AwareDatetime
    watched: tuple[WatchedInterval, ...]


class Override(Frozen):
    """What was still open when a supervisor approved the release, and the reason for approving it.

    ``unwatched``: spans of the copies not watched. ``unsettled``: items of the review queue not settled.
    ``second_look``: whether a second detection pass had run over the copies.
    """

    reason: FreeText
    unwatched: WholeNumber
    unsettled: WholeNumber
    second_look: bool


class Approval(Frozen):
    """Who approved the release. The records enforce the four-eyes rule unless the policy waives it.

    ``override`` is absent if nothing was open.
    """

    name: Name
    role: Name
    approved_at: AwareDatetime
    override: Override | None = None


class Recipient(Frozen):
    """Who receives the pack, and for what purpose."""

    name: Name
    organisation: Name | None = None
    purpose: FreeText


class Delivery(Frozen):
    """How the pack is delivered and encrypted."""

    method: FreeText
    encryption: FreeText


class RetentionEntry(Frozen):
    """How long the release is kept, under which rule, and when it is destroyed."""

    rule: FreeText
    keep_until: date | None = None
    destroy_on: date | None = None


class ReleaseSection(Frozen):
    """Review, approval and delivery."""

    reviewers: tuple[Reviewer, ...]
    second_reviewer: Reviewer | None = None
    approver: Approval
    recipient: Recipient
    delivery: Delivery
    retention: RetentionEntry


class AuditHead(Frozen):
    """The signed chain head when the log was made: a holder of the log can prove later changes to the audit trail."""

    count: WholeNumber
    hash: Sha256
    merkle_root: Sha256
    signature: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{4,1024}={0,2}$")]
    """Base64."""
    key_fingerprint: Sha256


class Component(Frozen):
    """A program, detection model, library or set of settings used to make the copies."""

    name: Name
    version: Name
    sha256: Sha256 | None = None


class Versions(Frozen):
    """Software, models and settings used to make the copies."""

    software: Component
    models: tuple[Component, ...]
    settings: Component
    libraries: tuple[Component, ...] = ()


class HashedFile(Frozen):
    """A policy or list of codes, identified by the SHA-256 of its bytes."""

    name: Name
    version: Name
    sha256: Sha256


_INTERNAL = re.compile(r"\bmg[\s_-]*6[\s_-]*d", re.IGNORECASE)


def mentions_internal(text: str) -> bool:
    """Whether ``text`` mentions the sensitive schedule, MG6D, in any spelling."""
    return _INTERNAL.search(text) is not None
