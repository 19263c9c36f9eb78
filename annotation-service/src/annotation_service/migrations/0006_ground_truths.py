"""An index by which a label is found to be a ground truth: without it, deleting a label reads all images.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    known = sa.text("ground_truth_id IS NOT NULL")
    op.create_index("ix_images_ground_truth_id", "images", ["ground_truth_id"], postgresql_where=known)


def downgrade() -> None:
    op.drop_index("ix_images_ground_truth_id", "images")
