"""The tables of authorization codes and consents."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, Text, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.accounts.models import Account
from auth_service.oauth_clients.models import RegisteredClient
from auth_service.orm import Base
from lightbox_shared.database.orm import PrimaryKey


class AuthorizationCode(Base):
    """A code, and what it was asked for with. A used one is kept for a while, to notice that it comes again."""

    __tablename__ = "authorization_codes"

    id: Mapped[PrimaryKey]
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """SHA-256. The code is random, so a slow hash is not needed."""
    client_id: Mapped[str] = mapped_column(Text, ForeignKey(RegisteredClient.client_id, ondelete="CASCADE"), index=True)
    account_id: Mapped[int] = mapped_column(BigInteger)
    signed_in_session_id: Mapped[int] = mapped_column(BigInteger)
    """The session of the browser. If that ends before the code is used, the code is worth nothing."""
    signed_in_at: Mapped[datetime]
    redirect_uri: Mapped[str] = mapped_column(Text)
    scope: Mapped[str | None] = mapped_column(Text)
    code_challenge: Mapped[str] = mapped_column(Text)
    """Of the method S256 (RFC 7636)."""
    nonce: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    session_id: Mapped[int | None] = mapped_column(BigInteger)
    """The session that the code was exchanged for; None for a code that was not used."""


class Consent(Base):
    """What an account has allowed a client."""

    __tablename__ = "oauth_consents"
    __table_args__ = (UniqueConstraint("account_id", "client_id"),)

    id: Mapped[PrimaryKey]
    account_id: Mapped[int] = mapped_column(BigInteger, ForeignKey(Account.id, ondelete="CASCADE"))
    client_id: Mapped[str] = mapped_column(Text, ForeignKey(RegisteredClient.client_id, ondelete="CASCADE"), index=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    modified_at: Mapped[datetime] = mapped_column(server_default=func.now())
