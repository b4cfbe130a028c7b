"""The page that explains to a recipient how to verify a pack."""

from __future__ import annotations

from redact.disclose.documents.typeset import (
    Block,
    Cell,
    Document,
    bullets,
    heading,
    mono,
    note,
    para,
    pdf,
    strong,
    table,
)
from redact.disclose.log.release_log import PublishedLog, ReleaseLog

MOST_LISTED = 6
"""Number of copies whose hashes fit on the page; the log lists all of them."""


def verification_guide(log: ReleaseLog | PublishedLog, key_fingerprint: str) -> bytes:
    """``how-to-check.pdf``: one page for the recipient of a pack.

    Uses nothing from a full log that a published edition would not contain. ``key_fingerprint``: of the key that signs
    the pack. Raises :class:`TypesettingFailed`.
    """
    return pdf(verification_guide_document(log, key_fingerprint))


def verification_guide_document(log: ReleaseLog | PublishedLog, key_fingerprint: str) -> Document:
    """The content of :func:`verification_guide`."""
    identity, listed = log.identity, log.outputs[:MOST_LISTED]
    rest = len(log.outputs) - len(listed)
    producer = log.software if isinstance(log, PublishedLog) else log.versions.software
    software = producer if isinstance(producer, str) else f"{producer.name} {producer.version}"
    hashes: list[list[Cell]] = [[output.file, mono(output.sha256)] for output in listed]
    blocks: list[Block] = [
        note("Three steps show whether these files are the ones we released. None needs the internet or an account."),
        heading("1. Compare the hashes"),
        para(
            "Any change to a file changes its SHA-256 hash. Calculate the hash on your computer and compare it with "
            "the one printed here. This is safest if you received this page separately from the files."
        ),
        table(("File", "SHA-256"), (None, 112), hashes),
        *([para(f"log.pdf lists the other {rest}.")] if rest else []),
        bullets(
            [
                ["Windows, in PowerShell:", mono("Get-FileHash -Algorithm SHA256 FILE")],
                ["macOS, in Terminal:", mono("shasum -a 256 FILE")],
                ["Linux:", mono("sha256sum FILE")],
            ]
        ),
        heading("2. Check the signature, the log and the copies"),
        para(
            f"Install {software} or newer, which is free software (ask us if you cannot get it). Run it on the folder "
            "as you received it, with all its files:"
        ),
        para(mono("redact verify FOLDER")),
        para(
            "It reports each check as held, broken or absent (not possible): the hash of each file, the signed "
            "statement, the content credentials in the video (C2PA), the head of the audit chain, the number and times "
            "of the frames, and the masks."
        ),
        heading("3. Make sure the key is ours"),
        para(
            "A signature is only as good as its key. Ask us for the fingerprint of our key through a channel you "
            "already know, such as our switchboard or website. Compare it with this one and the one that redact verify "
            "prints:"
        ),
        para(mono(key_fingerprint)),
        heading("What the result means"),
        para(
            strong("All held: "),
            "the files are as we released them. No check of files can show whether the law required us to hide what is "
            "hidden; the log gives our reasons.",
        ),
        para(
            strong("Any broken: "),
            f"do not rely on the files. Keep them unchanged and tell us, quoting {identity.case_reference} and "
            f"{identity.log_id}.",
        ),
    ]
    return Document(
        title="How to check this release",
        subtitle=f"{identity.case_reference}, log {identity.log_id}",
        organisation=identity.organisation,
        footer=f"{identity.case_reference} · log {identity.log_id}, version {identity.log_version}",
        date=identity.created,
        blocks=blocks,
    )
