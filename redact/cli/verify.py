"""``redact verify``: check a disclosure pack or a redacted copy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redact.cli.shared import options as opt
from redact.cli.shared.output import CommandReport, failure_record
from redact.errors import InputMissing, NotVerified
from redact.home import home

if TYPE_CHECKING:
    from redact.audit.keys import PublicKey
    from redact.disclose.verify.findings import Verdict


def verify(
    pack: Annotated[
        Path, typer.Argument(metavar="PACK|COPY", help="The folder of a disclosure pack, or a redacted copy from one.")
    ],
    *,
    master: Annotated[
        Path | None, typer.Option("--master", metavar="FILE", help="Also compare it with this master.")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="PUBLIC.pem", help="The signer's public key. Default: this installation's own."),
    ] = None,
    as_json: opt.Json = False,
) -> None:
    """Verify a disclosure pack or a redacted copy, offline and without the records.

    Each proof is held, broken or absent. Exit status 1 if any proof is broken, or if nothing vouches for the file.
    Unpack an encrypted ZIP first.

    Example: redact verify FOI-26-17/ --key force.pem
    """
    with CommandReport("verify", as_json) as report:
        from redact.disclose.verify import verification as packs

        trusted = _trusted(key)
        with report.working() as progress:
            verdict = packs.verify(pack, master=master, trusted=trusted, progress=progress)
        report.print_table(
            ("proof", "file", "state", ""), [(p.check, p.file, p.state, p.text) for p in verdict.results]
        )
        report.print(_summary(verdict, trusted))
        report.finish(
            {
                "path": pack,
                "signer": verdict.signer,
                "signer_trusted": trusted is not None,
                "proofs": [
                    {"proof": p.check, "file": p.file, "state": p.state, "text": p.text} for p in verdict.results
                ],
            },
            _failed(verdict, trusted),
        )


def _trusted(untrusted_key: Path | None) -> PublicKey | None:
    from redact.audit.keys import PublicKey, load_public

    if untrusted_key is None:
        return load_public(home() / "keys")
    try:
        return PublicKey.from_pem(untrusted_key.read_bytes())
    except OSError as error:
        raise InputMissing(f"{untrusted_key} cannot be read: {error.strerror}.", "Check the path.") from error


def _summary(verdict: Verdict, trusted: PublicKey | None) -> str:
    if verdict.broken:
        return f"{len(verdict.broken)} of {len(verdict.results)} proofs are broken. Do not rely on it."
    if not verdict.sound:
        return "Nothing vouches for this file: it has no signature and no C2PA manifest."
    if trusted is None:
        return "No proof is broken, but the signer was not checked. Give the force's key with --key."
    return "No proof is broken."


def _failed(verdict: Verdict, trusted: PublicKey | None) -> list[dict[str, object]]:
    if not verdict.broken and not verdict.sound:
        return [failure_record(NotVerified(_summary(verdict, trusted), "Ask the sender for the whole pack."))]
    return [
        failure_record(
            NotVerified(result.text, "Ask the sender for the pack again."), proof=result.check, file=result.file
        )
        for result in verdict.broken
    ]
