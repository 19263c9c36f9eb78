"""The table of API keys."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.accounts.models import Account
from auth_service.orm import Base
from auth_service.sessions.models import LoginSession


class ApiKey(Base):
    """An API key. It is a login session with a long life, which has the key's scope, expiry and end: so the gateway
    learns of a revoked key as of every other session that was revoked."""

    __tablename__ = "api_keys"

    session_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey(LoginSession.id, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    """Also the id of the key."""
    account_id: Mapped[int] = mapped_column(BigInteger, ForeignKey(Account.id, ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(Text)
    hint: Mapped[str] = mapped_column(Text)
    """The first characters of the key, by which its owner recognises it."""
    key_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """SHA-256. The key is random, so a slow hash is not needed."""
    device_id: Mapped[str | None] = mapped_column(Text)
    """The only device that the key may speak for, exactly as it was given; None for a key that is not bound."""
    last_used_at: Mapped[datetime | None]
    last_used_address: Mapped[str | None] = mapped_column(Text)
