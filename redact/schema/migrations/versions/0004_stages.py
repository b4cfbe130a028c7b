"""The start of a job's current stage, and the due time of a postponed job.

Revision ID: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("jobs", sa.Column("stage_at", sa.Text(), nullable=True))
    op.add_column("jobs", sa.Column("due_at", sa.Text(), nullable=True))
