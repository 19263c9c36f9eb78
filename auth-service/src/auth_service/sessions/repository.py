"""All SQL about sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Text, and_, cast, delete, func, literal, or_, select, update

from auth_service.accounts.models import Account
from auth_service.orm import XID8
from auth_service.sessions.models import LoginSession
from lightbox_shared.auth.tokens import LEEWAY_SECONDS
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.pagination import PageRequest

# Verifiers accept a token a little longer than it lives; a revoked one stays in the feed for as long, and a bit more.
_STILL_ACCEPTED: Final = timedelta(seconds=LEEWAY_SECONDS + 50)


@dataclass(frozen=True, slots=True)
class Revocations:
    """Revoked sessions, as (id, end of its tokens), and the cursor to ask for the next ones with."""

    cursor: int
    revoked: list[tuple[int, datetime]]


async def insert(session: WriteSession, row: LoginSession) -> LoginSession:
    """Add a session; it has its id then."""
    session.add(row)
    await session.flush()
    return row


async def find_live(session: ReadSession | WriteSession, account_id: int, session_id: int | None) -> Account | None:
    """The account of a session that has neither ended nor expired, as the account is now."""
    statement = select(Account).join(LoginSession, LoginSession.account_id == Account.id)
    live = (LoginSession.id == session_id, LoginSession.revoked_at.is_(None), LoginSession.expires_at > func.now())
    return (await session.execute(statement.where(Account.id == account_id, *live))).scalar_one_or_none()


async def page_of_account(
    session: ReadSession, account_id: int, page: PageRequest, *, but_of_client: str
) -> Sequence[LoginSession]:
    """The live sessions of an account, the newest first, one more than the page has; without those of a client."""
    live = (LoginSession.revoked_at.is_(None), LoginSession.expires_at > func.now())
    which = (LoginSession.account_id == account_id, LoginSession.client_id != but_of_client, *live)
    statement = select(LoginSession).where(*which).order_by(LoginSession.id.desc()).limit(page.limit + 1)
    if page.after is not None:
        statement = statement.where(LoginSession.id < page.after)
    return (await session.execute(statement)).scalars().all()


async def revoke(session: WriteSession, account_id: int, session_id: int, *, but_of_client: str | None = None) -> int:
    """Revoke one session of an account, if it is neither revoked yet nor of a kind of client; returns how many."""
    which = [LoginSession.account_id == account_id, LoginSession.id == session_id]
    if but_of_client is not None:
        which.append(LoginSession.client_id != but_of_client)
    return await _revoke(session, *which)


async def revoke_all(session: WriteSession, account_id: int, *, but_of_client: str | None = None) -> int:
    """Revoke all sessions of an account, except those of one kind of client; returns how many they were."""
    which = [LoginSession.account_id == account_id, LoginSession.expires_at > func.now() - _STILL_ACCEPTED]
    if but_of_client is not None:
        which.append(LoginSession.client_id != but_of_client)
    return await _revoke(session, *which)


async def _revoke(session: WriteSession, *which: ColumnElement[bool]) -> int:
    # No token of it lives longer than this; a session that could go on for months leaves the feed as soon.
    last_token = func.now() + func.make_interval(0, 0, 0, 0, 0, 0, LoginSession.token_seconds) + _STILL_ACCEPTED
    values = {
        "revoked_at": func.now(),
        "revoked_xid": func.pg_current_xact_id(),
        "expires_at": func.least(LoginSession.expires_at, last_token),
    }
    statement = update(LoginSession).where(*which, LoginSession.revoked_at.is_(None)).values(values)
    return len((await session.execute(statement.returning(LoginSession.id))).all())


async def revocations(session: ReadSession, after: int | None) -> Revocations:
    """The revoked sessions whose tokens have not expired, all of them or those since the cursor `after`.

    Transactions don't commit in the order in which they begin, so neither a time nor a counter can say "since": a
    revocation that began earlier and commits later would be missed. Instead each revoked row carries the id of the
    transaction that revoked it, and the cursor is the `xmin` of the snapshot that the rows are read in: every
    transaction below it has ended, so what it revoked is in this answer or an earlier one; every one that is still
    under way has that id or a higher one, so `revoked_xid >= cursor` finds it next time. Rows near the cursor may come
    twice; none is missed. Cursor and rows are of one snapshot because they are of one statement.

    A cursor from the future is of another database (one that was restored into a new server, which counts from the
    start): then everything is answered.
    """
    snapshot = select(func.pg_snapshot_xmin(func.pg_current_snapshot(), type_=XID8).label("cursor")).subquery()
    conditions: list[ColumnElement[bool]] = [
        LoginSession.revoked_xid.is_not(None),
        LoginSession.expires_at > func.now() - _STILL_ACCEPTED,
    ]
    if after is not None:
        given = cast(cast(literal(str(after)), Text), XID8)
        conditions.append(or_(LoginSession.revoked_xid >= given, given > snapshot.c.cursor))
    statement = (
        select(cast(snapshot.c.cursor, Text).label("cursor"), LoginSession.id, LoginSession.expires_at)
        .select_from(snapshot)
        .outerjoin(LoginSession, and_(*conditions))
    )
    rows = (await session.execute(statement)).all()
    # Of an outer join: without any revocation there is one row, with the cursor alone.
    return Revocations(int(rows[0].cursor), [(row.id, row.expires_at) for row in rows if row.id is not None])


async def delete_expired(session: WriteSession, age: timedelta, most: int) -> int:
    """Delete up to `most` sessions that expired so long ago, with their refresh tokens and API keys; how many it
    were."""
    row = LoginSession
    old = select(row.id).where(row.expires_at < func.now() - age).order_by(row.expires_at).limit(most)
    chosen = old.with_for_update(skip_locked=True)
    return len((await session.execute(delete(row).where(row.id.in_(chosen)).returning(row.id))).all())
