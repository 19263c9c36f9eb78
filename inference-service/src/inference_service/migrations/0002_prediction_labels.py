"""The ground truth of predictions, as other services tell it.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "prediction_labels",
        sa.Column("prediction_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("fields", postgresql.JSONB, nullable=False),
        sa.Column("scheme", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("source_id", sa.BigInteger, nullable=False),
        sa.Column("labelled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("prediction_id", name="pk_prediction_labels"),
        sa.ForeignKeyConstraint(
            ["prediction_id"], ["predictions.id"], name="fk_prediction_labels_prediction_id_predictions"
        ),
    )


def downgrade() -> None:
    op.drop_table("prediction_labels")
