"""Entry point of ``redact``. Imports next to nothing, so that Ctrl-C has its meaning from the first moment on."""

from __future__ import annotations

import atexit
import os
import sys
from typing import NoReturn

from redact.cli.shared import interrupt

INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    interrupt.install()
    try:
        code = _run()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except OSError:
        code = 1  # the reader of a pipe went away before the last lines
    # Taking the interpreter apart, torch with it, costs half a second. It would also end in SIGINT instead of this
    # code where Ctrl-C struck inside code made by ``exec``, as the imports of dataclasses are.
    os._exit(code)


def _run() -> int:
    try:
        from redact.cli.app import app

        app()
    except KeyboardInterrupt:
        sys.stderr.write("R900 Stopped on request.\n")
        return INTERRUPTED
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except Exception:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


if __name__ == "__main__":
    main()
