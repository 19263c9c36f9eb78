"""The table of sessions."""

from datetime import datetime

from sqlalchemy import BigInteger, Identity, Index, Integer, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.orm import XID8, Base


class LoginSession(Base):
    """What a login opened: as long as it is neither revoked nor expired, its tokens are good."""

    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    account_id: Mapped[int] = mapped_column(BigInteger, index=True)
    """Without a constraint: the sessions of a deleted account have to be refused until they expire."""
    client_id: Mapped[str] = mapped_column(Text)
    """Which kind of client logged in, such as `chexray`."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(index=True)
    token_seconds: Mapped[int] = mapped_column(Integer)
    """How long its longest access token lives."""
    scope: Mapped[str | None] = mapped_column(Text)
    """Space-separated (RFC 6749 section 3.3); None for all that the account may."""
    revoked_at: Mapped[datetime | None]
    revoked_xid: Mapped[int | None] = mapped_column(XID8)
    """The transaction that revoked it, by which the feed of revocations is ordered."""

    __table_args__ = (Index("ix_sessions_revoked_xid", revoked_xid, postgresql_where=revoked_xid.is_not(None)),)
