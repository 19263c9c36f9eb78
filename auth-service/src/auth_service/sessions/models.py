"""The table of sessions."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.accounts.models import Account
from auth_service.orm import XID8, Base


class LoginSession(Base):
    """What a login opened: as long as it is neither revoked nor expired, its tokens are good."""

    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    account_id: Mapped[int] = mapped_column(BigInteger, ForeignKey(Account.id), index=True)
    client_id: Mapped[str] = mapped_column(Text)
    """Which kind of client logged in, such as `chexray`."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_xid: Mapped[int | None] = mapped_column(XID8)
    """The transaction that revoked it, by which the feed of revocations is ordered."""

    __table_args__ = (Index("ix_sessions_revoked_xid", revoked_xid, postgresql_where=revoked_xid.is_not(None)),)
