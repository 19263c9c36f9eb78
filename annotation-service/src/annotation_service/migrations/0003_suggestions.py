"""Suggestions of models, and which labels inference-service is to be told.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
# In the transaction that settles an image, so that no ground truth is missed: an outbox for the labels that
# inference-service is to be told.
_ON_DONE = (
    """
    CREATE FUNCTION suggestions_label() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      UPDATE suggestions SET label_id = NEW.ground_truth_id WHERE image_id = NEW.id;
      RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER images_done AFTER UPDATE OF state, ground_truth_id ON images FOR EACH ROW
      WHEN (
        NEW.state = 304 AND NEW.ground_truth_id IS NOT NULL
        AND (OLD.state, OLD.ground_truth_id) IS DISTINCT FROM (NEW.state, NEW.ground_truth_id)
      )
      EXECUTE FUNCTION suggestions_label()
    """,
)


def upgrade() -> None:
    op.create_table(
        "suggestions",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("image_id", sa.BigInteger, nullable=False),
        sa.Column("model_name", sa.Text, nullable=False),
        sa.Column("model_version", sa.Integer, nullable=False),
        sa.Column("picture_sha256", sa.LargeBinary, nullable=False),
        sa.Column("scores", postgresql.JSONB, nullable=False),
        sa.Column("thresholds", postgresql.JSONB, nullable=False),
        sa.Column("prediction_id", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.BigInteger, nullable=False),
        sa.Column("created_at", _TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("label_id", sa.BigInteger),
        sa.Column("told_label_id", sa.BigInteger),
        sa.Column("written_back_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="pk_suggestions"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_suggestions_image_id_images", ondelete="CASCADE"),
        sa.UniqueConstraint("image_id", "model_name", "model_version", name="uq_suggestions_image_model"),
    )
    op.create_index("ix_suggestions_model", "suggestions", ["model_name", "model_version", "image_id"])
    untold = sa.text("label_id IS NOT NULL AND label_id IS DISTINCT FROM told_label_id")
    op.create_index("ix_suggestions_untold", "suggestions", ["id"], postgresql_where=untold)
    for statement in _ON_DONE:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TRIGGER images_done ON images")
    op.execute("DROP FUNCTION suggestions_label")
    op.drop_table("suggestions")
