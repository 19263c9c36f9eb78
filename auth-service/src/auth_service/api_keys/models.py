"""The table of API keys."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.accounts.models import Account
from auth_service.orm import Base
from auth_service.sessions.models import LoginSession


class ApiKey(Base):
    """A key. It is a session with a long life: that has its scope, its expiry and its end, so that the gateway learns
    of a revocation in the one way in which it learns of all."""

    __tablename__ = "api_keys"

    session_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey(LoginSession.id, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    """The key's id as well."""
    account_id: Mapped[int] = mapped_column(BigInteger, ForeignKey(Account.id, ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(Text)
    hint: Mapped[str] = mapped_column(Text)
    """The first characters, by which its owner recognises it."""
    key_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """SHA-256; the key is random, so nothing slower is needed."""
    device_id: Mapped[str | None] = mapped_column(Text)
    """The one device that it may speak for, exactly as it was given; None: not bound to any."""
    last_used_at: Mapped[datetime | None]
    last_used_address: Mapped[str | None] = mapped_column(Text)
