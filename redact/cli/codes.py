"""``redact codes``: list the reason codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from redact.cli.shared import options as opt
from redact.cli.shared.output import CommandReport

if TYPE_CHECKING:
    from redact.disclose.policy.reason_codes import Code, Codes

app = typer.Typer(no_args_is_help=True, help="List the reason codes.")


@app.command("list")
def list_codes(
    list_name: Annotated[
        str | None, typer.Option("--list", metavar="NAME", help="Only this list. Default: all.")
    ] = None,
    as_json: opt.Json = False,
) -> None:
    """List the reason codes: what they mean, and which releases may use them.

    Put a force's own lists in the folder codes/ of REDACT_HOME (default ~/.local/share/redact), as NAME.toml.

    Example: redact codes list
    """
    with CommandReport("codes list", as_json) as report:
        from redact.disclose.policy import reason_codes

        lists = [reason_codes.load_codes(name) for name in ([list_name] if list_name else reason_codes.list_codes())]
        for known in lists:
            report.print(f"{known.name} {known.version}: {known.title}; SHA-256 {known.sha256}")
            columns = ("code", "title", "statute", "releases", "requires")
            report.print_table(columns, [row(code) for code in known.by_id.values()])
        report.finish({"lists": [codes_record(known) for known in lists]})


def row(code: Code) -> tuple[str, ...]:
    """A code as a table row."""
    required = {
        "limb": code.limb,
        "balance": code.balance,
        "assessment": code.assessment,
        "reference": code.reference,
    }
    releases = ", ".join(code.kinds) if code.use == "redaction" else "responses only"
    return code.id, code.title, code.statute, releases, ", ".join(name for name, value in required.items() if value)


def codes_record(known: Codes) -> dict[str, object]:
    """A list of codes as JSON."""
    return {
        "name": known.name,
        "version": known.version,
        "title": known.title,
        "sha256": known.sha256,
        "codes": [
            {
                "id": code.id,
                "title": code.title,
                "statute": code.statute,
                "legal_basis": code.legal_basis,
                "kinds": code.kinds,
                "use": code.use,
                "exemption": code.exemption,
                "limb": code.limb,
                "balance": code.balance,
                "regime": code.regime,
                "assessment": code.assessment,
                "reference": code.reference,
            }
            for code in known.by_id.values()
        ],
    }
