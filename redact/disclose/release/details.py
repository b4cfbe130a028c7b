"""Details of a release beyond its masks: recipient, delivery, grounds, and what its kind of release requires.

Stored as JSON with the release. Each detail is checked when it is set. Completeness is checked at submission, and again
when the log's section is built from the details and the case.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

from pydantic import Field, ValidationError

from redact.disclose.log.entries import Delivery, FreeText, Frozen, Name, Recipient, RetentionEntry, WholeNumber
from redact.disclose.log.sections import (
    AlreadyPublic,
    AppliedExemption,
    ClippedPart,
    CourtOrder,
    CourtSection,
    CpiaAssessment,
    IdentityCheck,
    InternalSection,
    PersonalDataAssessment,
    ProducingStatement,
    PublicSection,
    Restriction,
    ReviewRights,
    Section,
    SubjectAccessSection,
    ThirdParty,
    TimeSplit,
)
from redact.disclose.policy.reason_codes import ReleaseKind
from redact.disclose.release.decisions import Ground, Limb, ReleaseGrounds
from redact.errors import BadRecord
from redact.schema.tables import Case, Release

REVIEW = ReviewRights(
    internal_review="If you are dissatisfied with our response, you may ask us for an internal review within 40 "
    "working days.",
    commissioner="If you remain dissatisfied after the review, you may complain to the Information Commissioner: "
    "ico.org.uk, Wycliffe House, Water Lane, Wilmslow, Cheshire SK9 5AF.",
)


class GroundEntry(Frozen):
    """The arguments for one code: see :class:`redact.disclose.release.decisions.Ground`."""

    limb: Literal["would", "would be likely to"] | None = None
    harm: FreeText | None = None
    factors_for: tuple[FreeText, ...] = ()
    factors_against: tuple[FreeText, ...] = ()
    balance: FreeText | None = None
    assessment: FreeText | None = None
    reference: FreeText | None = None


class Details(Frozen):
    """Every detail a release can have. :func:`check` refuses those of another kind of release."""

    organisation: Name | None = None
    request_reference: Name | None = None
    recipient: Recipient | None = None
    delivery: Delivery | None = None
    retention: RetentionEntry | None = None
    internal: InternalSection | None = None
    grounds: Mapping[Name, GroundEntry] = Field(default_factory=dict)

    defendants: tuple[Name, ...] = ()
    offences: tuple[FreeText, ...] = ()
    material: Literal["used", "unused"] | None = None
    mg6c_item: Name | None = None
    cpia: CpiaAssessment | None = None
    clip_reason: FreeText | None = None
    orders: tuple[CourtOrder, ...] = ()
    producing_statement: ProducingStatement | None = None

    personal_data: PersonalDataAssessment | None = None
    already_public: tuple[AlreadyPublic, ...] = ()
    retrieving_minutes: WholeNumber = 0
    extracting_minutes: WholeNumber = 0
    review: ReviewRights | None = None

    requester_subject: Name | None = None
    """The requester's subject key, as used in decisions."""
    identity_check: IdentityCheck | None = None
    extended: FreeText | None = None
    third_parties: tuple[ThirdParty, ...] = ()
    restrictions: tuple[Restriction, ...] = ()
    supply: Literal["copy", "viewing"] = "copy"

    @property
    def release_grounds(self) -> ReleaseGrounds:
        """The grounds, in the form :func:`redact.disclose.release.resolve.resolve` takes."""
        grounds = {
            code: Ground(
                limb=Limb(entry.limb) if entry.limb else None,
                harm=entry.harm or "",
                factors_for=entry.factors_for,
                factors_against=entry.factors_against,
                balance=entry.balance or "",
                assessment=entry.assessment or "",
                reference=entry.reference or "",
            )
            for code, entry in self.grounds.items()
        }
        return ReleaseGrounds(grounds, self.requester_subject)


COMMON = ("organisation", "request_reference", "recipient", "delivery", "retention", "internal", "grounds")
OF_KIND: dict[ReleaseKind, tuple[str, ...]] = {
    ReleaseKind.COURT: (
        "defendants", "offences", "material", "mg6c_item", "cpia", "clip_reason", "orders", "producing_statement",
    ),
    ReleaseKind.PUBLIC: ("personal_data", "already_public", "retrieving_minutes", "extracting_minutes", "review"),
    ReleaseKind.SUBJECT_ACCESS: (
        "requester_subject", "identity_check", "extended", "third_parties", "restrictions", "supply",
    ),
    ReleaseKind.INTERNAL: (),
}  # fmt: skip


def check(kind: ReleaseKind, untrusted: Mapping[str, object]) -> dict[str, object]:
    """Check ``untrusted`` details and return them JSON-ready for storing; None removes a detail. Raises BadRecord."""
    allowed = COMMON + OF_KIND[kind]
    for key in untrusted:
        if key not in allowed:
            raise BadRecord(f'Releases of kind "{kind}" have no detail "{key}".', f"Available: {', '.join(allowed)}.")
    present = {key: value for key, value in untrusted.items() if value is not None}
    _parse(present)
    return dict(untrusted)


