"""The table of predictions. Rows are written once and never changed."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, LargeBinary, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from inference_service.orm import Base
from lightbox_shared.database.orm import PrimaryKey


class Prediction(Base):
    """Everything that is needed to make a prediction again and to see that it is the same."""

    __tablename__ = "predictions"
    __table_args__ = (Index("ix_predictions_account_id_id", "account_id", "id"),)

    id: Mapped[PrimaryKey]
    account_id: Mapped[int] = mapped_column(BigInteger)
    """Who asked; 1 is the anonymous account."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    input_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    media_type: Mapped[str] = mapped_column(Text)
    model_name: Mapped[str] = mapped_column(Text)
    model_version: Mapped[int] = mapped_column(BigInteger)
    model_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    preprocessing_version: Mapped[str] = mapped_column(Text)
    thresholds: Mapped[dict[str, float]] = mapped_column(JSONB)
    scores: Mapped[dict[str, float]] = mapped_column(JSONB)
    """By label. PostgreSQL keeps a number of JSONB exactly, so the score comes back bit for bit."""
