"""Exports and their files.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "exports",
        sa.Column("id", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="queued"),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("filters", postgresql.JSONB, nullable=False),
        sa.Column("created_by", sa.BigInteger, nullable=False),
        sa.Column("created_at", _TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("attempt", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("interruptions", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("heartbeat_at", _TIME),
        sa.Column("rows", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("size", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("sha256", sa.LargeBinary),
        sa.Column("finished_at", _TIME),
        sa.Column("expires_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="pk_exports"),
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name="ck_exports_state_known"),
    )
    op.create_index(
        "ix_exports_unfinished", "exports", ["id"], postgresql_where=sa.text("state IN ('queued', 'running')")
    )
    op.create_index("ix_exports_expires_at", "exports", ["expires_at"])
    op.create_table(
        "export_chunks",
        sa.Column("export_id", sa.BigInteger, nullable=False),
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("export_id", "number", name="pk_export_chunks"),
        sa.ForeignKeyConstraint(
            ["export_id"], ["exports.id"], name="fk_export_chunks_export_id_exports", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("export_chunks")
    op.drop_table("exports")
