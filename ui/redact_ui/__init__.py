"""The workbench in a browser: pages that show the records, and ask the services of ``redact`` for every change."""

import redact  # noqa: F401 - before Gradio: it keeps libraries from talking to the internet
