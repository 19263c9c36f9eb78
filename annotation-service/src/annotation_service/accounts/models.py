"""The tables of the accounts that are known here, and how far their changes have been read."""

from typing import Final

from sqlalchemy import BigInteger, Index, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from annotation_service.orm import Base
from lightbox_shared.auth.principal import Authority

READERS: Final = (Authority.DOCTOR, Authority.EXPERT)
"""The authorities of accounts that can have jobs."""


class Account(Base):
    """A copy of an account of auth-service. The row of a deleted account stays, since labels refer to it."""

    __tablename__ = "accounts"
    __table_args__ = (Index("ix_accounts_authority", "authority", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    username: Mapped[str] = mapped_column(Text)
    nickname: Mapped[str | None] = mapped_column(Text)
    authority: Mapped[int] = mapped_column(SmallInteger)
    deleted: Mapped[bool]


class AccountFeed(Base):
    """The cursor behind the last change that was read; one row, with the id 1."""

    __tablename__ = "account_feed"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    cursor: Mapped[str | None] = mapped_column(Text)
