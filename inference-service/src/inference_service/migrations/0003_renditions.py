"""Pictures that were made of others, and the pictures of predictions.

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
    op.create_table(
        "renditions",
        sa.Column("picture_sha256", sa.LargeBinary, nullable=False),
        sa.Column("recipe", sa.Text, nullable=False),
        sa.Column("rendition_sha256", sa.LargeBinary, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("picture_sha256", "recipe", name="pk_renditions"),
        sa.ForeignKeyConstraint(
            ["picture_sha256"], ["blobs.sha256"], name="fk_renditions_picture_sha256_blobs", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["rendition_sha256"], ["blobs.sha256"], name="fk_renditions_rendition_sha256_blobs"),
    )
    op.create_index("ix_renditions_rendition_sha256", "renditions", ["rendition_sha256"])
    op.add_column("predictions", sa.Column("picture_sha256", sa.LargeBinary, nullable=True))
    op.create_foreign_key("fk_predictions_picture_sha256_blobs", "predictions", "blobs", ["picture_sha256"], ["sha256"])
    op.create_index(
        "ix_predictions_picture_sha256",
        "predictions",
        ["picture_sha256"],
        postgresql_where=sa.text("picture_sha256 IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_predictions_picture_sha256", "predictions")
    op.drop_constraint("fk_predictions_picture_sha256_blobs", "predictions")
    op.drop_column("predictions", "picture_sha256")
    op.drop_table("renditions")
