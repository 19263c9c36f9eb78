"""What names look like (UTS 39), so that no new one looks like another.

Revision ID: 0007
Revises: 0006
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

from auth_service.accounts.usernames import username_skeletons

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_BATCH: Final = 10_000
_ACCOUNTS: Final = sa.table("accounts", sa.column("id", sa.BigInteger), sa.column("username", sa.Text))
_STORE: Final = sa.text("UPDATE accounts SET skeletons = CAST(:skeletons AS text[]) WHERE id = :id")


def upgrade() -> None:
    """Add the skeletons of the names that there are. Accounts that look alike already stay as they are."""
    op.add_column("accounts", sa.Column("skeletons", sa.ARRAY(sa.Text()), server_default="{}", nullable=False))
    connection, last = op.get_bind(), 0
    while True:
        wanted = sa.select(_ACCOUNTS).where(_ACCOUNTS.c.id > last).order_by(_ACCOUNTS.c.id).limit(_BATCH)
        rows = connection.execute(wanted).all()
        if not rows:
            break
        connection.execute(_STORE, [{"id": row.id, "skeletons": username_skeletons(row.username)} for row in rows])
        last = rows[-1].id
    op.create_index("ix_accounts_skeletons", "accounts", ["skeletons"], postgresql_using="gin")


def downgrade() -> None:
    """Forget what names look like."""
    op.drop_index("ix_accounts_skeletons", "accounts")
    op.drop_column("accounts", "skeletons")
