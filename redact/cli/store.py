"""``redact store``: verify and clean the store."""

from __future__ import annotations

from dataclasses import asdict

import typer

from redact.cli.shared import options as opt
from redact.cli.shared.acting_user import open_records
from redact.cli.shared.output import CommandReport, failure_record
from redact.errors import StoreDamaged

app = typer.Typer(no_args_is_help=True, help="Verify and clean the store of masters and the files made from them.")


@app.command()
def verify(as_json: opt.Json = False) -> None:
    """Verify stored files against the records. Exit status 1 if anything is wrong.

    Also lists orphans: files that no record names, such as leftovers of a killed run.

    Example: redact store verify
    """
    with CommandReport("store verify", as_json) as report, open_records() as db:
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
        report.print(f"{verified.checked} files read; {len(failed) or 'no'} problem{'' if len(failed) == 1 else 's'}.")
        found = {key: value for key, value in asdict(verified).items() if key != "checked"}
        report.finish({"checked": verified.checked, **found}, failed)


@app.command()
def clean(as_json: opt.Json = False) -> None:
    """Remove leftovers of killed runs from the store.

    Masters and packs are never removed. `redact store verify` lists these files first, as orphans.

    Example: redact store clean
    """
    with CommandReport("store clean", as_json) as report, open_records() as db:
        from redact.evidence.store import Store
        from redact.evidence.store_verification import clean_store

        removed = clean_store(db, Store())
        for place in removed:
            report.print(f"removed: {place}")
        report.print(f"{len(removed) or 'No'} file{'' if len(removed) == 1 else 's'} removed.")
        report.finish({"removed": removed})
