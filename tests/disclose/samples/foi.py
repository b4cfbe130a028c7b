"""An FOI log with secrets planted in every free text."""

from __future__ import annotations

from datetime import date, timedelta

from redact.disclose.log.entries import (
    HashedFile,
    LogIdentity,
    NotRedacted,
    Recipient,
)
from redact.disclose.log.release_log import ReleaseLog
from redact.disclose.log.sections import (
    AlreadyPublic,
    AppliedExemption,
    PersonalDataAssessment,
    PublicSection,
    ReviewRights,
    TimeSplit,
)
from tests.disclose.samples.building_blocks import (
    AUDIT_HEAD,
    CODES,
    MADE,
    VERSIONS,
    Hidden,
    at,
    masks,
    master,
    output,
    release,
    sha,
)

SECRETS = (
    "PC 4471 Alice Bowen", "Bowen", "4471", "AX-3119-77", "AXON_Body_3_2104.mp4", "AXON_Body", "BWV-AB-1", "Eleanor",
    "Wójcik", "Oyelaran", "Sidra Khan-Whitlock", "Person 1", "Person 2", "Vehicle 1", "51.20937", "-2.64512",
    "/srv/evidence", sha("1c"), sha("01c"), "balanced", "Bowen's informant", "Tomasz", "M0001",
)  # fmt: skip
"""Texts in :func:`foi_log` that its published edition must not contain."""


def foi_log() -> ReleaseLog:
    """One clip for an FOI request. :data:`SECRETS` are planted in every free text."""
    first = master(
        "BWV-AB-1", (750, 4499), "1c", wearer="PC 4471 Alice Bowen", serial="AX-3119-77", name="AXON_Body_3_2104.mp4"
    )
    outputs = (output("video-1.mp4", first, "b1", slate=125),)
    s40, s31, s38 = "s40(2)-3A", "s31(1)(a)", "s38(1)(b)"
    rows = [
        Hidden(0, "Person 1", "face", 125, 300, (s40,)),
        Hidden(0, "Person 2", "face", 280, 700, (s40, s38)),
        Hidden(0, "Vehicle 1", "plate", 720, 900, (s40,)),
        Hidden(0, "Person 1", "face", 1000, 1100, (s40,), source="manual"),
        Hidden(0, "Text 1", "text", 2000, 2400, (s31,), effect="mosaic"),
        Hidden(0, "Sound 1", "sound", 310, 420, (s40,), effect="mute"),
        Hidden(0, "Sound 2", "sound", 430, 500, (s31,), effect="mute"),
    ]
    return ReleaseLog(
        kind="public",
        identity=LogIdentity(
            log_id="RL-2026-0101",
            log_version=1,
            organisation="Wessex and Mendip Constabulary",
            case_reference="FOI-2026-0142",
            created=MADE,
        ),
        outputs=outputs,
        masks=masks(rows),
        not_redacted=(
            NotRedacted.model_validate(
                {
                    "id": "N0001",
                    "output": 0,
                    "subject": "Person 3",
                    "class": "face",
                    "first_frame": 125,
                    "last_frame": 2400,
                    "first_timecode": at(125),
                    "last_timecode": at(2400),
                    "kind": "picture",
                    "reason": "Acting in a public role at 51.20937, -2.64512; see /srv/evidence/2026/x.mp4.",
                    "decided_by": "Eleanor Firth",
                    "decided_at": MADE - timedelta(hours=30),
                }
            ),
        ),
        codes=tuple(CODES[code] for code in (s40, s31, s38)),
        release=release(
            outputs,
            Recipient(name="Sidra Khan-Whitlock", purpose="Request under the Freedom of Information Act"),
            ("Eleanor Firth", "Tomasz Wójcik", "Insp. Graham Oyelaran"),
        ),
        section=_public_section(),
        versions=VERSIONS,
        policy=HashedFile(name="public", version="1.0", sha256=sha("91")),
        codes_list=HashedFile(name="england-wales", version="1.0", sha256=sha("c0de5")),
        audit_head=AUDIT_HEAD,
    )


def _public_section() -> PublicSection:
    return PublicSection(
        received=date(2026, 5, 22),
        due=date(2026, 6, 22),
        exemptions=(
            AppliedExemption(code="s40(2)-3A"),
            AppliedExemption(
                code="s31(1)(a)",
                prejudice="would be likely to",
                harm="The screen shows a tactic in use, which offenders would learn to avoid.",
                factors_for=("Transparency about how public money and powers are used.",),
                factors_against=("The tactic would be lost.", "Other forces use it, and Bowen's informant knows it."),
                balance="The public interest in preventing crime outweighs the interest in seeing the screen.",
            ),
            AppliedExemption(code="s38(1)(b)", prejudice="would"),
        ),
        personal_data=PersonalDataAssessment(
            condition="3A",
            legitimate_interest="To see how officers acted at a public event.",
            necessity="The identity of bystanders is not needed for that.",
            balance="Bystanders did not expect to appear in published footage.",
            conclusion="Disclosing their faces would be unfair and so unlawful.",
        ),
        already_public=(AlreadyPublic(what="The press statement of 15 March 2026", where="www.wessexmendip.example"),),
        time_split=TimeSplit(locating_minutes=40, retrieving_minutes=15, extracting_minutes=35, redacting_minutes=540),
        review=ReviewRights(
            internal_review="If you are dissatisfied with our response, you may ask us for an internal review "
            "within 40 working days.",
            commissioner="If you remain dissatisfied after the review, you may complain to the Information "
            "Commissioner: ico.org.uk, Wycliffe House, Water Lane, Wilmslow, Cheshire SK9 5AF.",
        ),
    )
