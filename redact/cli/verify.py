"""``redact verify``: is a pack, or a copy, what it says it is?"""

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
    pack: Annotated[Path, typer.Argument(metavar="PACK|COPY", help="The folder of a pack, or a copy out of one.")],
    *,
    master: Annotated[
        Path | None, typer.Option("--master", metavar="FILE", help="Also hold it against this master.")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="PUBLIC.pem", help="The signer's key; this installation's own if not given."),
    ] = None,
    as_json: opt.Json = False,
) -> None:
    """Check a pack or a copy, without the records and without the network.

    Each proof is held, broken or absent. Ends with 1 if one is broken, or if nothing vouches for the file at all. An
    encrypted ZIP has to be unpacked first.

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
        return f"{len(verdict.broken)} of {len(verdict.results)} proofs are broken: do not rely on it."
    if not verdict.sound:
        return "Nothing vouches for it: there is no signature, and no C2PA manifest."
    if trusted is None:
        return "No proof is broken, but who made it was not checked: give the force's key with --key."
    return "No proof is broken."


def _failed(verdict: Verdict, trusted: PublicKey | None) -> list[dict[str, object]]:
    if not verdict.broken and not verdict.sound:
        return [failure_record(NotVerified(_summary(verdict, trusted), "Ask for the whole pack."))]
    return [
        failure_record(NotVerified(result.text, "Ask for the pack again."), proof=result.check, file=result.file)
        for result in verdict.broken
    ]
