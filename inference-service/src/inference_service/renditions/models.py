"""The table of pictures that were made of others."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from inference_service.orm import Base


class Rendition(Base):
    """What was made of a picture by a recipe. It can be made again, and goes with the picture."""

    __tablename__ = "renditions"
    __table_args__ = (Index("ix_renditions_rendition_sha256", "rendition_sha256"),)

    picture_sha256: Mapped[bytes] = mapped_column(
        LargeBinary, ForeignKey("blobs.sha256", ondelete="CASCADE"), primary_key=True
    )
    """The picture. This is no reason to keep it."""
    recipe: Mapped[str] = mapped_column(Text, primary_key=True)
    """What was made, with the versions of all that the result depends on beside the picture."""
    rendition_sha256: Mapped[bytes] = mapped_column(LargeBinary, ForeignKey("blobs.sha256"))
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())
