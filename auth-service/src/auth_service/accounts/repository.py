"""All SQL about accounts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from auth_service.accounts.models import Account
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import ReadSession, WriteSession

_BOOTSTRAP_LOCK: Final = 0x6175_7468_0000_0001


async def find(session: ReadSession | WriteSession, account_id: int) -> Account | None:
    """An account by its id."""
    return await session.get(Account, account_id)


async def find_by_key(session: ReadSession | WriteSession, key: str) -> Account | None:
    """An account by the key of its name."""
    return (await session.execute(select(Account).where(Account.username_key == key))).scalar_one_or_none()


async def insert_new(session: WriteSession, values: Mapping[str, object]) -> Account | None:
    """Insert unless the name (or the id, where it is given) is taken; None if it is.

    Waits for a transaction under way that inserts the same name, and so leaves the decision to the constraint.
    """
    statement = insert(Account).values(values).on_conflict_do_nothing().returning(Account)
    return (await session.execute(statement)).scalar_one_or_none()


async def lock_unchanged(
    session: WriteSession, account_id: int, password_changed_at: datetime, *, to_update: bool
) -> Account | None:
    """The account as it is now, locked until the end of the transaction, if its password is still the same one.

    Logins share the lock; who is going to update takes the stronger one at once, since two that want to upgrade a
    shared lock would wait for each other.
    """
    statement = select(Account).where(Account.id == account_id, Account.password_changed_at == password_changed_at)
    statement = statement.with_for_update(key_share=True) if to_update else statement.with_for_update(read=True)
    return (await session.execute(statement)).scalar_one_or_none()


async def replace_hash(session: WriteSession, account_id: int, password_hash: str) -> None:
    """Store the same password in a newer kind of hash."""
    values = {"password_hash": password_hash, "modified_at": func.now()}
    await session.execute(update(Account).where(Account.id == account_id).values(values))


async def administrator_exists(session: WriteSession, first_admin_id: int) -> bool:
    """Whether there is an administrator, or was one made at the first start."""
    condition = or_(Account.id == first_admin_id, Account.authority == Authority.ADMIN)
    return bool(await session.scalar(select(select(Account.id).where(condition).exists())))


async def lock_bootstrap(session: WriteSession) -> None:
    """One replica at a time, until the end of the transaction."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _BOOTSTRAP_LOCK})
