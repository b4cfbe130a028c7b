"""Run by Alembic with the connection that :mod:`redact.records.database` hands it."""

from __future__ import annotations

from alembic import context

from redact.schema.tables import Record

context.configure(connection=context.config.attributes["connection"], target_metadata=Record.metadata)
with context.begin_transaction():
    context.run_migrations()
