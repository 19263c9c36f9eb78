"""Predictions that count among what strangers store are found by an index, whosever they are.

Processes of the version before go on while replicas are replaced one by one. They count the predictions of the
anonymous account alone, and every hour correct the total to that; those of this version correct it again.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    counted = sa.text("anonymous_bytes IS NOT NULL")
    op.create_index("ix_predictions_counted", "predictions", ["account_id"], postgresql_where=counted)


def downgrade() -> None:
    op.drop_index("ix_predictions_counted", "predictions")
