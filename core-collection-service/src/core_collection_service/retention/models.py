"""The table of retention rules."""

from sqlalchemy import BigInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from core_collection_service.orm import Base


class RetentionRule(Base):
    """How long pictures are kept, and how many bytes of them, for one device or for all devices without a rule of their
    own. Without any rule pictures are kept for ever."""

    __tablename__ = "retention_rules"

    collection: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    device_id: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    """An empty text, which is never a device's id, for all devices without a rule of their own."""
    max_age_seconds: Mapped[int | None] = mapped_column(BigInteger)
    """Counted from when a picture was received, since a device's clock may be wrong."""
    max_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """Of each device, as it sent them; the newest pictures are kept."""
