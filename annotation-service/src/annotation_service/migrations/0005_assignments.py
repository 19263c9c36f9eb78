"""Assignments, and what doctors leave behind when their jobs go to others.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "assignments",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("readers", sa.SmallInteger, nullable=False),
        sa.Column("doctors", postgresql.ARRAY(sa.BigInteger)),
        sa.Column("due_at", _TIME),
        sa.Column("shows_suggestions", sa.Boolean, nullable=False),
        sa.Column("order_seed", sa.BigInteger, nullable=False),
        sa.Column("images", sa.Integer, nullable=False),
        sa.Column("jobs", sa.Integer, nullable=False),
        sa.Column("created_by", sa.BigInteger, nullable=False),
        sa.Column("created_at", _TIME, nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("id", name="pk_assignments"),
    )
    op.create_table(
        "past_jobs",
        sa.Column("image_id", sa.BigInteger, nullable=False),
        sa.Column("account_id", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("draft", postgresql.JSONB),
        sa.Column("draft_saved_at", _TIME),
        sa.Column("lease_ended", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("image_id", "account_id", name="pk_past_jobs"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_past_jobs_image_id_images", ondelete="CASCADE"),
    )


def downgrade() -> None:
    op.drop_table("past_jobs")
    op.drop_table("assignments")
