"""What the anonymous account has stored is counted, and found by its age; every reference to a blob has an index.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ANONYMOUS = sa.text("account_id = 1")
# An upload counts as the bytes of its picture, and 1024 for its rows.
_COUNT_XRAYS = """
UPDATE xrays SET anonymous_bytes = blobs.size + 1024
  FROM blobs WHERE blobs.sha256 = xrays.picture_sha256 AND xrays.account_id = 1
"""
_COUNT_PREDICTIONS = """
UPDATE predictions SET anonymous_bytes = 1024
 WHERE account_id = 1 AND NOT EXISTS (SELECT FROM xrays WHERE xrays.prediction_id = predictions.id)
"""
_COUNT_ALL = """
INSERT INTO anonymous_total (id, pictures, bytes)
SELECT 1, count(*), coalesce(sum(anonymous_bytes), 0) FROM (
  SELECT anonymous_bytes FROM xrays WHERE anonymous_bytes IS NOT NULL
  UNION ALL SELECT anonymous_bytes FROM predictions WHERE anonymous_bytes IS NOT NULL
) AS counted
"""


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
    op.create_index("ix_xrays_picture_sha256", "xrays", ["picture_sha256"])
    op.create_index("ix_xrays_prediction_id", "xrays", ["prediction_id"])
    op.create_index("ix_xrays_anonymous_posted_at", "xrays", ["posted_at"], postgresql_where=_ANONYMOUS)
    op.create_index("ix_predictions_anonymous_created_at", "predictions", ["created_at"], postgresql_where=_ANONYMOUS)
    for table in ("xrays", "predictions"):
        op.add_column(table, sa.Column("anonymous_bytes", sa.BigInteger, nullable=True))
    for statement in (_COUNT_XRAYS, _COUNT_PREDICTIONS, _COUNT_ALL):
        op.execute(statement)


def downgrade() -> None:
    for table in ("predictions", "xrays"):
        op.drop_column(table, "anonymous_bytes")
    op.drop_index("ix_predictions_anonymous_created_at", "predictions")
    for index in ("ix_xrays_anonymous_posted_at", "ix_xrays_prediction_id", "ix_xrays_picture_sha256"):
        op.drop_index(index, "xrays")
    for table in ("anonymous_reservations", "anonymous_total", "anonymous_uploads", "anonymous_salts"):
        op.drop_table(table)
