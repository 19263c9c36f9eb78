"""The queries on login sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Text, and_, cast, delete, func, literal, or_, select, update

from auth_service.orm import XID8
from auth_service.sessions.models import LoginSession
from lightbox_shared.auth.tokens import LEEWAY_SECONDS
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.responses.pagination import PageRequest

# Verifiers accept a token a little longer than it lives, so a revoked session stays in the feed for as long, and a bit
# more.
_STILL_ACCEPTED: Final = timedelta(seconds=LEEWAY_SECONDS + 50)


@dataclass(frozen=True, slots=True)
class Revocations:
    """Sessions that were revoked, and the cursor with which to ask for those that are revoked next."""

    cursor: int
    revoked: list[tuple[int, datetime]]
    """The id of each session, and when the last of its tokens expires."""


async def insert(session: WriteSession, row: LoginSession) -> LoginSession:
    """Add a session; it has its id afterwards."""
    session.add(row)
    await session.flush()
    return row


async def find(session: ReadSession | WriteSession, session_id: int) -> LoginSession | None:
    """The session with an id, also one that has ended."""
    return await session.get(LoginSession, session_id)


async def page_of_account(
    session: ReadSession, account_id: int, page: PageRequest, *, but_of_client: str
) -> Sequence[LoginSession]:
    """A page of an account's sessions that have neither ended nor expired, without those of one kind of client: newest
    first, and one more if there is a next page."""
    live = (LoginSession.revoked_at.is_(None), LoginSession.expires_at > func.now())
    which = (LoginSession.account_id == account_id, LoginSession.client_id != but_of_client, *live)
    statement = select(LoginSession).where(*which).order_by(LoginSession.id.desc()).limit(page.limit + 1)
    if page.after is not None:
        statement = statement.where(LoginSession.id < page.after)
    return (await session.execute(statement)).scalars().all()


async def revoke(session: WriteSession, account_id: int, session_id: int, *, but_of_client: str | None = None) -> int:
    """Revoke one session of an account, unless it is revoked already or of the kind of client `but_of_client`. Returns
    how many sessions were revoked."""
    which = [LoginSession.account_id == account_id, LoginSession.id == session_id]
    if but_of_client is not None:
        which.append(LoginSession.client_id != but_of_client)
    return await _revoke(session, *which)


async def revoke_all(session: WriteSession, account_id: int, *, but_of_client: str | None = None) -> int:
    """Revoke all sessions of an account, without those of the kind of client `but_of_client`. Returns how many sessions
    were revoked."""
    which = [LoginSession.account_id == account_id, LoginSession.expires_at > func.now() - _STILL_ACCEPTED]
    if but_of_client is not None:
        which.append(LoginSession.client_id != but_of_client)
    return await _revoke(session, *which)


async def revoke_of_client(session: WriteSession, client_id: str, *, account_id: int | None = None) -> int:
    """Revoke all sessions with a client, of one account or of all. Returns how many sessions were revoked."""
    which = [LoginSession.client_id == client_id, LoginSession.expires_at > func.now() - _STILL_ACCEPTED]
    if account_id is not None:
        which.append(LoginSession.account_id == account_id)
    return await _revoke(session, *which)


async def _revoke(session: WriteSession, *which: ColumnElement[bool]) -> int:
    # No token of the session lives longer than this, so a session that could last for months leaves the feed as soon.
    last_token = func.now() + func.make_interval(0, 0, 0, 0, 0, 0, LoginSession.token_seconds) + _STILL_ACCEPTED
    values = {
        "revoked_at": func.now(),
        "revoked_xid": func.pg_current_xact_id(),
        "expires_at": func.least(LoginSession.expires_at, last_token),
    }
    statement = update(LoginSession).where(*which, LoginSession.revoked_at.is_(None)).values(values)
    return len((await session.execute(statement.returning(LoginSession.id))).all())


async def revocations(session: ReadSession, after: int | None) -> Revocations:
    """The revoked sessions whose tokens have not expired: all of them, or those since the cursor `after`.

    Transactions do not commit in the order in which they begin, so neither a time nor a counter can tell what happened
    since: a revocation that begins earlier and commits later would be missed. Instead each revoked row has the id of
    the transaction that revoked it, and the cursor is the `xmin` of the snapshot in which the rows are read. Every
    transaction with a lower id has ended, so what it revoked is in this answer or an earlier one. Every transaction
    that has not ended has this id or a higher one, so `revoked_xid >= cursor` finds what it revokes next time. Rows
    near the cursor may come twice, and none is missed. Cursor and rows are of one snapshot because they are read by one
    statement.

    A cursor that is higher than that of the snapshot is from another database server (a backup was restored, and the
    new server counts from the start). Then all revoked sessions are returned.
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
    # The join is an outer one: without any revocation there is one row, with the cursor alone.
    return Revocations(int(rows[0].cursor), [(row.id, row.expires_at) for row in rows if row.id is not None])


async def delete_expired(session: WriteSession, age: timedelta, limit: int) -> int:
    """Delete up to `limit` sessions that expired longer ago than `age`, with their refresh tokens and API keys. Returns
    how many sessions it deleted."""
    row = LoginSession
    old = select(row.id).where(row.expires_at < func.now() - age).order_by(row.expires_at).limit(limit)
    chosen = old.with_for_update(skip_locked=True)
    return len((await session.execute(delete(row).where(row.id.in_(chosen)).returning(row.id))).all())
