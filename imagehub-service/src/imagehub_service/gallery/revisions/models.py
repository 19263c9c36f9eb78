"""The table with the counters of the gallery, which has one row."""

from sqlalchemy import BigInteger, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from imagehub_service.orm import Base


class Revision(Base):
    """The counters of the gallery."""

    __tablename__ = "gallery_revisions"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    """Always 1."""
    contents: Mapped[int] = mapped_column(BigInteger)
    """Counts all changes that visitors can see."""
    order: Mapped[int] = mapped_column(BigInteger)
    """Counts the changes of which groups are shown, and in which order."""
    next_group: Mapped[int] = mapped_column(BigInteger)
    """The number of the next group."""
