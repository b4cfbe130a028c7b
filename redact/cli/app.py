"""The commands and their order in ``redact --help``."""

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
    footage_marks,
    models,
    policies,
    release,
    retention,
    run,
    serve,
    store,
    user,
    user_sign_in,
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


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"redact {__version__}")
        raise typer.Exit


@app.callback()
def redact(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Hide faces and number plates in footage, and disclose it with a log that stands up.

    The footage itself is never changed. Every command ends with 0 only when all that was asked is done, with 1 when
    something failed, with 2 when it was asked wrongly, and with 130 when it was stopped.
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
for command in (footage_marks.mark, footage_marks.hold, footage_marks.lift):
    footage.app.command()(command)
app.add_typer(case.app, name="case")
app.add_typer(footage.app, name="footage")
app.add_typer(release.app, name="release")
app.add_typer(policies.app, name="policies")
app.add_typer(codes.app, name="codes")
app.add_typer(store.app, name="store")
app.add_typer(retention.app, name="retention")
app.add_typer(audit.app, name="audit")
for way in (user_sign_in.link, user_sign_in.unlink, user_sign_in.sessions, user_sign_in.sign_out):
    user.app.command()(way)
app.add_typer(user.app, name="user")
app.add_typer(models.app, name="models")
app.command()(serve.serve)
app.command()(worker.worker)
app.command()(doctor.doctor)
