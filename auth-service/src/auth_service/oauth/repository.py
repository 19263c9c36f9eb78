"""All SQL about refresh tokens."""

from sqlalchemy import select

from auth_service.accounts.models import Account
from auth_service.oauth.models import RefreshToken
from auth_service.sessions.models import LoginSession
from lightbox_shared.database import ReadSession, WriteSession


async def insert(session: WriteSession, row: RefreshToken) -> RefreshToken:
    """Add a token; it has its id then."""
    session.add(row)
    await session.flush()
    return row


async def lock_family(session: WriteSession, token_hash: bytes, client_id: str) -> LoginSession | None:
    """The session that a token of a client belongs to, locked until the transaction ends. None for one that has ended,
    and for another client's.

    All that happens to a family happens under this lock, so what else is to be known of it is read after.
    """
    family = select(RefreshToken.session_id).where(RefreshToken.token_hash == token_hash).scalar_subquery()
    statement = select(LoginSession).where(
        LoginSession.id == family, LoginSession.client_id == client_id, LoginSession.revoked_at.is_(None)
    )
    return (await session.execute(statement.with_for_update(key_share=True))).scalar_one_or_none()


async def find(session: WriteSession, token_hash: bytes) -> tuple[RefreshToken, Account] | None:
    """A token and its account."""
    statement = (
        select(RefreshToken, Account)
        .join(LoginSession, LoginSession.id == RefreshToken.session_id)
        .join(Account, Account.id == LoginSession.account_id)
        .where(RefreshToken.token_hash == token_hash)
    )
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else (row[0], row[1])


async def is_unused(session: WriteSession, token_id: int | None) -> bool:
    """Whether a token is there and has not been used."""
    statement = select(RefreshToken.id).where(RefreshToken.id == token_id, RefreshToken.used_at.is_(None))
    return await session.scalar(statement) is not None


async def find_session(session: ReadSession | WriteSession, token_hash: bytes) -> LoginSession | None:
    """The session that a token belongs to, ended or not."""
    statement = select(LoginSession).join(RefreshToken, RefreshToken.session_id == LoginSession.id)
    return (await session.execute(statement.where(RefreshToken.token_hash == token_hash))).scalar()


async def find_live(session: ReadSession, token_hash: bytes) -> tuple[RefreshToken, LoginSession, Account] | None:
    """A token that was not used, of a session that has not ended, of an account that exists; it may be expired."""
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
