"""API keys that are bound to a device.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The device that a key may speak for; keys without one are not bound."""
    op.add_column("api_keys", sa.Column("device_id", sa.Text(), nullable=True))


def downgrade() -> None:
    """Revoke the keys that are bound: without the column they could speak for every device."""
    # As `sessions.repository` revokes: the gateways hear of it, and forget it after the last token has ended.
    op.execute(
        """
        UPDATE sessions
           SET revoked_at = now(),
               revoked_xid = pg_current_xact_id(),
               expires_at = least(expires_at, now() + make_interval(secs => token_seconds + 60))
          FROM api_keys
         WHERE api_keys.session_id = sessions.id
           AND api_keys.device_id IS NOT NULL
           AND sessions.revoked_at IS NULL
        """
    )
    op.drop_column("api_keys", "device_id")
