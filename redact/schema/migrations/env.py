"""Run by Alembic with the connection supplied by :mod:`redact.records.database`."""

from __future__ import annotations

from alembic import context

from redact.schema.tables import Record

context.configure(connection=context.config.attributes["connection"], target_metadata=Record.metadata)
with context.begin_transaction():
    context.run_migrations()
