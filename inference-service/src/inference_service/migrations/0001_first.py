"""Blobs, predictions and X-rays.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "blobs",
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("sha256", name="pk_blobs"),
    )
    # Pictures are compressed already: PostgreSQL need not try.
    op.execute("ALTER TABLE blobs ALTER COLUMN data SET STORAGE EXTERNAL")
    op.create_table(
        "predictions",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("input_sha256", sa.LargeBinary, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("model_name", sa.Text, nullable=False),
        sa.Column("model_version", sa.BigInteger, nullable=False),
        sa.Column("model_sha256", sa.LargeBinary, nullable=False),
        sa.Column("preprocessing_version", sa.Text, nullable=False),
        sa.Column("thresholds", postgresql.JSONB, nullable=False),
        sa.Column("scores", postgresql.JSONB, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_predictions"),
    )
    op.create_index("ix_predictions_account_id_id", "predictions", ["account_id", "id"])
    op.create_table(
        "xrays",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("picture_sha256", sa.LargeBinary, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("open_key", sa.Text, nullable=True),
        sa.Column("findings", postgresql.JSONB, nullable=False),
        sa.Column("prediction_id", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_xrays"),
        sa.ForeignKeyConstraint(["picture_sha256"], ["blobs.sha256"], name="fk_xrays_picture_sha256_blobs"),
        sa.ForeignKeyConstraint(["prediction_id"], ["predictions.id"], name="fk_xrays_prediction_id_predictions"),
    )
    op.create_index("ix_xrays_account_id_id", "xrays", ["account_id", "id"])


def downgrade() -> None:
    op.drop_table("xrays")
    op.drop_table("predictions")
    op.drop_table("blobs")
