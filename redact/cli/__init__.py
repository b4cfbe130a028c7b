"""The ``redact`` command, one module a command group."""