def of(release: Release) -> Details:
    """The details of a release."""
    return _parse(release.details)


def _parse(untrusted: Mapping[str, object]) -> Details:
    try:
        return Details.model_validate_json(json.dumps(untrusted))
    except (ValidationError, TypeError, ValueError) as error:
        fault = "They are not JSON."
        if isinstance(error, ValidationError):
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
            fault = f"At {'.'.join(str(part)[:40] for part in first['loc'])}: {first['msg']}."
        raise BadRecord(
            f"The details were not accepted. {fault}",
            "See docs/decisions.md for an example of each kind of release.",
        ) from error


def missing(release: Release, kind: ReleaseKind) -> list[str]:
    """The details still required before the release can be submitted, as sentences."""
    details = of(release)
    absent = [name for name in ("organisation", "recipient", "delivery", "retention") if getattr(details, name) is None]
    case = release.case.details
    if kind is ReleaseKind.COURT:
        absent += [name for name in ("material", "cpia") if getattr(details, name) is None]
        required = ("urn", "officer_in_case", "disclosure_officer")
        absent += [f"{name} (of the case)" for name in required if not case.get(name)]
        if _clipped(release) and details.clip_reason is None:
            absent.append("clip_reason")
    if kind is ReleaseKind.PUBLIC and release.case.due_on is None:
        absent.append("due date (of the case)")
    if kind is ReleaseKind.SUBJECT_ACCESS:
        absent += [name for name in ("identity_check", "requester_subject") if getattr(details, name) is None]
        absent += [f"{name} (of the case)" for name in ("requester", "regime") if not case.get(name)]
    return [f"Missing: {', '.join(absent)}."] if absent else []


def section(
    release: Release, kind: ReleaseKind, *, requester_pseudonyms: tuple[str, ...], clipped: tuple[ClippedPart, ...]
) -> Section | None:
    """The log's section for this kind of release. Raises BadRecord if :func:`missing` lists anything."""
    if problems := missing(release, kind):
        raise BadRecord(" ".join(problems), "Add it with `redact release set`.")
    details, case = of(release), release.case
    try:
        if kind is ReleaseKind.COURT:
            return _court(details, case, clipped)
        if kind is ReleaseKind.PUBLIC:
            return _public(details, case)
        if kind is ReleaseKind.SUBJECT_ACCESS:
            return _subject_access(details, case, requester_pseudonyms)
    except ValidationError as error:
        raise BadRecord(f"The details of the release are inconsistent: {error.errors()[0]['msg']}.") from error
    return None


def _court(details: Details, case: Case, clipped: tuple[ClippedPart, ...]) -> CourtSection:
    case_details: dict[str, Any] = case.details
    assert details.material is not None and details.cpia is not None
    return CourtSection(
        urn=case_details["urn"],
        defendants=details.defendants or tuple(filter(None, [case_details.get("defendant")])),
        offences=details.offences or tuple(filter(None, [case_details.get("offence")])),
        officer_in_case=case_details["officer_in_case"],
        disclosure_officer=case_details["disclosure_officer"],
        material=details.material,
        mg6c_item=details.mg6c_item,
        cpia=details.cpia,
        clipped=clipped,
        orders=details.orders,
        producing_statement=details.producing_statement,
    )


def _public(details: Details, case: Case) -> PublicSection:
    assert case.due_on is not None
    exemptions = tuple(
        AppliedExemption(
            code=code,
            prejudice=ground.limb,
            harm=ground.harm,
            factors_for=ground.factors_for,
            factors_against=ground.factors_against,
            balance=ground.balance,
        )
        for code, ground in sorted(details.grounds.items())
    )
    return PublicSection(
        received=case.received_on,
        due=case.due_on,
        exemptions=exemptions,
        personal_data=details.personal_data,
        already_public=details.already_public,
        time_split=TimeSplit(
            locating_minutes=case.minutes_locating,
            retrieving_minutes=details.retrieving_minutes,
            extracting_minutes=details.extracting_minutes,
            redacting_minutes=case.minutes_redacting,
        ),
        review=details.review or REVIEW,
    )


def _subject_access(details: Details, case: Case, requester: tuple[str, ...]) -> SubjectAccessSection:
    assert details.identity_check is not None
    return SubjectAccessSection(
        requester=case.details["requester"],
        identity_check=details.identity_check,
        regime=case.details["regime"],
        received=case.received_on,
        due=case.due_on or date.max,
        extended=details.extended,
        requester_subjects=requester,
        third_parties=details.third_parties,
        restrictions=details.restrictions,
        supply=details.supply,
    )


def _clipped(release: Release) -> bool:
    """Whether any part of the footage is left out of the release."""
    return any(
        clip.first_frame > 0 or clip.last_frame < int(clip.footage.media["frames"]) - 1 for clip in release.clips
    )
