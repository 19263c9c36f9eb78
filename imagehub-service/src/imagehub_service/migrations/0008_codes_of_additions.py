"""The codes of why pictures could not be added.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("addition_items", sa.Column("error_code", sa.Text, nullable=True))
    op.add_column("addition_items", sa.Column("error_parameters", JSONB, nullable=True))


def downgrade() -> None:
    op.drop_column("addition_items", "error_parameters")
    op.drop_column("addition_items", "error_code")
