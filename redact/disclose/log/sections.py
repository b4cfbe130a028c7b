"""What a release log holds besides, by the kind of release: court, public (FOI) and subject access.

The readers differ, and so do the words they look for: CPS Disclosure Manual chapters 7, 8 and 10 for court; sections 2,
10, 17 and 21 of the Freedom of Information Act 2000 for the public; Part 3 of the Data Protection Act 2018, or UK GDPR
Article 15, for the data subject.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from redact.disclose.log.entries import FreeText, Frozen, Name, Timecode, WholeNumber


class CpiaAssessment(Frozen):
    """Whether what is hidden may undermine the prosecution or assist the accused (CPIA 1996 s.3)."""

    hidden_may_meet_test: bool | None
    """``None``: nobody has considered it yet."""
    considered_by: Name | None = None
    considered_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _signed(self) -> CpiaAssessment:
        decided = self.hidden_may_meet_test is not None
        if decided != (self.considered_by is not None) or decided != (self.considered_at is not None):
            raise ValueError("a decision on the disclosure test has a person and a time, and only a decision has them")
        return self

    @property
    def prompts_mg6e(self) -> bool:
        """Whether the prosecutor must be told: yes, unless the test was considered and not met."""
        return self.hidden_may_meet_test is not False


class ClippedPart(Frozen):
    """A part of a master left out of the copy as irrelevant; timecodes on the master's timeline."""

    exhibit: Name
    first_timecode: Timecode
    last_timecode: Timecode
    reason: FreeText


class CourtOrder(Frozen):
    """An order that governs what may be shown."""

    court: Name
    made_on: date
    terms: FreeText


class ProducingStatement(Frozen):
    """The statement by which the copy is produced in evidence."""

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
    """Why one code applies: prejudice and, for a qualified exemption, where the public interest lies."""

    code: Name
    prejudice: Literal["would", "would be likely to"] | None = None
    harm: FreeText | None = None
    factors_for: tuple[FreeText, ...] = ()
    """In favour of disclosing."""
    factors_against: tuple[FreeText, ...] = ()
    balance: FreeText | None = None


class PersonalDataAssessment(Frozen):
    """FOIA s.40: which condition, and why disclosing would or would not be lawful and fair."""

    condition: Literal["3A", "3B", "4A"]
    legitimate_interest: FreeText
    necessity: FreeText
    balance: FreeText
    conclusion: FreeText


class AlreadyPublic(Frozen):
    """FOIA s.21: what the requester can get elsewhere."""

    what: FreeText
    where: FreeText


class TimeSplit(Frozen):
    """Minutes spent. Locating, retrieving and extracting count towards the s.12 cost limit, redacting does not."""

    locating_minutes: WholeNumber
    retrieving_minutes: WholeNumber
    extracting_minutes: WholeNumber
    redacting_minutes: WholeNumber

    @property
    def counted_minutes(self) -> int:
        """What counts towards the limit."""
        return self.locating_minutes + self.retrieving_minutes + self.extracting_minutes


class ReviewRights(Frozen):
    """What a refusal notice must tell the requester (FOIA s.17(7))."""

    internal_review: FreeText
    commissioner: FreeText


class PublicSection(Frozen):
    """For a request under the Freedom of Information Act. Stays with the force: the pack has the published edition."""

    kind: Literal["public"] = "public"
    received: date
    due: date
    exemptions: tuple[AppliedExemption, ...] = ()
    personal_data: PersonalDataAssessment | None = None
    already_public: tuple[AlreadyPublic, ...] = ()
    time_split: TimeSplit
    review: ReviewRights


class IdentityCheck(Frozen):
    """How the requester was shown to be the data subject."""

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
    """Why something is kept from the data subject."""

    code: Name
    ground: FreeText
    necessity: FreeText
    proportionality: FreeText
    may_be_told: bool
    """False where saying that there is a restriction would itself do the harm: no log that leaves the force has it."""


class SubjectAccessSection(Frozen):
    """For the data subject."""

    kind: Literal["subject-access"] = "subject-access"
    requester: Name
    identity_check: IdentityCheck
    regime: Literal["uk-gdpr", "dpa-part-3"]
    received: date
    due: date
    extended: FreeText | None = None
    """Why the clock was extended, where it was."""
    requester_subjects: Annotated[tuple[Name, ...], Field(min_length=1)]
    """The pseudonyms that are the requester: shown, and all others hidden."""
    third_parties: tuple[ThirdParty, ...] = ()
    restrictions: tuple[Restriction, ...] = ()
    supply: Literal["copy", "viewing"]


Section = CourtSection | PublicSection | SubjectAccessSection


class InternalSection(Frozen):
    """What never leaves the force."""

    mg6d_reference: Name | None = None
    cpia_reasons: FreeText | None = None
    """Why the hidden content may or may not meet the disclosure test, for the MG6E."""
    notes: tuple[FreeText, ...] = ()
