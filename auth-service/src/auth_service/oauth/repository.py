"""The queries on refresh tokens."""

from datetime import datetime

from sqlalchemy import select

from auth_service.accounts.models import Account
from auth_service.oauth.models import RefreshToken
from auth_service.sessions.models import LoginSession
from lightbox_shared.database import ReadSession, WriteSession


async def insert(session: WriteSession, row: RefreshToken) -> RefreshToken:
    """Add a token; it has its id afterwards."""
    session.add(row)
    await session.flush()
    return row


async def set_successor(
    session: WriteSession, row: RefreshToken, successor: RefreshToken, *, used_at: datetime, sealed: bytes
) -> None:
    """Store that a token was used, and its successor, which was added before."""
    row.used_at, row.successor_id, row.sealed_successor = used_at, successor.id, sealed
    await session.flush()


async def lock_family(session: WriteSession, token_hash: bytes, client_id: str) -> LoginSession | None:
    """The login session that a token belongs to, locked until the transaction ends; None if it has ended, or is that of
    another client.

    Every change of a family happens under this lock, so its tokens are read after it.
    """
    family = select(RefreshToken.session_id).where(RefreshToken.token_hash == token_hash).scalar_subquery()
    statement = select(LoginSession).where(
        LoginSession.id == family, LoginSession.client_id == client_id, LoginSession.revoked_at.is_(None)
    )
    return (await session.execute(statement.with_for_update(key_share=True))).scalar_one_or_none()


async def find(session: WriteSession, token_hash: bytes) -> tuple[RefreshToken, Account] | None:
    """The token with this hash, and its account."""
    statement = (
        select(RefreshToken, Account)
        .join(LoginSession, LoginSession.id == RefreshToken.session_id)
        .join(Account, Account.id == LoginSession.account_id)
        .where(RefreshToken.token_hash == token_hash)
    )
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else (row[0], row[1])


async def is_unused(session: WriteSession, token_id: int | None) -> bool:
    """Whether there is a token with this id that has not been used."""
    statement = select(RefreshToken.id).where(RefreshToken.id == token_id, RefreshToken.used_at.is_(None))
    return await session.scalar(statement) is not None


async def find_session(session: ReadSession | WriteSession, token_hash: bytes) -> LoginSession | None:
    """The login session that a token belongs to, also one that has ended."""
    statement = select(LoginSession).join(RefreshToken, RefreshToken.session_id == LoginSession.id)
    return (await session.execute(statement.where(RefreshToken.token_hash == token_hash))).scalar()


async def find_live(session: ReadSession, token_hash: bytes) -> tuple[RefreshToken, LoginSession, Account] | None:
    """The token with this hash, its login session and its account, if the token was not used and the session has not
    been revoked. Both may have expired."""
    statement = (
        select(RefreshToken, LoginSession, Account)
        .join(LoginSession, LoginSession.id == RefreshToken.session_id)
        .join(Account, Account.id == LoginSession.account_id)
        .where(
            RefreshToken.token_hash == token_hash,
            RefreshToken.used_at.is_(None),
            LoginSession.revoked_at.is_(None),
        )
    )
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else (row[0], row[1], row[2])
