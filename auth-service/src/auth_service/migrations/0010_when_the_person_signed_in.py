"""When the person of a session was authenticated, which for a session of a code was before it was opened.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. The sessions that are there keep to the time at which they were opened."""
    op.add_column("sessions", sa.Column("signed_in_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("sessions", "signed_in_at")
