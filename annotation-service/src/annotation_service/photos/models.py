"""The table of photos."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, LargeBinary, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from annotation_service.orm import Base


class Photo(Base):
    """A photo as it is shown: small, square, without metadata. A row is never changed."""

    __tablename__ = "photos"
    __table_args__ = (Index("ix_photos_account_id", "account_id", "created_at"),)

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    """The unguessable name in `/uploads/photos/{photo}`."""
    account_id: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str] = mapped_column(Text)
    data: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
