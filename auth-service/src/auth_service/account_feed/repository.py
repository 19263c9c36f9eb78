"""The queries of the feed."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, text

from auth_service.account_feed.places import Place, Snapshot
from lightbox_shared.database import ReadSession, WriteSession

_CHANGED: Final = text("""
SELECT CAST(changed.xid AS text) AS xid, changed.account_id, account.username, account.nickname, account.authority
  FROM account_changes AS changed LEFT JOIN accounts AS account ON account.id = changed.account_id
 WHERE (changed.xid, changed.account_id) > (CAST(CAST(:xid AS text) AS xid8), CAST(:account_id AS bigint))
   AND NOT pg_visible_in_snapshot(changed.xid, CAST(CAST(:known AS text) AS pg_snapshot))
 ORDER BY changed.xid, changed.account_id
 LIMIT :limit
""")
_CLAIM: Final = text("UPDATE account_changes SET xid = pg_current_xact_id() WHERE xid > pg_current_xact_id()")


async def snapshot(session: ReadSession) -> Snapshot:
    """Which transactions have ended at this moment."""
    found = await session.scalar(text("SELECT CAST(pg_current_snapshot() AS text)"))
    return Snapshot.parse(str(found))


async def changed(session: ReadSession, place: Place, limit: int) -> Sequence[Row[Any]]:
    """The accounts after a place that were changed by transactions which `place.known` does not have, at most
    `limit`, in the order of the transactions: xid, account_id, and what is shown of the account as it is now. A
    deleted account has no username."""
    xid, account_id = place.after
    values = {"xid": str(xid), "account_id": account_id, "known": place.known.text, "limit": limit}
    return (await session.execute(_CHANGED, values)).all()


async def claim_changes_of_another_server(session: WriteSession) -> None:
    """Let changes whose transactions have not begun here yet count as changes of this transaction.

    They are from another database server, of which a backup was restored here: this server counts transactions from
    the start, and would repeat them for as long as it has not got so far.
    """
    await session.execute(_CLAIM)
