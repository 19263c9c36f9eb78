"""Reading the feed: which accounts changed since a place, and the place after them."""

from auth_service.account_feed import repository
from auth_service.account_feed.places import Place
from auth_service.account_feed.schemas import AccountFeed, ChangedAccount
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import ReadSession


async def changes(session: ReadSession, cursor: str | None, limit: int) -> AccountFeed:
    """The next page of at most `limit` accounts. Raises `InvalidRequest` for a text that is no cursor.

    The place of another database server (a backup was restored) is none of this one: the feed begins anew then.
    """
    place = Place() if cursor is None else Place.of(cursor)
    # Older than what the page sees, so what the page can't see yet is not taken for known.
    now = await repository.snapshot(session)
    if place.is_ahead_of(now):
        place = Place()
    next_known = place.next_known or now
    rows = await repository.changed(session, place, limit + 1)
    accounts = [
        ChangedAccount(
            id=row.account_id,
            username=row.username or "",
            nickname=row.nickname,
            authority=Authority.NONE if row.authority is None else row.authority,
            deleted=row.username is None,
        )
        for row in rows[:limit]
    ]
    more = len(rows) > limit
    if more:
        last = rows[limit - 1]
        following = Place(place.known, next_known, (int(last.xid), last.account_id))
    elif rows or place.next_known is not None:
        following = Place(next_known)
    else:
        following = place  # nothing is new, so the reader need not store another cursor
    return AccountFeed(accounts=accounts, next_cursor=following.cursor, more=more)
