"""The table of accounts."""

from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, SmallInteger, String, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.accounts.names import MAX_USERNAME_LENGTH
from auth_service.orm import Base

FIRST_ADMIN_ID: Final = 2
FIRST_FREE_ID: Final = 3


class Account(Base):
    """A person, or a program that logs in like one."""

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("authority BETWEEN 100 AND 103", name="authority_known"),
        Index("ix_accounts_authority_id", "authority", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(start=FIRST_FREE_ID), primary_key=True)
    username: Mapped[str] = mapped_column(String(MAX_USERNAME_LENGTH))
    """As it was typed."""
    username_key: Mapped[str] = mapped_column(String(MAX_USERNAME_LENGTH), unique=True)
    """What makes two names the same; see `names.username_key`."""
    password_hash: Mapped[str | None] = mapped_column(Text)
    password_changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """When the password, not merely its hash, changed: a login that checked an older one is void."""
    authority: Mapped[int] = mapped_column(SmallInteger)
    nickname: Mapped[str | None] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)
    photo: Mapped[str | None] = mapped_column(Text)
    """Where a picture of the person is: a path of this platform, or an address."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    modified_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AccountTotal(Base):
    """How many accounts have an authority, and when one of them last changed. Triggers keep it (migration 0002)."""

    __tablename__ = "account_totals"

    authority: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    total: Mapped[int] = mapped_column(BigInteger)
    modified_at: Mapped[datetime] = mapped_column(server_default=func.now())
