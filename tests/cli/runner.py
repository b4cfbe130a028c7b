"""Runs the command line: in this process or, where signals or limits matter, in a real one."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
QUICK = ("--preset", "fast", "--classes", "face")
"""For tests that do not depend on what is detected."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The ``--json`` document. Fails if stdout holds anything else."""
        document = json.loads(self.out)
        assert isinstance(document, dict)
        return document


def redact(*args: str | Path) -> Ended:
    """Run a command in this process."""
    from redact.cli.app import app

    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            app([str(arg) for arg in args], prog_name="redact")
        except SystemExit as ended:
            code = ended.code
    assert isinstance(code, int)
    return Ended(code, out.getvalue(), err.getvalue())


def hear_ctrl_c() -> None:
    """Restore Ctrl-C in a child process: tests run in the background of a shell inherit it as ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def start(
    *args: str | Path, env: Mapping[str, str] | None = None, prepare: Callable[[], None] | None = None
) -> subprocess.Popen[str]:
    """Start a command as a separate process. ``prepare`` runs in the child before Python starts."""

    def in_child() -> None:
        hear_ctrl_c()
        if prepare:
            prepare()

    return subprocess.Popen(
        [sys.executable, "-m", "redact", *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        preexec_fn=in_child,  # noqa: PLW1509 - the child only sets signals and limits
    )


def finish(process: subprocess.Popen[str], timeout: float = 120) -> Ended:
    """Wait for a started command."""
    try:
        out, err = process.communicate(timeout=timeout)
    finally:
        process.kill()
    return Ended(process.returncode, out, err)


def listing(folder: Path) -> dict[str, str]:
    """Every file below ``folder``, hidden files included, with the hash of its content, to see changes."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
