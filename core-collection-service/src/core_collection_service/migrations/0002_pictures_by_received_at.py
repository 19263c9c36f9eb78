"""Pictures of a device by when they were received, for retention by age.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_pictures_device_received_at", "pictures", ["collection", "device_id", "received_at"])


def downgrade() -> None:
    op.drop_index("ix_pictures_device_received_at", "pictures")
