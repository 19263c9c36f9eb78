"""The table of refresh tokens."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.orm import Base
from auth_service.sessions.models import LoginSession
from lightbox_shared.database.orm import PrimaryKey


class RefreshToken(Base):
    """A refresh token. All refresh tokens of one login session are a family (RFC 9700 section 4.14.2)."""

    __tablename__ = "refresh_tokens"

    id: Mapped[PrimaryKey]
    session_id: Mapped[int] = mapped_column(BigInteger, ForeignKey(LoginSession.id, ondelete="CASCADE"), index=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """SHA-256."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    successor_id: Mapped[int | None] = mapped_column(BigInteger)
    sealed_successor: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The successor, encrypted with a key that is derived from this token. A client that sends this token again in time
    gets the same successor, and the database alone reveals neither of them."""
