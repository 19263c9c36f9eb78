"""The tables of OneDrive: what an administrator has allowed, and what their drive has in it."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Index, Integer, LargeBinary, Text, false, func
from sqlalchemy.orm import Mapped, mapped_column

from imagehub_service.orm import Base


class Connection(Base):
    """The tokens of an administrator, and when Graph may be called with them."""

    __tablename__ = "onedrive_connections"

    account_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    tokens: Mapped[str | None] = mapped_column(Text)
    """Encrypted; None once Microsoft has refused the refresh token."""
    generation: Mapped[int] = mapped_column(Integer, server_default="0")
    """Counts the changes of `tokens`."""
    refresh_at: Mapped[datetime | None]
    """A little before the access token expires."""
    leased_until: Mapped[datetime | None]
    """Until then one process of the service refreshes the tokens, and the others wait for it."""
    blocked_until: Mapped[datetime | None]
    """When Graph has asked not to be called for this user before."""


class Consent(Base):
    """A consent for which an administrator was sent to Microsoft's page."""

    __tablename__ = "onedrive_consents"
    __table_args__ = (Index("ix_onedrive_consents_account_id", "account_id", "created_at"),)

    state_sha256: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    account_id: Mapped[int] = mapped_column(BigInteger)
    secrets: Mapped[str] = mapped_column(Text)
    """`state` and the code verifier of PKCE, encrypted."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Copy(Base):
    """How far the copy of an administrator's drive has come."""

    __tablename__ = "onedrive_copies"

    account_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Counts the changes, so that two processes do not store the same page."""
    link: Mapped[str | None] = mapped_column(Text)
    """Where Graph goes on: the next page, or the changes since the last one."""
    enumeration: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Counts how often all items were read."""
    is_enumerating: Mapped[bool] = mapped_column(Boolean, server_default=false())
    """Whether pages of an enumeration of all items are still to come."""
    root_id: Mapped[str | None] = mapped_column(Text)
    used_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    total_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    as_of: Mapped[datetime | None]
    """When the copy was equal to the drive; None if it never was."""


class CopiedItem(Base):
    """A file or folder of the drive."""

    __tablename__ = "onedrive_items"
    __table_args__ = (Index("ix_onedrive_items_parent_id", "account_id", "parent_id"),)

    account_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    parent_id: Mapped[str | None] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger)
    """Bytes, of a folder with all below it."""
    is_folder: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime]
    modified_at: Mapped[datetime]
    enumeration: Mapped[int] = mapped_column(BigInteger)
    """The last one in which the item was seen."""
