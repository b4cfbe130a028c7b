"""``redact store``: whether the store still holds what was put there."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from redact.cli.shared import options as opt
from redact.cli.shared.acting_user import records
from redact.cli.shared.output import CommandReport, failure_record
from redact.errors import StoreDamaged

if TYPE_CHECKING:
    pass

app = typer.Typer(no_args_is_help=True, help="The store of masters and what belongs to them.")


@app.command()
def verify(as_json: opt.Json = False) -> None:
    """Read every file of the store and compare it with the records. Ends with 1 if anything is wrong.

    Files that no record names are told of, too: a run that was killed may have left them.

    Example: redact store verify
    """
    with CommandReport("store verify", as_json) as report, records() as db:
        from redact.evidence.store import Store
        from redact.evidence.store_verification import verify_store

        with report.working() as progress:
            verified = verify_store(db, Store(), progress)
        failed = []
        for kind in ("damaged", "missing", "orphans"):
            for finding in getattr(verified, kind):
                report.print(f"{kind.removesuffix('s')}: {finding.place}: {finding.what}")
                about = failure_record(StoreDamaged(f"{finding.place}: {finding.what}"), kind=kind, file=finding.place)
                failed.append(about)
        report.print(f"{verified.checked} files are there and were read; {len(failed) or 'none'} with something wrong.")
        found = {key: value for key, value in asdict(verified).items() if key != "checked"}
        report.finish({"checked": verified.checked, **found}, failed)


@app.command()
def clean(as_json: opt.Json = False) -> None:
    """Remove what killed runs left in the store and nothing needs.

    Masters and packs are never touched. `redact store verify` tells of these files first, among what no record names.

    Example: redact store clean
    """
    with CommandReport("store clean", as_json) as report, records() as db:
        from redact.evidence.store import Store
        from redact.evidence.store_verification import clean_store

        removed = clean_store(db, Store())
        for place in removed:
            report.print(f"removed: {place}")
        report.print(f"{len(removed) or 'No'} file{'' if len(removed) == 1 else 's'} removed.")
        report.finish({"removed": removed})
