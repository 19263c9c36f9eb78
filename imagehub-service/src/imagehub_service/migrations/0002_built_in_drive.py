"""The built-in drive with its upload sessions, and references to blobs, so that none is deleted that is in use.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_NOW = sa.func.now()


def upgrade() -> None:
    op.create_table(
        "drive_items",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "parent_id",
            sa.Text,
            sa.ForeignKey("drive_items.id", ondelete="CASCADE", name="fk_drive_items_parent_id_drive_items"),
        ),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("sha256", sa.LargeBinary, sa.ForeignKey("blobs.sha256", name="fk_drive_items_sha256_blobs")),
        sa.Column("size", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("modified_at", _TIME, nullable=False, server_default=_NOW),
        sa.CheckConstraint("(parent_id IS NULL) = (sha256 IS NULL)", name=op.f("ck_drive_items_two_levels")),
    )
    op.create_index(
        "uq_drive_items_parent_name_key",
        "drive_items",
        ["parent_id", "name_key"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_index("ix_drive_items_sha256", "drive_items", ["sha256"], postgresql_where=sa.text("sha256 IS NOT NULL"))
    op.create_table(
        "upload_sessions",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("token_sha256", sa.LargeBinary, nullable=False),
        sa.Column(
            "folder_id",
            sa.Text,
            sa.ForeignKey("drive_items.id", ondelete="CASCADE", name="fk_upload_sessions_folder_id_drive_items"),
            nullable=False,
        ),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("total", sa.BigInteger),
        sa.Column("received", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.UniqueConstraint("token_sha256", name="uq_upload_sessions_token_sha256"),
    )
    op.create_index("ix_upload_sessions_folder_id", "upload_sessions", ["folder_id"])
    op.create_index("ix_upload_sessions_expires_at", "upload_sessions", ["expires_at"])
    op.create_table(
        "upload_pieces",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column(
            "session_id",
            sa.BigInteger,
            sa.ForeignKey("upload_sessions.id", ondelete="CASCADE", name="fk_upload_pieces_session_id_upload_sessions"),
            nullable=False,
        ),
        sa.Column("request_id", sa.Uuid, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("received_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("accepted_at", _TIME),
    )
    op.create_index(
        "uq_upload_pieces_session_start",
        "upload_pieces",
        ["session_id", "start"],
        unique=True,
        postgresql_where=sa.text("accepted_at IS NOT NULL"),
    )
    op.create_index("ix_upload_pieces_request_id", "upload_pieces", ["request_id"])
    op.create_index("ix_upload_pieces_session_id", "upload_pieces", ["session_id"])
    op.create_index(
        "ix_upload_pieces_received_at",
        "upload_pieces",
        ["received_at"],
        postgresql_where=sa.text("accepted_at IS NULL"),
    )
    op.execute("ALTER TABLE upload_pieces ALTER COLUMN data SET STORAGE EXTERNAL")  # pictures are compressed already
    op.create_foreign_key("fk_pictures_sha256_blobs", "pictures", "blobs", ["sha256"], ["sha256"])
    op.create_foreign_key("fk_pictures_preview_sha256_blobs", "pictures", "blobs", ["preview_sha256"], ["sha256"])
    op.create_index(
        "ix_pictures_preview_sha256",
        "pictures",
        ["preview_sha256"],
        postgresql_where=sa.text("preview_sha256 IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_pictures_preview_sha256", "pictures")
    op.drop_constraint("fk_pictures_preview_sha256_blobs", "pictures", type_="foreignkey")
    op.drop_constraint("fk_pictures_sha256_blobs", "pictures", type_="foreignkey")
    for table in ("upload_pieces", "upload_sessions", "drive_items"):
        op.drop_table(table)
