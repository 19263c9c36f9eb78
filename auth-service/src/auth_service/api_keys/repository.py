"""The queries on API keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select

from auth_service.accounts.models import Account
from auth_service.api_keys.models import ApiKey
from auth_service.sessions.models import LoginSession
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.responses.pagination import PageRequest


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key, and the login session that it is."""

    row: ApiKey
    login: LoginSession


def _live() -> Select[ApiKey, LoginSession]:
    return (
        select(ApiKey, LoginSession)
        .join(LoginSession, LoginSession.id == ApiKey.session_id)
        .where(LoginSession.revoked_at.is_(None), LoginSession.expires_at > func.now())
    )


async def insert(session: WriteSession, row: ApiKey) -> None:
    """Add a key whose login session was added before."""
    session.add(row)
    await session.flush()


async def count_live(session: WriteSession, account_id: int) -> int:
    """The number of keys of an account that work."""
    statement = _live().where(ApiKey.account_id == account_id).with_only_columns(func.count())
    return (await session.execute(statement)).scalar_one()


async def find_live(session: ReadSession | WriteSession, key_id: int) -> StoredKey | None:
    """The key with an id, if it works."""
    found = (await session.execute(_live().where(ApiKey.session_id == key_id))).one_or_none()
    return None if found is None else StoredKey(found[0], found[1])


async def live(
    session: ReadSession | WriteSession, account_id: int | None, page: PageRequest | None
) -> Sequence[StoredKey]:
    """The keys that work, of one account or of all, newest first: all of them, or those of a page and one more if there
    is a next page."""
    statement = _live().order_by(ApiKey.session_id.desc())
    if account_id is not None:
        statement = statement.where(ApiKey.account_id == account_id)
    if page is not None:
        statement = statement.limit(page.limit + 1)
        if page.after is not None:
            statement = statement.where(ApiKey.session_id < page.after)
    return [StoredKey(row, login) for row, login in await session.execute(statement)]


async def find_by_hash(session: ReadSession, key_hash: bytes) -> tuple[StoredKey, Account] | None:
    """The key with this digest and its account, if the key works."""
    statement = _live().join(Account, Account.id == ApiKey.account_id).where(ApiKey.key_hash == key_hash)
    found = (await session.execute(statement.add_columns(Account))).one_or_none()
    if found is None:
        return None
    row, login, account = found
    return StoredKey(row, login), account


async def lock(session: WriteSession, key_id: int) -> ApiKey | None:
    """The key as it is now, locked until the end of the transaction."""
    return await session.get(ApiKey, key_id, with_for_update=True)


async def set_last_use(session: WriteSession, row: ApiKey, at: datetime, address: str | None) -> None:
    """Store when and from where a locked key was used."""
    row.last_used_at, row.last_used_address = at, address
    await session.flush()
