"""The closing blocks of a log: review and approval, how the copies were made, and the audit chain head."""

from __future__ import annotations

from collections.abc import Iterator

from redact.disclose.documents.typeset import (
    Block,
    Cell,
    TextRun,
    day,
    facts,
    heading,
    moment,
    mono,
    para,
    quiet,
    table,
)
from redact.disclose.log.entries import (
    AuditHead,
    Component,
    HashedFile,
    OutputEntry,
    Override,
    ReleaseSection,
    Reviewer,
    Versions,
)


def recipient_line(release: ReleaseSection) -> str:
    """The recipient and the purpose, on one line."""
    recipient = release.recipient
    return ", ".join(filter(None, (recipient.name, recipient.organisation, f"for: {recipient.purpose}")))


def release_blocks(release: ReleaseSection, outputs: tuple[OutputEntry, ...]) -> list[Block]:
    """Who watched what, who approved the release, who receives it and how long it is kept."""
    rows = [_reviewer_row(person, outputs) for person in release.reviewers]
    if release.second_reviewer is not None:
        rows.append(_reviewer_row(release.second_reviewer, outputs))
    retention = release.retention
    return [
        heading("Review, approval and delivery"),
        table(("Reviewed by", "When", "Parts watched"), (44, 50, None), rows),
        facts(
            [
                ("Approved by", f"{release.approver.name}, {release.approver.role}"),
                ("Approved on", moment(release.approver.approved_at)),
                *_override(release.approver.override),
                ("Recipient", recipient_line(release)),
                ("Delivered", release.delivery.method),
                ("Encryption", release.delivery.encryption),
                ("Retention", retention.rule),
                ("Kept until", day(retention.keep_until) if retention.keep_until else None),
                ("To be destroyed on", day(retention.destroy_on) if retention.destroy_on else None),
            ]
        ),
    ]


def _override(override: Override | None) -> list[tuple[str, Cell | None]]:
    if override is None:
        return []
    count = override.unwatched, override.unsettled
    open_ = (
        f"{count[0]} span{'s' if count[0] != 1 else ''} of the copies not watched" if count[0] else "",
        f"{count[1]} item{'s' if count[1] != 1 else ''} of the review queue not settled" if count[1] else "",
        "" if override.second_look else "no second detection pass",
    )
    return [("Open at approval", "; ".join(filter(None, open_))), ("Reason for approval", override.reason)]


def _reviewer_row(person: Reviewer, outputs: tuple[OutputEntry, ...]) -> list[Cell]:
    watched: list[TextRun] = [
        f"{outputs[w.output].file}: {w.first_timecode} to {w.last_timecode}"
        + (" (all)" if w.last_frame - w.first_frame + 1 == outputs[w.output].frames else "")
        for w in person.watched
    ]
    when: list[TextRun] = [f"{moment(person.started)} to", moment(person.finished)]
    return [[person.name, quiet(person.role)], when, watched or "nothing"]


def versions_table(versions: Versions, policy: HashedFile, codes: HashedFile) -> Block:
    """Everything used to make the copies."""

    def row(what: str, part: Component | HashedFile) -> list[Cell]:
        return [what, f"{part.name} {part.version}", mono(part.sha256) if part.sha256 else quiet("none")]

    def rows() -> Iterator[list[Cell]]:
        yield row("Software", versions.software)
        yield from (row("Model", model) for model in versions.models)
        yield row("Settings", versions.settings)
        yield from (row("Library", library) for library in versions.libraries)
        yield row("Policy", policy)
        yield row("Reason codes", codes)

    return table(("Component", "Name and version", "SHA-256"), (24, 44, None), rows())


def audit_blocks(head: AuditHead) -> list[Block]:
    """The audit chain head, so that others hold a copy of it."""
    return [
        heading("Audit chain head"),
        para(
            "Every action on this footage is an entry in the audit chain, in which each entry carries the hash of the "
            "one before it. This was the head of the chain when the log was made. Anyone who holds this page can prove "
            "a later change to any entry up to it."
        ),
        facts(
            [
                ("Entries", f"{head.count:,}"),
                ("Hash of the last entry", mono(head.hash)),
                ("Root of the Merkle tree", mono(head.merkle_root)),
                ("Signature (Ed25519)", mono(head.signature)),
                ("Key fingerprint", mono(head.key_fingerprint)),
            ]
        ),
    ]
