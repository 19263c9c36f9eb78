"""The authority 104, expert.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let accounts have the authority."""
    op.drop_constraint(op.f("ck_accounts_authority_known"), "accounts")
    op.create_check_constraint(op.f("ck_accounts_authority_known"), "accounts", "authority BETWEEN 100 AND 104")


def downgrade() -> None:
    """Experts become doctors."""
    op.execute("UPDATE accounts SET authority = 102 WHERE authority = 104")
    op.drop_constraint(op.f("ck_accounts_authority_known"), "accounts")
    op.create_check_constraint(op.f("ck_accounts_authority_known"), "accounts", "authority BETWEEN 100 AND 103")
