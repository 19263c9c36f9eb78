"""The tables of passkeys."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, ForeignKey, LargeBinary, Text, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.accounts.models import Account
from auth_service.orm import Base
from lightbox_shared.database.orm import PrimaryKey


class PasskeyUser(Base):
    """What authenticators know an account by: a random user handle, and not its name (WebAuthn section 14.6.1)."""

    __tablename__ = "passkey_users"

    account_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey(Account.id, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    user_handle: Mapped[bytes] = mapped_column(LargeBinary, unique=True)


class Passkey(Base):
    """A public key credential of an account."""

    __tablename__ = "passkeys"

    id: Mapped[PrimaryKey]
    account_id: Mapped[int] = mapped_column(BigInteger, ForeignKey(Account.id, ondelete="CASCADE"), index=True)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    """In COSE."""
    sign_count: Mapped[int] = mapped_column(BigInteger)
    """How often the authenticator has signed, as it said last; 0 from authenticators that do not count."""
    transports: Mapped[list[str]] = mapped_column(ARRAY(Text))
    backed_up: Mapped[bool] = mapped_column(Boolean)
    """Whether it is on more than one device."""
    name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_used_at: Mapped[datetime | None]


class PasskeyChallenge(Base):
    """A challenge that was given out, and not used."""

    __tablename__ = "passkey_challenges"

    challenge: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    account_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey(Account.id, ondelete="CASCADE"), index=True)
    """Of the account that registers a passkey; None for a sign-in."""
    expires_at: Mapped[datetime] = mapped_column(index=True)
