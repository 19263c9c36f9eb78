"""The feed of changed accounts.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

from auth_service.orm import XID8

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# The row of an account is written while the account itself is locked, so no two transactions wait for each other here.
_CHANGES = (
    """
    CREATE FUNCTION account_changes_of_many() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO account_changes (account_id, xid)
        SELECT id, pg_current_xact_id() FROM changed WHERE id <> 1
        ON CONFLICT (account_id) DO UPDATE SET xid = excluded.xid;
      RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER account_changes_add AFTER INSERT ON accounts REFERENCING NEW TABLE AS changed
      FOR EACH STATEMENT EXECUTE FUNCTION account_changes_of_many()
    """,
    """
    CREATE TRIGGER account_changes_remove AFTER DELETE ON accounts REFERENCING OLD TABLE AS changed
      FOR EACH STATEMENT EXECUTE FUNCTION account_changes_of_many()
    """,
    """
    CREATE FUNCTION account_changes_of_one() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO account_changes (account_id, xid) VALUES (NEW.id, pg_current_xact_id())
        ON CONFLICT (account_id) DO UPDATE SET xid = excluded.xid;
      RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER account_changes_change AFTER UPDATE ON accounts FOR EACH ROW
      WHEN (NEW.id <> 1 AND (OLD.username, OLD.nickname, OLD.authority)
                            IS DISTINCT FROM (NEW.username, NEW.nickname, NEW.authority))
      EXECUTE FUNCTION account_changes_of_one()
    """,
    # Last, since the triggers keep other transactions from writing to the table of accounts.
    "INSERT INTO account_changes (account_id, xid) SELECT id, pg_current_xact_id() FROM accounts WHERE id <> 1",
)


def upgrade() -> None:
    """Make the table, with the accounts that there are. Those that were deleted before are not in it."""
    op.create_table(
        "account_changes",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("xid", XID8(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account_changes")),
    )
    op.create_index("ix_account_changes_xid_account_id", "account_changes", ["xid", "account_id"])
    for statement in _CHANGES:
        op.execute(statement)


def downgrade() -> None:
    """Drop the feed; its readers begin anew after the next upgrade."""
    for trigger in ("add", "remove", "change"):
        op.execute(f"DROP TRIGGER account_changes_{trigger} ON accounts")
    for function in ("many", "one"):
        op.execute(f"DROP FUNCTION account_changes_of_{function}()")
    op.drop_table("account_changes")
