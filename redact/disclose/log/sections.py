"""Sections of a release log for one kind of release: court, public (FOI) and subject access.

Each follows the terms its readers use: CPS Disclosure Manual chapters 7, 8 and 10 for court; sections 2, 10, 17 and 21
of the Freedom of Information Act 2000 for the public; Part 3 of the Data Protection Act 2018, or UK GDPR Article 15,
for the data subject.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from redact.disclose.log.entries import FreeText, Frozen, Name, Timecode, WholeNumber


class CpiaAssessment(Frozen):
    """Whether the hidden content may meet the disclosure test: undermine the prosecution case or assist the accused
    (CPIA 1996 s.3)."""

    hidden_may_meet_test: bool | None
    """``None``: not considered yet."""
    considered_by: Name | None = None
    considered_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _signed(self) -> CpiaAssessment:
        decided = self.hidden_may_meet_test is not None
        if decided != (self.considered_by is not None) or decided != (self.considered_at is not None):
            raise ValueError("give a person and a time if, and only if, the disclosure test was considered")
        return self

    @property
    def prompts_mg6e(self) -> bool:
        """Whether the prosecutor must be informed: yes, unless the test was considered and not met."""
        return self.hidden_may_meet_test is not False


class ClippedPart(Frozen):
    """A part of a master left out of the copy as not relevant; timecodes on the master's timeline."""

    exhibit: Name
    first_timecode: Timecode
    last_timecode: Timecode
    reason: FreeText


class CourtOrder(Frozen):
    """A court order restricting what may be shown."""

    court: Name
    made_on: date
    terms: FreeText


class ProducingStatement(Frozen):
    """The statement producing the copy in evidence."""

    name: Name
    role: Name
    exhibit: Name
    made_on: date | None = None
    words: FreeText


class CourtSection(Frozen):
    """For the prosecutor, the court and the defence."""

    kind: Literal["court"] = "court"
    urn: Name
    defendants: tuple[Name, ...]
    offences: tuple[FreeText, ...]
    officer_in_case: Name
    disclosure_officer: Name
    material: Literal["used", "unused"]
    mg6c_item: Name | None = None
    edition: Literal["edited version"] = "edited version"
    cpia: CpiaAssessment
    clipped: tuple[ClippedPart, ...] = ()
    orders: tuple[CourtOrder, ...] = ()
    producing_statement: ProducingStatement | None = None


class AppliedExemption(Frozen):
    """The arguments for one exemption: prejudice and, if it is qualified, the public interest test."""

    code: Name
    prejudice: Literal["would", "would be likely to"] | None = None
    harm: FreeText | None = None
    factors_for: tuple[FreeText, ...] = ()
    """In favour of disclosure."""
    factors_against: tuple[FreeText, ...] = ()
    balance: FreeText | None = None


class PersonalDataAssessment(Frozen):
    """FOIA s.40: which condition applies, and whether disclosure would be lawful and fair."""

    condition: Literal["3A", "3B", "4A"]
    legitimate_interest: FreeText
    necessity: FreeText
    balance: FreeText
    conclusion: FreeText


class AlreadyPublic(Frozen):
    """FOIA s.21: information reasonably accessible to the requester elsewhere."""

    what: FreeText
    where: FreeText


class TimeSplit(Frozen):
    """Minutes spent. Locating, retrieving and extracting count towards the s.12 cost limit; redaction does not."""

    locating_minutes: WholeNumber
    retrieving_minutes: WholeNumber
    extracting_minutes: WholeNumber
    redacting_minutes: WholeNumber

    @property
    def counted_minutes(self) -> int:
        """Minutes that count towards the limit."""
        return self.locating_minutes + self.retrieving_minutes + self.extracting_minutes


class ReviewRights(Frozen):
    """Rights of review that a refusal notice must state (FOIA s.17(7))."""

    internal_review: FreeText
    commissioner: FreeText


class PublicSection(Frozen):
    """For a FOIA request. Stays with the force: the pack contains the published edition."""

    kind: Literal["public"] = "public"
    received: date
    due: date
    exemptions: tuple[AppliedExemption, ...] = ()
    personal_data: PersonalDataAssessment | None = None
    already_public: tuple[AlreadyPublic, ...] = ()
    time_split: TimeSplit
    review: ReviewRights


class IdentityCheck(Frozen):
    """How the requester was confirmed to be the data subject."""

    how: FreeText
    checked_by: Name
    checked_on: date


class ThirdParty(Frozen):
    """Another person in the footage."""

    subject: Name
    identifiable: bool
    consent: Literal["given", "refused", "not sought"]
    reasonable_to_disclose: bool
    """Whether it is reasonable to disclose without consent (DPA 2018 Sch 2 para 16)."""
    reason: FreeText


class Restriction(Frozen):
    """Why something is withheld from the data subject."""

    code: Name
    ground: FreeText
    necessity: FreeText
    proportionality: FreeText
    may_be_told: bool
    """False if stating the restriction would itself cause the harm: no log that leaves the force then mentions it."""


class SubjectAccessSection(Frozen):
    """For the data subject."""

    kind: Literal["subject-access"] = "subject-access"
    requester: Name
    identity_check: IdentityCheck
    regime: Literal["uk-gdpr", "dpa-part-3"]
    received: date
    due: date
    extended: FreeText | None = None
    """Why the time limit was extended, if it was."""
    requester_subjects: Annotated[tuple[Name, ...], Field(min_length=1)]
    """The requester's pseudonyms: these are shown and all others hidden."""
    third_parties: tuple[ThirdParty, ...] = ()
    restrictions: tuple[Restriction, ...] = ()
    supply: Literal["copy", "viewing"]


Section = CourtSection | PublicSection | SubjectAccessSection


class InternalSection(Frozen):
    """Internal notes, which never leave the force."""

    mg6d_reference: Name | None = None
    cpia_reasons: FreeText | None = None
    """Why the hidden content may or may not meet the disclosure test, for the MG6E."""
    notes: tuple[FreeText, ...] = ()
