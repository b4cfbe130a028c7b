"""A person's identity at a sign-in provider, and the provider used for a session.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("people", sa.Column("issuer", sa.Text(), nullable=True))
    op.add_column("people", sa.Column("subject", sa.Text(), nullable=True))
    op.create_index("ix_people_identity", "people", ["issuer", "subject"], unique=True)
    op.add_column("sign_ins", sa.Column("issuer", sa.Text(), nullable=True))
