"""The table of changed accounts, which is maintained by triggers (migration 0005)."""

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.orm import XID8, Base


class AccountChange(Base):
    """When the username, nickname or authority of an account changed last, or when it was made or deleted.

    The row of a deleted account stays: that there is one without an account means that the account was deleted.
    """

    __tablename__ = "account_changes"

    account_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    xid: Mapped[int] = mapped_column(XID8)
    """The id of the transaction that changed it, which orders the feed."""

    __table_args__ = (Index("ix_account_changes_xid_account_id", "xid", "account_id"),)
