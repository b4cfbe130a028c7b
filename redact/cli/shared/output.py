"""Command output: results on stdout, progress and errors on stderr, or one JSON document on stdout.

Text from a file or its name is never read as markup and never reaches the terminal as control characters.
"""

from __future__ import annotations

import json
import sys
import time
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from types import TracebackType
from typing import Self, TextIO

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from redact.cli.shared import interrupt
from redact.errors import BadUsage, Cancelled, RedactError
from redact.jobs.failures import as_failure
from redact.progress import Progress as ProgressCall

PLAIN_INTERVAL = 10.0
"""Seconds between plain progress lines."""


def inert(text: object) -> str:
    """``text`` with every character that could control a terminal or reorder the line written as an escape."""
    return "".join(_escape(c) if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c for c in str(text))


def _escape(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"


def console(stream: TextIO) -> Console:
    """A console that prints strings as they are: no markup, no emoji codes, no number colouring, no wrapping."""
    # Without a terminal there is no width to fit: scripts and logs must get whole lines.
    width = None if stream.isatty() else 10_000
    return Console(file=stream, markup=False, emoji=False, highlight=False, soft_wrap=True, width=width)


class CommandReport:
    """What one command prints: ``with CommandReport("run", as_json) as report``.

    An error inside the block ends the command with its exit code and text, never a traceback. After :meth:`finish` the
    exit code is 0, or 1 if failures were given.
    """

    def __init__(self, command: str, as_json: bool) -> None:
        self.command = command
        self.as_json = as_json
        self._stdout = sys.stdout
        self.out = console(sys.stdout)
        self.err = console(sys.stderr)
        self.partial: dict[str, object] = {}
        """Added to the error document if the command is interrupted."""
        # Stray prints from libraries must not end up in the document.
        self._redirect = redirect_stdout(sys.stderr)

    def __enter__(self) -> Self:
        if self.as_json:
            self._redirect.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self.as_json:
            self._redirect.__exit__(kind, error, tb)
        # Typer handles a closed pipe on stdout.
        if error is None or isinstance(error, typer.Exit | BrokenPipeError):
            return
        failure = as_failure(error)
        if self.as_json:
            self._document(self.partial, [failure_record(failure)])
        self.print_failure(failure)
        if isinstance(failure, BadUsage):
            self.err.print(f"See `redact {self.command} --help`.")
        raise typer.Exit(failure.exit_code) from None

    def print_failure(self, failure: RedactError, about: str = "") -> None:
        """Print one line on stderr: code, then text."""
        where = f"{inert(about)}: " if about else ""
        self.err.print(f"{failure.code} {where}{inert(failure.text)}")

    def print(self, line: object) -> None:
        """Print a line of the result. Does nothing in JSON mode."""
        if not self.as_json:
            self.out.print(inert(line))

    def print_table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table of the result. Does nothing in JSON mode."""
        if self.as_json:
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in columns:
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*(inert(cell) for cell in row))
        self.out.print(table)

    def finish(self, result: Mapping[str, object], failed: Sequence[Mapping[str, object]] = ()) -> None:
        """Print the document in JSON mode, and exit with 1 if anything failed."""
        if self.as_json:
            self._document(result, failed)
        if failed:
            raise typer.Exit(1)

    def _document(self, result: Mapping[str, object], failed: Sequence[Mapping[str, object]]) -> None:
        document = {"command": self.command, "ok": not failed, **result, "failed": list(failed)}
        self._stdout.write(json.dumps(document, indent=2, default=str) + "\n")
        self._stdout.flush()

    @contextmanager
    def working(self) -> Iterator[ProgressCall]:
        """A progress callback for long work: a bar on a terminal, occasional lines elsewhere."""
        with interrupt.working():
            if not self.err.is_terminal:
                yield PlainProgress(self.err)
                return
            with progress_bars(self.err) as bars:
                yield BarProgress(bars)


def failure_record(failure: RedactError, **about: object) -> dict[str, object]:
    """A failure as JSON."""
    return {**about, "code": failure.code, "text": failure.text}


def progress_bars(err: Console) -> Progress:
    """The progress bars of every command. They disappear when the work is done."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
    )


def raise_if_stopped() -> None:
    """Raise :class:`redact.errors.Cancelled` if the user has asked to stop."""
    if interrupt.stopped():
        raise Cancelled("Stopped on request.")


class BarProgress:
    """One bar per stage. ``label`` precedes the name of the stage."""

    def __init__(self, bars: Progress, label: str = "") -> None:
        self._bars = bars
        self._label = label
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """See :class:`redact.progress.Progress`."""
        raise_if_stopped()
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(inert(f"{self._label}{stage}"), total=total)
        self._bars.update(self._tasks[stage], completed=done, total=total)

    def clear(self) -> None:
        """Remove the bars."""
        for task in self._tasks.values():
            self._bars.remove_task(task)
        self._tasks.clear()


class PlainProgress:
    """A line when a stage starts, every :data:`PLAIN_INTERVAL`, and when it ends."""

    def __init__(self, err: Console, label: str = "") -> None:
        self._err = err
        self._label = label
        self._stage = ""
        self._last = 0.0
        self._finished = False

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """See :class:`redact.progress.Progress`."""
        raise_if_stopped()
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._finished = stage, False
        elif self._finished or (now - self._last < PLAIN_INTERVAL and done != total):
            return
        self._finished = done == total
        self._last = now
        of = f" of {total}" if total is not None else ""
        self._err.print(inert(f"{self._label}{stage}: {done}{of}"))
