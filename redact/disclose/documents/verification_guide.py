"""The page that tells a recipient how to check a pack."""

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
"""Copies whose hashes fit on the page; the log lists all."""


def verification_guide(log: ReleaseLog | PublishedLog, key_fingerprint: str) -> bytes:
    """``how-to-check.pdf``: one page for the recipient of the pack of ``log``.

    Of a full log it takes no more than a published edition has. ``key_fingerprint`` is that of the key which signs the
    pack. Raises :class:`TypesettingFailed`.
    """
    return pdf(verification_guide_document(log, key_fingerprint))


def verification_guide_document(log: ReleaseLog | PublishedLog, key_fingerprint: str) -> Document:
    """What :func:`verification_guide` sets."""
    identity, listed = log.identity, log.outputs[:MOST_LISTED]
    rest = len(log.outputs) - len(listed)
    made = log.software if isinstance(log, PublishedLog) else log.versions.software
    software = made if isinstance(made, str) else f"{made.name} {made.version}"
    hashes: list[list[Cell]] = [[output.file, mono(output.sha256)] for output in listed]
    blocks: list[Block] = [
        note("Three steps show whether these files are the ones we released. None needs the internet or an account."),
        heading("1. Compare the hashes"),
        para(
            "The SHA-256 of a file changes with every change to it, however small. Have your computer work it out and "
            "compare it with the one printed here, which is best if this page came to you apart from the files."
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
        heading("2. Check signature, log and copies together"),
        para(
            f"With {software} or newer, which is free software (ask us if you cannot get it), and the folder as you "
            "received it, with all files in it:"
        ),
        para(mono("redact verify FOLDER")),
        para(
            "It lists each proof as held, broken or absent: the hash of each file, the signed statement, the content "
            "credentials inside the video (C2PA), the head of the audit trail, the number and times of the frames, and "
            "the masks."
        ),
        heading("3. Make sure that the key is ours"),
        para(
            "A signature is worth as much as the key it was made with. Ask us for the fingerprint of our key by a way "
            "you already know, such as our switchboard or website, and compare it with this one and with what "
            "redact verify prints:"
        ),
        para(mono(key_fingerprint)),
        heading("What the answer means"),
        para(
            strong("All held: "),
            "the files are as we released them. Whether what is hidden had to be hidden is a matter of law, which no "
            "check of files can answer; the log gives the reasons.",
        ),
        para(
            strong("Any broken: "),
            f"do not rely on the files. Keep them as they are and tell us, quoting {identity.case_reference} and "
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
