"""The tables of upload sessions and of the bytes that they have received."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from imagehub_service.drives.built_in.models import DriveItem
from imagehub_service.orm import Base
from lightbox_shared.database.orm import PrimaryKey


class UploadSession(Base):
    """A file that is on its way. The row is deleted when the file is there."""

    __tablename__ = "upload_sessions"

    id: Mapped[PrimaryKey]
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """The digest of the token in the address. The token itself is not stored."""
    folder_id: Mapped[str] = mapped_column(ForeignKey(DriveItem.id, ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(Text)
    """The name of the file to be."""
    total: Mapped[int | None] = mapped_column(BigInteger)
    """Bytes of the whole file, as the first chunk says it; None before."""
    reserved: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Bytes for which there is room in the drive: the size of the file, from when it is first announced on."""
    received: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Bytes that are there, from the beginning of the file on."""
    expires_at: Mapped[datetime] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class UploadPiece(Base):
    """A part of a chunk, some megabytes long, so that no chunk has to be in memory as a whole."""

    __tablename__ = "upload_pieces"
    __table_args__ = (
        Index(
            "uq_upload_pieces_session_start",
            "session_id",
            "start",
            unique=True,
            postgresql_where=text("accepted_at IS NOT NULL"),
        ),
        Index("ix_upload_pieces_request_id", "request_id"),
        Index("ix_upload_pieces_session_id", "session_id"),
        Index("ix_upload_pieces_received_at", "received_at", postgresql_where=text("accepted_at IS NULL")),
    )

    id: Mapped[PrimaryKey]
    session_id: Mapped[int] = mapped_column(ForeignKey(UploadSession.id, ondelete="CASCADE"))
    request_id: Mapped[UUID]
    """Made anew for each request, so that two that send the same chunk are kept apart."""
    start: Mapped[int] = mapped_column(BigInteger)
    """The position of its first byte in the file."""
    data: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    accepted_at: Mapped[datetime | None]
    """When its chunk was complete. Until then the piece does not count."""
