"""Run by Alembic with the connection that :mod:`redact.cases.db` hands it."""

from __future__ import annotations

from alembic import context

from redact.cases.schema import Record

context.configure(connection=context.config.attributes["connection"], target_metadata=Record.metadata)
with context.begin_transaction():
    context.run_migrations()
