"""Pictures that are being added to the gallery.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "additions",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="queued"),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("added", sa.Integer, nullable=False, server_default="0"),
        sa.Column("failed", sa.Integer, nullable=False, server_default="0"),
        sa.Column("created_by", sa.BigInteger, nullable=False),
        sa.Column("created_at", _TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
        sa.Column("interruptions", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("heartbeat_at", _TIME),
        sa.Column("finished_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="pk_additions"),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="ck_additions_state_known"
        ),
    )
    op.create_index(
        "ix_additions_unfinished", "additions", ["id"], postgresql_where=sa.text("state IN ('queued', 'running')")
    )
    op.create_index("ix_additions_finished_at", "additions", ["finished_at"])
    op.create_table(
        "addition_folders",
        sa.Column("addition_id", sa.BigInteger, nullable=False),
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("folder_id", sa.Text, nullable=False),
        sa.Column("folder_name", sa.Text, nullable=False),
        sa.Column("makes_group", sa.Boolean, nullable=False),
        sa.Column("group_id", sa.BigInteger),
        sa.Column("added", sa.Integer, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("addition_id", "number", name="pk_addition_folders"),
        sa.ForeignKeyConstraint(
            ["addition_id"], ["additions.id"], name="fk_addition_folders_addition_id_additions", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "addition_items",
        sa.Column("addition_id", sa.BigInteger, nullable=False),
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("folder_number", sa.Integer, nullable=False),
        sa.Column("file_id", sa.Text, nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="pending"),
        sa.Column("error", sa.Text),
        sa.Column("picture_id", sa.BigInteger),
        sa.PrimaryKeyConstraint("addition_id", "number", name="pk_addition_items"),
        sa.ForeignKeyConstraint(
            ["addition_id", "folder_number"],
            ["addition_folders.addition_id", "addition_folders.number"],
            name="fk_addition_items_addition_id_addition_folders",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("state IN ('pending', 'added', 'failed')", name="ck_addition_items_state_known"),
    )
    for state in ("pending", "failed"):
        op.create_index(
            f"ix_addition_items_{state}",
            "addition_items",
            ["addition_id", "number"],
            postgresql_where=sa.text(f"state = '{state}'"),
        )


def downgrade() -> None:
    for table in ("addition_items", "addition_folders", "additions"):
        op.drop_table(table)
