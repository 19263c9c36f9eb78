"""Photos of accounts, and green channels of pictures.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "photos",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("account_id", sa.BigInteger, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("name", name="pk_photos"),
    )
    op.execute("ALTER TABLE photos ALTER COLUMN data SET STORAGE EXTERNAL")  # pictures are compressed already
    op.create_index("ix_photos_account_id", "photos", ["account_id", "created_at"])
    op.create_table(
        "green_channels",
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("channel_sha256", sa.LargeBinary),
        sa.PrimaryKeyConstraint("sha256", name="pk_green_channels"),
    )


def downgrade() -> None:
    op.drop_table("green_channels")
    op.drop_table("photos")
