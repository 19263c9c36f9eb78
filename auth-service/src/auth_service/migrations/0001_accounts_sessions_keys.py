"""Accounts, sessions and signing keys.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from auth_service.orm import XID8

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_NOW = sa.func.now()


def upgrade() -> None:
    """Make the tables. Ids of accounts start at 3: 1 is `anonymous`, 2 the first administrator."""
    op.create_table(
        "accounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(start=3), nullable=False),
        sa.Column("username", sa.String(150), nullable=False),
        sa.Column("username_key", sa.String(150), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("password_changed_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("authority", sa.SmallInteger(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("created_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("modified_at", _TIME, server_default=_NOW, nullable=False),
        sa.CheckConstraint("authority BETWEEN 100 AND 103", name=op.f("ck_accounts_authority_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("username_key", name=op.f("uq_accounts_username_key")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("revoked_at", _TIME, nullable=True),
        sa.Column("revoked_xid", XID8(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_sessions_account_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_account_id"), "sessions", ["account_id"])
    op.create_index(
        "ix_sessions_revoked_xid", "sessions", ["revoked_xid"], postgresql_where=sa.text("revoked_xid IS NOT NULL")
    )
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("private_key", sa.Text(), nullable=False),
        sa.Column("public_jwk", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("signs_from", _TIME, nullable=False),
        sa.Column("retires_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_signing_keys")),
    )


def downgrade() -> None:
    """Drop the tables, and with them every account."""
    op.drop_table("signing_keys")
    op.drop_table("sessions")
    op.drop_table("accounts")
