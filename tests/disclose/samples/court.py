"""A court log: two clips of two recordings, and the internal section that the force files with it."""

from __future__ import annotations

from datetime import date, timedelta

from redact.disclose.log.entries import (
    HashedFile,
    LogIdentity,
    NotRedacted,
    Recipient,
)
from redact.disclose.log.release_log import FiledLog, ReleaseLog
from redact.disclose.log.sections import (
    ClippedPart,
    CourtOrder,
    CourtSection,
    CpiaAssessment,
    InternalSection,
    ProducingStatement,
)
from tests.disclose.samples.building_blocks import (
    AUDIT_HEAD,
    CODES,
    MADE,
    NR,
    ORDER,
    TP,
    VERSIONS,
    Hidden,
    at,
    masks,
    master,
    output,
    release,
    sha,
)


def court_log() -> ReleaseLog:
    """Two clips of two recordings for the Crown Court: edited version of unused material."""
    first = master(
        "AB/1", (750, 6249), "1c", wearer="PC 4471 Alice Bowen", serial="AX-3119-77", name="AXON_Body_3_2104.mp4"
    )
    second = master(
        "CD/4", (0, 2999), "2d", wearer="PC 5102 Colin Dray", serial="AX-3120-08", name="AXON_Body_3_2106.mp4"
    )
    outputs = (output("01-AB-1.mp4", first, "b1", slate=125), output("02-CD-4.mp4", second, "b2", slate=125))
    rows = [
        Hidden(0, "Person 1", "face", 131, 402, (TP,)),
        Hidden(0, "Person 2", "face", 166, 871, (TP,), source="corrected"),
        Hidden(0, "Person 3", "face", 166, 455, (TP, ORDER)),
        Hidden(0, "Vehicle 1", "plate", 402, 1288, (TP,)),
        Hidden(0, "Person 3", "face", 990, 1460, (TP, ORDER), source="corrected"),
        Hidden(0, "Text 1", "text", 1502, 1630, (NR,), effect="mosaic", source="manual"),
        Hidden(0, "Sound 1", "sound", 1511, 1574, (TP,), effect="bleep", source="manual"),
        Hidden(0, "Person 4", "face", 2210, 3877, (TP,)),
        Hidden(1, "Person 3", "face", 125, 618, (TP, ORDER)),
        Hidden(1, "Sound 2", "sound", 300, 388, (TP, ORDER), effect="mute", source="manual"),
        Hidden(1, "Vehicle 2", "plate", 907, 1490, (TP,)),
        Hidden(1, "Text 2", "text", 2001, 2088, (NR,), effect="blur"),
    ]
    return ReleaseLog(
        kind="court",
        identity=LogIdentity(
            log_id="RL-2026-0093",
            log_version=2,
            organisation="Wessex and Mendip Constabulary",
            case_reference="WM/2026/03318",
            created=MADE,
        ),
        outputs=outputs,
        masks=masks(rows),
        not_redacted=(
            NotRedacted.model_validate(
                {
                    "id": "N0001",
                    "output": 0,
                    "subject": "Person 5",
                    "class": "face",
                    "first_frame": 131,
                    "last_frame": 5624,
                    "first_timecode": at(131),
                    "last_timecode": at(5624),
                    "kind": "picture",
                    "reason": "The defendant. His actions and expression are in dispute.",
                    "decided_by": "Eleanor Firth",
                    "decided_at": MADE - timedelta(hours=30),
                }
            ),
        ),
        codes=tuple(CODES[code] for code in (TP, ORDER, NR)),
        release=release(
            outputs,
            Recipient(
                name="Priya Raman", organisation="Crown Prosecution Service South West", purpose="Trial, 6 July 2026"
            ),
            ("Eleanor Firth", "Tomasz Wójcik", "Insp. Graham Oyelaran"),
        ),
        section=_court_section(),
        versions=VERSIONS,
        policy=HashedFile(name="court", version="1.0", sha256=sha("90")),
        codes_list=HashedFile(name="england-wales", version="1.0", sha256=sha("c0de5")),
        audit_head=AUDIT_HEAD,
    )


def _court_section() -> CourtSection:
    return CourtSection(
        urn="52WM0331826",
        defendants=("Daniel Marsh",),
        offences=("Assault occasioning actual bodily harm, Offences against the Person Act 1861, section 47",),
        officer_in_case="DC 3308 Ruth Adeyemi",
        disclosure_officer="Eleanor Firth",
        material="unused",
        mg6c_item="17",
        cpia=CpiaAssessment(
            hidden_may_meet_test=False, considered_by="Eleanor Firth", considered_at=MADE - timedelta(hours=26)
        ),
        clipped=(
            ClippedPart(
                exhibit="AB/1",
                first_timecode=at(0),
                last_timecode=at(749),
                reason="Silent pre-event recording in the vehicle before arrival.",
            ),
            ClippedPart(
                exhibit="AB/1",
                first_timecode=at(6250),
                last_timecode=at(12_074),
                reason="Attendance at an unconnected address.",
            ),
        ),
        orders=(
            CourtOrder(
                court="Crown Court at Wells",
                made_on=date(2026, 6, 2),
                terms="Nothing that may lead to the identification of the child witness is to be disclosed.",
            ),
        ),
        producing_statement=ProducingStatement(
            name="Eleanor Firth",
            role="Disclosure officer",
            exhibit="EF/1",
            made_on=date(2026, 6, 18),
            words="I produce the copies listed in this log as exhibit EF/1. They are edited versions of exhibits AB/1 "
            "and CD/4, from which the parts that this log lists were hidden.",
        ),
    )


def filed_court_log() -> FiledLog:
    """The court log as filed by the force."""
    return FiledLog(
        log=court_log(),
        internal=InternalSection(
            mg6d_reference="MG6D/33-18/4", cpia_reasons="Covert source visible at the window.", notes=("Ask RA.",)
        ),
    )
