"""The table of suggestions."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from annotation_service.orm import Base
from annotation_service.workflow.models import Image
from lightbox_shared.database.orm import PrimaryKey


class Suggestion(Base):
    """What one version of a model says about the picture of an image. What it says is never changed."""

    __tablename__ = "suggestions"
    __table_args__ = (
        UniqueConstraint("image_id", "model_name", "model_version", name="uq_suggestions_image_model"),
        Index("ix_suggestions_model", "model_name", "model_version", "image_id"),
        Index(
            "ix_suggestions_untold",
            "id",
            postgresql_where=text("label_id IS NOT NULL AND label_id IS DISTINCT FROM told_label_id"),
        ),
    )

    id: Mapped[PrimaryKey]
    image_id: Mapped[int] = mapped_column(ForeignKey(Image.id, ondelete="CASCADE"))
    model_name: Mapped[str] = mapped_column(Text)
    model_version: Mapped[int] = mapped_column(Integer)
    picture_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    scores: Mapped[dict[str, float]] = mapped_column(JSONB)
    """By finding, in [0, 1]."""
    thresholds: Mapped[dict[str, float]] = mapped_column(JSONB)
    """The operating point of each finding."""
    prediction_id: Mapped[int] = mapped_column(BigInteger)
    """The record of the prediction in inference-service."""
    created_by: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    label_id: Mapped[int | None] = mapped_column(BigInteger)
    """The ground truth of the image once it is done. A trigger on images sets it, in the transaction that settles the
    image, so that none is missed."""
    told_label_id: Mapped[int | None] = mapped_column(BigInteger)
    """The label that inference-service has beside the prediction."""
    written_back_at: Mapped[datetime | None]
    """When inference-service was told the label."""
