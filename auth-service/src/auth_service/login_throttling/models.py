"""The tables of login throttling."""

from datetime import datetime

from sqlalchemy import BigInteger, Double, ForeignKey, LargeBinary, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.accounts.models import Account
from auth_service.orm import Base


class Guess(Base):
    """A leaky bucket of failed sign-ins. The table is unlogged: counting costs no disk write, and a crash of the
    database forgets the failures."""

    __tablename__ = "guesses"
    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012 - SQLAlchemy's way

    bucket: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """SHA-256 of what is counted: an account's name, an address, or both."""
    failures: Mapped[float] = mapped_column(Double)
    """As of `changed_at`; since then some have leaked away."""
    changed_at: Mapped[datetime] = mapped_column(index=True)


class FamiliarAddress(Base):
    """An address (of IPv6, a /64) from which an account has signed in before."""

    __tablename__ = "familiar_addresses"

    account_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey(Account.id, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    address: Mapped[str] = mapped_column(Text, primary_key=True)
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
