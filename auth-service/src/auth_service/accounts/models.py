"""The table of accounts."""

from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Identity, SmallInteger, String, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.accounts.names import MAX_USERNAME_LENGTH
from auth_service.orm import Base

FIRST_ADMIN_ID: Final = 2
FIRST_FREE_ID: Final = 3


class Account(Base):
    """A person, or a program that logs in like one."""

    __tablename__ = "accounts"
    __table_args__ = (CheckConstraint("authority BETWEEN 100 AND 103", name="authority_known"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(start=FIRST_FREE_ID), primary_key=True)
    username: Mapped[str] = mapped_column(String(MAX_USERNAME_LENGTH))
    """As it was typed."""
    username_key: Mapped[str] = mapped_column(String(MAX_USERNAME_LENGTH), unique=True)
    """What makes two names the same; see `names.username_key`."""
    password_hash: Mapped[str | None] = mapped_column(Text)
    password_changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """When the password, not merely its hash, changed: a login that checked an older one is void."""
    authority: Mapped[int] = mapped_column(SmallInteger)
    email: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    modified_at: Mapped[datetime] = mapped_column(server_default=func.now())
