"""A subject access log with a restriction that must be withheld from the data subject."""

from __future__ import annotations

from datetime import date

from redact.disclose.log.entries import (
    HashedFile,
    LogIdentity,
    Recipient,
)
from redact.disclose.log.release_log import ReleaseLog
from redact.disclose.log.sections import (
    IdentityCheck,
    Restriction,
    SubjectAccessSection,
    ThirdParty,
)
from tests.disclose.samples.building_blocks import (
    AUDIT_HEAD,
    CODES,
    MADE,
    VERSIONS,
    Hidden,
    masks,
    master,
    output,
    release,
    sha,
)


def subject_access_log() -> ReleaseLog:
    """A copy for a data subject, with one restriction that must be withheld from her: not releasable yet."""
    first = master(
        "AB/9", (0, 2999), "3e", wearer="PC 4471 Alice Bowen", serial="AX-3119-77", name="AXON_Body_3_2208.mp4"
    )
    outputs = (output("01-AB-9.mp4", first, "b3"),)
    rows = [
        Hidden(0, "Person 2", "face", 0, 611, ("s45(4)(e)",)),
        Hidden(0, "Person 3", "face", 250, 900, ("s45(4)(e)", "s45(4)(b)")),
        Hidden(0, "Text 1", "text", 1200, 1300, ("s45(4)(b)",), source="manual"),
        Hidden(0, "Sound 1", "sound", 640, 700, ("s45(4)(e)",), effect="disguise", source="manual"),
    ]
    return ReleaseLog(
        kind="subject-access",
        identity=LogIdentity(
            log_id="RL-2026-0110",
            log_version=1,
            organisation="Wessex and Mendip Constabulary",
            case_reference="SAR-2026-0077",
            request_reference="SAR-77",
            created=MADE,
        ),
        outputs=outputs,
        masks=masks(rows),
        codes=(CODES["s45(4)(e)"], CODES["s45(4)(b)"]),
        release=release(
            outputs,
            Recipient(name="Niamh O’Sullivan", purpose="Subject access request"),
            ("Eleanor Firth", "Tomasz Wójcik", "Insp. Graham Oyelaran"),
        ),
        section=SubjectAccessSection(
            requester="Niamh O’Sullivan",
            identity_check=IdentityCheck(
                how="Passport, and her face compared with the footage.",
                checked_by="Eleanor Firth",
                checked_on=date(2026, 5, 29),
            ),
            regime="dpa-part-3",
            received=date(2026, 5, 26),
            due=date(2026, 6, 26),
            requester_subjects=("Person 1",),
            third_parties=(
                ThirdParty(
                    subject="Person 2",
                    identifiable=True,
                    consent="refused",
                    reasonable_to_disclose=False,
                    reason="A neighbour who spoke to officers in confidence.",
                ),
                ThirdParty(
                    subject="Person 3",
                    identifiable=True,
                    consent="not sought",
                    reasonable_to_disclose=False,
                    reason="Asking would itself reveal that the footage exists.",
                ),
            ),
            restrictions=(
                Restriction(
                    code="s45(4)(e)",
                    ground="The faces and voices of others.",
                    necessity="They can be recognised and have not consented.",
                    proportionality="Everything that concerns the requester remains visible and audible.",
                    may_be_told=True,
                ),
                Restriction(
                    code="s45(4)(b)",
                    ground="A line of inquiry that is still open.",
                    necessity="If the suspect knew, evidence would be destroyed.",
                    proportionality="Two short spans.",
                    may_be_told=False,
                ),
            ),
            supply="copy",
        ),
        versions=VERSIONS,
        policy=HashedFile(name="subject-access", version="1.0", sha256=sha("92")),
        codes_list=HashedFile(name="england-wales", version="1.0", sha256=sha("c0de5")),
        audit_head=AUDIT_HEAD,
    )
