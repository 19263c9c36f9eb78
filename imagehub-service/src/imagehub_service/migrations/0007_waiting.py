"""Additions that wait before they are tried again, and the room that upload sessions have in the drive.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("additions", sa.Column("waits_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("addition_items", sa.Column("postponed", sa.SmallInteger, nullable=False, server_default="0"))
    op.add_column("upload_sessions", sa.Column("reserved", sa.BigInteger, nullable=False, server_default="0"))
    op.execute("UPDATE upload_sessions SET reserved = coalesce(total, received)")


def downgrade() -> None:
    op.drop_column("upload_sessions", "reserved")
    op.drop_column("addition_items", "postponed")
    op.drop_column("additions", "waits_until")
