"""``redact policies``: list, show and check release policies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redact.cli.shared import options as opt
from redact.cli.shared.output import CommandReport, failure_record
from redact.errors import CodesInvalid, PolicyInvalid

if TYPE_CHECKING:
    from redact.disclose.policy.policies import Policy

app = typer.Typer(no_args_is_help=True, help="List, show and check release policies.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="A name from `redact policies list`.")]


@app.command("list")
def list_all(as_json: opt.Json = False) -> None:
    """List the policies with kind, version and hash. Exit status 1 if any cannot be used.

    Example: redact policies list
    """
    with CommandReport("policies list", as_json) as report:
        from redact.disclose.policy.policies import list_policies, load_policy

        found, failed = [], []
        for name in list_policies():
            try:
                found.append(load_policy(name))
            except (PolicyInvalid, CodesInvalid) as error:
                failed.append(failure_record(error, name=name))
        columns = ("name", "kind", "title", "version", "codes", "sha256")
        records = [record(policy) for policy in found]
        report.print_table(columns, [[row[column] for column in columns] for row in records])
        for failure in failed:
            report.print(failure["text"])
        report.finish({"policies": records}, failed)


@app.command()
def show(name: Name, as_json: opt.Json = False) -> None:
    """Print a policy file, to read it or to start your own from it.

    Put a force's own policies in the folder policies/ of REDACT_HOME (default ~/.local/share/redact), as NAME.toml.

    Example: redact policies show public
    """
    with CommandReport("policies show", as_json) as report:
        from redact.disclose.policy.policies import load_policy

        policy = load_policy(name)
        text = policy.raw.decode("utf-8")
        for line in text.splitlines():
            report.print(line)
        report.finish({"policy": record(policy), "text": text})


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A policy file, NAME.toml, in any folder.")],
    as_json: opt.Json = False,
) -> None:
    """Check a policy before it is used. Exit status 1 if it is invalid, with the place and the reason.

    Example: redact policies check our-court.toml
    """
    with CommandReport("policies check", as_json) as report:
        from redact.disclose.policy.policies import POLICY_FILES, checked_policy

        policy = checked_policy(POLICY_FILES.read_path(file))
        report.print(f"{policy.name} is a valid policy of kind {policy.kind}; SHA-256 {policy.sha256}")
        report.finish({"policy": record(policy)})


def record(policy: Policy) -> dict[str, object]:
    """A policy as JSON."""
    return {
        "name": policy.name,
        "version": policy.version,
        "title": policy.title,
        "kind": policy.kind,
        "regime": policy.regime,
        "codes": policy.codes,
        "four_eyes": policy.four_eyes,
        "watch_all": policy.watch_all,
        "sha256": policy.sha256,
    }
