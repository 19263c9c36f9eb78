"""OneDrive: connections of administrators, consents that are under way, and copies of the lists of folders.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_NOW = sa.func.now()


def upgrade() -> None:
    op.create_table(
        "onedrive_connections",
        sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("tokens", sa.Text),
        sa.Column("generation", sa.Integer, nullable=False, server_default="0"),
        sa.Column("refresh_at", _TIME),
        sa.Column("leased_until", _TIME),
        sa.Column("blocked_until", _TIME),
    )
    op.create_table(
        "onedrive_consents",
        sa.Column("state_sha256", sa.LargeBinary, primary_key=True),
        sa.Column("account_id", sa.BigInteger, nullable=False),
        sa.Column("secrets", sa.Text, nullable=False),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
    )
    op.create_index("ix_onedrive_consents_account_id", "onedrive_consents", ["account_id", "created_at"])
    op.create_table(
        "onedrive_copies",
        sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("version", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("link", sa.Text),
        sa.Column("enumeration", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("is_enumerating", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("root_id", sa.Text),
        sa.Column("used_bytes", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("total_bytes", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("as_of", _TIME),
    )
    op.create_table(
        "onedrive_items",
        sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("parent_id", sa.Text),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("is_folder", sa.Boolean, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("modified_at", _TIME, nullable=False),
        sa.Column("enumeration", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_onedrive_items_parent_id", "onedrive_items", ["account_id", "parent_id"])


def downgrade() -> None:
    for table in ("onedrive_items", "onedrive_copies", "onedrive_consents", "onedrive_connections"):
        op.drop_table(table)
