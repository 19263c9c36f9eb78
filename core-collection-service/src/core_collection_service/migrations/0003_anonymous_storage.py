"""What clients without a credential have sent from now on is counted, and found by its age.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_INDEX = "ix_pictures_anonymous_received_at"


def upgrade() -> None:
    op.create_table(
        "anonymous_salts",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_anonymous_salts"),
    )
    op.create_table(
        "anonymous_uploads",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("client", sa.LargeBinary, nullable=False),
        sa.Column("pictures", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("day", "client", name="pk_anonymous_uploads"),
    )
    op.create_table(
        "anonymous_total",
        sa.Column("id", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("pictures", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_anonymous_total"),
    )
    op.create_table(
        "anonymous_reservations",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("client", sa.LargeBinary, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("id", name="pk_anonymous_reservations"),
    )
    # Written at every upload without an account.
    op.execute("ALTER TABLE anonymous_total SET (fillfactor = 10, autovacuum_vacuum_scale_factor = 0)")
    op.execute("INSERT INTO anonymous_total (id, pictures, bytes) VALUES (1, 0, 0)")
    # Who sent the pictures that are here already is not known: they count for nobody, and stay.
    op.add_column("pictures", sa.Column("anonymous_bytes", sa.BigInteger, nullable=True))
    counted = sa.text("anonymous_bytes IS NOT NULL")
    op.create_index(_INDEX, "pictures", ["collection", "device_id", "received_at"], postgresql_where=counted)


def downgrade() -> None:
    op.drop_index(_INDEX, "pictures")
    op.drop_column("pictures", "anonymous_bytes")
    for table in ("anonymous_reservations", "anonymous_total", "anonymous_uploads", "anonymous_salts"):
        op.drop_table(table)
