"""Entry point of ``redact``. Imports next to nothing, so that Ctrl-C has its meaning from the first moment on."""

from __future__ import annotations

import sys

from redact.cli import interrupt


def main() -> None:
    """Run the command line and end the process with its exit code."""
    interrupt.install()
    try:
        from redact.cli.app import app

        app()
    except KeyboardInterrupt:
        sys.stderr.write("R900 Stopped on request.\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
