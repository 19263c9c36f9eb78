"""The tables of accounts."""

from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, SmallInteger, String, Text, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.accounts.usernames import MAX_USERNAME_LENGTH
from auth_service.orm import Base

FIRST_ADMIN_ID: Final = 2
FIRST_FREE_ID: Final = 3


class Account(Base):
    """A person, or a program that signs in with a name and a password."""

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("authority BETWEEN 100 AND 104", name="authority_known"),
        Index("ix_accounts_authority_id", "authority", "id"),
        Index("ix_accounts_skeletons", "skeletons", postgresql_using="gin"),
    )

    # Not `PrimaryKey`, which is GENERATED ALWAYS: the first two accounts are inserted with the ids that they must have.
    id: Mapped[int] = mapped_column(BigInteger, Identity(start=FIRST_FREE_ID), primary_key=True)
    username: Mapped[str] = mapped_column(String(MAX_USERNAME_LENGTH))
    """The name as it is shown; see `usernames.clean_username`."""
    username_key: Mapped[str] = mapped_column(String(MAX_USERNAME_LENGTH), unique=True)
    """What two spellings of one name have in common; see `usernames.username_key`."""
    skeletons: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    """What the name looks like; see `usernames.username_skeletons`."""
    password_hash: Mapped[str | None] = mapped_column(Text)
    """None for an account that can't be signed in to with a password."""
    password_changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """When the password was changed last; replacing its hash by one of a newer kind is no change. A sign-in that
    verified an older password is refused."""
    authority: Mapped[int] = mapped_column(SmallInteger)
    nickname: Mapped[str | None] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)
    photo: Mapped[str | None] = mapped_column(Text)
    """A picture of the person: a path of this platform, an address, or a file's name."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    modified_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AccountTotal(Base):
    """How many accounts have an authority, and when one of them was changed last. Maintained by triggers (migration
    0002)."""

    __tablename__ = "account_totals"

    authority: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    total: Mapped[int] = mapped_column(BigInteger)
    modified_at: Mapped[datetime] = mapped_column(server_default=func.now())
