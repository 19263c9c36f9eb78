"""The table of login sessions."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.orm import XID8, Base
from lightbox_shared.database.orm import PrimaryKey


class LoginSession(Base):
    """What a sign-in opens. Its tokens are good until it expires or is revoked."""

    __tablename__ = "sessions"

    id: Mapped[PrimaryKey]
    account_id: Mapped[int] = mapped_column(BigInteger, index=True)
    """Not a foreign key: the sessions of a deleted account have to be refused until they expire."""
    client_id: Mapped[str] = mapped_column(Text)
    """The kind of client that signed in, such as `chexray`."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    signed_in_at: Mapped[datetime | None]
    """When the person was authenticated, if that was before the session was opened: in the session of a browser that
    has got the code."""
    expires_at: Mapped[datetime] = mapped_column(index=True)
    token_seconds: Mapped[int] = mapped_column(Integer)
    """The lifetime of its access tokens."""
    scope: Mapped[str | None] = mapped_column(Text)
    """Separated by blanks (RFC 6749 section 3.3); None for everything that the account may do."""
    revoked_at: Mapped[datetime | None]
    revoked_xid: Mapped[int | None] = mapped_column(XID8)
    """The id of the transaction that revoked it, which orders the feed of revocations."""

    @property
    def authenticated_at(self) -> datetime:
        """When the person was authenticated."""
        return self.signed_in_at or self.created_at

    __table_args__ = (Index("ix_sessions_revoked_xid", revoked_xid, postgresql_where=revoked_xid.is_not(None)),)
