"""The tables of shared links."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Double, ForeignKey, Integer, LargeBinary, Text, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from imagehub_service.gallery.groups.models import Group
from imagehub_service.orm import Base
from lightbox_shared.database.orm import PrimaryKey


class Share(Base):
    """A link by which a group can be seen until it expires."""

    __tablename__ = "shares"
    __table_args__ = (UniqueConstraint("secret_sha256", name="uq_shares_secret_sha256"),)

    id: Mapped[PrimaryKey]
    group_id: Mapped[int] = mapped_column(ForeignKey(Group.id, ondelete="CASCADE"), index=True)
    with_subgroups: Mapped[bool] = mapped_column(Boolean)
    secret_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    """Of the secret part of the link, which itself is not stored."""
    password_hash: Mapped[str | None] = mapped_column(Text)
    key_version: Mapped[int] = mapped_column(Integer, server_default="1")
    """Keys of other versions are not valid: each change of the password makes a new one."""
    expires_at: Mapped[datetime]
    created_by: Mapped[int] = mapped_column(BigInteger)
    """The administrator's account."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ShareGuess(Base):
    """A leaky bucket of wrong passwords. The table is unlogged: counting costs no disk write, and a crash of the
    database forgets the failures."""

    __tablename__ = "share_guesses"
    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012 - SQLAlchemy's way

    bucket: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """SHA-256 of what is counted."""
    failures: Mapped[float] = mapped_column(Double)
    """As of `changed_at`; since then some have leaked away."""
    changed_at: Mapped[datetime] = mapped_column(index=True)
