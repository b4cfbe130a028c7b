"""The workbench in a browser: pages that show the records and call ``redact`` for every change."""

import redact  # noqa: F401 - before Gradio: it stops libraries from contacting the internet
