"""Foreign keys and indexes of all columns that refer to blobs, so that a blob without a reference can be deleted.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_REFERENCES = (("pictures", "sha256"), ("pictures", "preview_sha256"), ("green_channels", "channel_sha256"))


def upgrade() -> None:
    for table, column in _REFERENCES:
        op.create_foreign_key(f"fk_{table}_{column}_blobs", table, "blobs", [column], ["sha256"])
    op.create_foreign_key(
        "fk_green_channels_sha256_blobs", "green_channels", "blobs", ["sha256"], ["sha256"], ondelete="CASCADE"
    )
    for table, column in _REFERENCES[1:]:
        known = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"ix_{table}_{column}", table, [column], postgresql_where=known)


def downgrade() -> None:
    for table, column in _REFERENCES[1:]:
        op.drop_index(f"ix_{table}_{column}", table)
    op.drop_constraint("fk_green_channels_sha256_blobs", "green_channels")
    for table, column in _REFERENCES:
        op.drop_constraint(f"fk_{table}_{column}_blobs", table)
