"""Every command, in the order of ``redact --help``."""

from __future__ import annotations

from typing import Annotated

import typer

from redact import __version__
from redact.cli import (
    apply,
    audit,
    batch,
    bench,
    case,
    codes,
    convert,
    demo,
    detect,
    doctor,
    evaluate,
    footage,
    models,
    policies,
    release,
    retention,
    run,
    serve,
    store,
    user,
    verify,
    worker,
)

app = typer.Typer(
    name="redact",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(requested: bool) -> None:
    if requested:
        typer.echo(f"redact {__version__}")
        raise typer.Exit


@app.callback()
def redact(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Redact faces and number plates in footage, and disclose it with a log of every decision.

    Masters are never changed.

    Exit status: 0 when everything requested succeeded, 1 when something failed, 2 for a usage error, 130 when stopped.
    """


app.command()(run.run)
app.command()(detect.detect)
app.command()(apply.apply)
app.command()(convert.convert)
app.command()(evaluate.evaluate)
app.command()(bench.bench)
app.command()(batch.batch)
app.command()(demo.demo)
app.command()(verify.verify)
app.add_typer(case.app, name="case")
app.add_typer(footage.app, name="footage")
app.add_typer(release.app, name="release")
app.add_typer(policies.app, name="policies")
app.add_typer(codes.app, name="codes")
app.add_typer(store.app, name="store")
app.add_typer(retention.app, name="retention")
app.add_typer(audit.app, name="audit")
app.add_typer(user.app, name="user")
app.add_typer(models.app, name="models")
app.command()(serve.serve)
app.command()(worker.worker)
app.command()(doctor.doctor)
