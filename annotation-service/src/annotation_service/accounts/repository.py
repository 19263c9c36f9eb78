"""The queries on the accounts that are known here."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import case, func, select, update
from sqlalchemy.dialects.postgresql import insert

from annotation_service.accounts.models import READERS, Account, AccountFeed
from annotation_service.clients.accounts import ChangedAccount
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import ReadSession, WriteSession

FEED_ID: Final = 1
SHOWN_NAME: Final = func.coalesce(func.nullif(Account.nickname, ""), Account.username)
"""The name of an account as lists and exports show it: the nickname, or else the username."""


async def find(session: ReadSession | WriteSession, account_id: int) -> Account | None:
    """One account."""
    return await session.get(Account, account_id)


async def readers(
    session: ReadSession | WriteSession, account_ids: Sequence[int] | None = None
) -> dict[int, Authority]:
    """The accounts that can have jobs, of these or of all, with their authorities, by their ids."""
    statement = select(Account.id, Account.authority).where(Account.authority.in_(READERS), Account.deleted.is_(False))
    if account_ids is not None:
        statement = statement.where(Account.id.in_(account_ids))
    return {row.id: Authority(row.authority) for row in (await session.execute(statement.order_by(Account.id))).all()}


async def cursor(session: ReadSession) -> str | None:
    """The cursor behind the last change that was stored; None before the first one."""
    return (await session.execute(select(AccountFeed.cursor).where(AccountFeed.id == FEED_ID))).scalar_one()


async def store(session: WriteSession, changed: Sequence[ChangedAccount], *, behind: str | None, cursor: str) -> None:
    """Store the changes that follow the cursor `behind`, and the cursor behind them.

    If another replica has stored changes in between, nothing is stored: an older copy must not replace a newer one.
    """
    feed = update(AccountFeed).where(AccountFeed.id == FEED_ID, AccountFeed.cursor.is_not_distinct_from(behind))
    moved = await session.execute(feed.values(cursor=cursor).returning(AccountFeed.id))
    if moved.one_or_none() is None or not changed:
        return
    statement = insert(Account).values([each.model_dump() for each in changed])
    new = statement.excluded
    columns = {
        # The name of a deleted account is not told any more; here it stays, since labels have it.
        **{each: case((new.deleted, getattr(Account, each)), else_=new[each]) for each in ("username", "nickname")},
        "authority": new.authority,
        "deleted": new.deleted,
    }
    await session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=columns))
