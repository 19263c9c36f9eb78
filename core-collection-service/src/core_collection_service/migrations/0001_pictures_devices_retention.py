"""Pictures, devices and retention rules.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _name(name: str) -> sa.Column[str]:
    # Compared and ordered bitwise, as RFC 6690 does it; and faster so.
    return sa.Column(name, sa.Text(collation="C"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "pictures",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        _name("collection"),
        _name("device_id"),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("encoding", sa.Text, nullable=True),
        sa.Column("stored_size", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=True),
        sa.Column("object_key", sa.LargeBinary, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_pictures"),
        sa.UniqueConstraint("collection", "device_id", "taken_at", name="uq_pictures_device_time"),
        sa.CheckConstraint("num_nonnulls(data, object_key) = 1", name="ck_pictures_bytes_in_one_place"),
    )
    op.create_index("ix_pictures_collection_taken_at", "pictures", ["collection", "taken_at", "id"])
    # What zstd could make smaller is compressed already: PostgreSQL need not try.
    op.execute("ALTER TABLE pictures ALTER COLUMN data SET STORAGE EXTERNAL")
    op.create_table(
        "devices",
        _name("collection"),
        _name("device_id"),
        sa.Column("pictures", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("stored_bytes", sa.BigInteger, nullable=False),
        sa.Column("first_taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("collection", "device_id", name="pk_devices"),
    )
    # Written at every upload: room for the next version in the same page spares the index (HOT), vacuum follows soon.
    op.execute("ALTER TABLE devices SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02)")
    op.create_table(
        "retention_rules",
        _name("collection"),
        _name("device_id"),
        sa.Column("max_age_seconds", sa.BigInteger, nullable=True),
        sa.Column("max_bytes", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("collection", "device_id", name="pk_retention_rules"),
    )


def downgrade() -> None:
    op.drop_table("retention_rules")
    op.drop_table("devices")
    op.drop_table("pictures")
