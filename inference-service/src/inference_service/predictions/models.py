"""The tables of predictions, whose rows are inserted and deleted and not changed but for a title that has to go and
for what is counted, and of the labels that belong to them."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from inference_service.orm import Base
from lightbox_shared.database.orm import PrimaryKey


class Prediction(Base):
    """The record of a prediction, with everything that is necessary to repeat it and to compare the result."""

    __tablename__ = "predictions"
    __table_args__ = (
        Index("ix_predictions_account_id_id", "account_id", "id"),
        Index("ix_predictions_account_id_model_name_id", "account_id", "model_name", "id"),
        Index("ix_predictions_anonymous_created_at", "created_at", postgresql_where=text("account_id = 1")),
        Index("ix_predictions_counted", "account_id", postgresql_where=text("anonymous_bytes IS NOT NULL")),
        Index("ix_predictions_picture_sha256", "picture_sha256", postgresql_where=text("picture_sha256 IS NOT NULL")),
    )

    id: Mapped[PrimaryKey]
    account_id: Mapped[int] = mapped_column(BigInteger)
    """The account that requested the prediction; 1 is the anonymous account."""
    title: Mapped[str] = mapped_column(Text, server_default="")
    """What whoever uploaded the picture calls it; may be empty."""
    folded_title: Mapped[str] = mapped_column(Text, server_default="", deferred=True)
    """What is searched: `folded_title(title)` of the database, written with the title. No generated column, since
    adding one writes every row anew."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    input_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    picture_sha256: Mapped[bytes | None] = mapped_column(LargeBinary, ForeignKey("blobs.sha256"))
    """The picture, if it is kept for its account; those of anonymous X-rays and of other services are kept there."""
    media_type: Mapped[str] = mapped_column(Text)
    model_name: Mapped[str] = mapped_column(Text)
    model_version: Mapped[int] = mapped_column(BigInteger)
    model_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    preprocessing_version: Mapped[str] = mapped_column(Text)
    thresholds: Mapped[dict[str, float]] = mapped_column(JSONB)
    scores: Mapped[dict[str, float]] = mapped_column(JSONB)
    """The scores by label. Numbers in JSONB are exact, so they are read back bit for bit as they were written."""
    anonymous_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """What is counted for it among all that strangers store; NULL for that of an anonymous X-ray, which counts itself,
    and of an approved account."""


class PredictionLabel(Base):
    """What people have found out about the picture of a prediction: its ground truth, which another service tells."""

    __tablename__ = "prediction_labels"

    prediction_id: Mapped[int] = mapped_column(ForeignKey(Prediction.id), primary_key=True, autoincrement=False)
    fields: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The values of the label by field."""
    scheme: Mapped[str] = mapped_column(Text)
    """The scheme of the label, as name/version."""
    source: Mapped[str] = mapped_column(Text)
    """The service that told it."""
    source_id: Mapped[int] = mapped_column(BigInteger)
    """The id of the label in that service."""
    labelled_at: Mapped[datetime]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
