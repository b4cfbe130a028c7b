"""Entry point of ``redact``. Imports almost nothing, so that Ctrl-C works from the start."""

from __future__ import annotations

import atexit
import os
import sys
from typing import NoReturn

from redact.cli.shared import interrupt

INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    interrupt.install()
    try:
        code = _run()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except OSError:
        code = 1  # the reader of a pipe closed it before the last lines
    # Shutting down the interpreter, with torch, takes half a second. It would also end in SIGINT instead of this code
    # after a Ctrl-C inside code run by ``exec``, such as the definitions of dataclasses.
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
