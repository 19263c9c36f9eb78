"""Blobs, groups, pictures and their small sizes, and the counters of the gallery.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_NOW = sa.func.now()


def upgrade() -> None:
    op.create_table(
        "blobs",
        sa.Column("sha256", sa.LargeBinary, primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=True),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
    )
    op.create_table(
        "groups",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Double, nullable=False),
        sa.Column("title", sa.Text),
        sa.Column("caption", sa.Text),
        sa.Column("cover_id", sa.BigInteger),
        sa.Column(
            "parent_id",
            sa.BigInteger,
            sa.ForeignKey("groups.id", ondelete="SET NULL", name="fk_groups_parent_id_groups"),
        ),
        sa.Column("next_image_id", sa.Integer, nullable=False, server_default="1"),
        sa.Column("picture_count", sa.Integer, nullable=False, server_default="0"),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("modified_at", _TIME, nullable=False, server_default=_NOW),
    )
    op.create_index("ix_groups_position", "groups", ["position", "id"], postgresql_where=sa.text("picture_count > 0"))
    op.create_index("ix_groups_parent_id", "groups", ["parent_id"], postgresql_where=sa.text("parent_id IS NOT NULL"))
    op.create_table(
        "pictures",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column(
            "group_id", sa.BigInteger, sa.ForeignKey("groups.id", name="fk_pictures_group_id_groups"), nullable=False
        ),
        sa.Column("image_id", sa.Integer, nullable=False),
        sa.Column("position", sa.Double, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("folder_name", sa.Text, nullable=False),
        sa.Column("title", sa.Text),
        sa.Column("caption", sa.Text),
        sa.Column("tags", postgresql.ARRAY(sa.Text), nullable=False, server_default="{}"),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("preview_sha256", sa.LargeBinary),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("thumbhash", sa.LargeBinary, nullable=False),
        sa.Column("difference_hash", sa.BigInteger, nullable=False),
        sa.Column("drive", sa.Text, nullable=False),
        sa.Column("drive_item_id", sa.Text, nullable=False),
        sa.Column("added_by", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("modified_at", _TIME, nullable=False, server_default=_NOW),
        sa.UniqueConstraint("group_id", "image_id", name="uq_pictures_group_image"),
    )
    op.create_index("ix_pictures_group_position", "pictures", ["group_id", "position", "id"])
    op.create_index("ix_pictures_sha256", "pictures", ["sha256"])
    op.create_index("ix_pictures_tags", "pictures", ["tags"], postgresql_using="gin")
    op.create_index("ix_pictures_created_at", "pictures", ["created_at"])
    op.create_table(
        "small_pictures",
        sa.Column(
            "picture_id",
            sa.BigInteger,
            sa.ForeignKey("pictures.id", ondelete="CASCADE", name="fk_small_pictures_picture_id_pictures"),
            primary_key=True,
        ),
        sa.Column("size", sa.Text, primary_key=True),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    for table in ("blobs", "small_pictures"):
        op.execute(f"ALTER TABLE {table} ALTER COLUMN data SET STORAGE EXTERNAL")  # pictures are compressed already
    revisions = op.create_table(
        "gallery_revisions",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("contents", sa.BigInteger, nullable=False),
        sa.Column("order", sa.BigInteger, nullable=False),
        sa.Column("next_group", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(revisions, [{"id": 1, "contents": 1, "order": 1, "next_group": 1}])


def downgrade() -> None:
    for table in ("gallery_revisions", "small_pictures", "pictures", "groups", "blobs"):
        op.drop_table(table)
