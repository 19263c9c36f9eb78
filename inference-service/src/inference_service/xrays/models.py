"""The table of X-rays."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from inference_service.orm import Base
from inference_service.predictions.models import Prediction
from lightbox_shared.database.orm import PrimaryKey


class XRay(Base):
    """An uploaded picture with its prediction."""

    __tablename__ = "xrays"
    __table_args__ = (
        Index("ix_xrays_account_id_id", "account_id", "id"),
        Index("ix_xrays_picture_sha256", "picture_sha256"),
        Index("ix_xrays_prediction_id", "prediction_id"),
        Index("ix_xrays_anonymous_posted_at", "posted_at", postgresql_where=text("account_id = 1")),
    )

    id: Mapped[PrimaryKey]
    account_id: Mapped[int] = mapped_column(BigInteger)
    """The owner, an account of auth-service; 1 is the anonymous account."""
    posted_at: Mapped[datetime] = mapped_column(server_default=func.now())
    title: Mapped[str] = mapped_column(Text, server_default="")
    """Not written any more: the title is the prediction's. Processes of the version before that may still run beside
    this one, and write it here alone."""
    picture_sha256: Mapped[bytes] = mapped_column(LargeBinary, ForeignKey("blobs.sha256"))
    media_type: Mapped[str] = mapped_column(Text)
    open_key: Mapped[str | None] = mapped_column(Text)
    """The random part of the link to an anonymous picture; NULL for a user's picture, whose links are signed."""
    findings: Mapped[dict[str, float]] = mapped_column(JSONB)
    """The five probabilities by the names of CheXRay, which may differ from the labels of the model."""
    prediction_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("predictions.id"))
    anonymous_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """What is counted for an anonymous one among all that strangers store; NULL for an account's, whose prediction may
    count."""

    prediction: Mapped[Prediction] = relationship(lazy="raise")
