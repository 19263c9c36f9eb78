"""All SQL about accounts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from auth_service.accounts.errors import UsernameTaken
from auth_service.accounts.models import Account, AccountTotal
from lightbox_shared.auth.principal import ANONYMOUS_ACCOUNT, Authority
from lightbox_shared.database import ReadSession, Statements, WriteSession

_BOOTSTRAP_LOCK: Final = 0x6175_7468_0000_0001
_AUTHORITIES_LOCK: Final = 0x6175_7468_0000_0003


@dataclass(frozen=True, slots=True)
class Totals:
    """How many accounts there are, and when one of them was last made, changed or deleted."""

    total: int
    modified_at: datetime


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


async def replace_hash(session: Statements, account_id: int, password_changed_at: datetime, password_hash: str) -> bool:
    """Store the same password in a newer kind of hash; False if it is another password by now.

    This comes before any weaker lock on the account: two that want to upgrade a shared lock would wait for each other.
    """
    same = (Account.id == account_id, Account.password_changed_at == password_changed_at)
    values = {"password_hash": password_hash, "modified_at": func.now()}
    updated = await session.execute(update(Account).where(*same).values(values).returning(Account.id))
    return updated.one_or_none() is not None


async def administrator_exists(session: WriteSession, first_admin_id: int) -> bool:
    """Whether there is an administrator, or was one made at the first start."""
    condition = or_(Account.id == first_admin_id, Account.authority == Authority.ADMIN)
    return bool(await session.scalar(select(select(Account.id).where(condition).exists())))


async def lock_bootstrap(session: WriteSession) -> None:
    """One replica at a time, until the end of the transaction."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _BOOTSTRAP_LOCK})


async def lock_authorities(session: WriteSession) -> None:
    """One change at a time of who may do what, until the end of the transaction. Take it before any row: whether
    somebody is the last administrator is no matter of a single row."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _AUTHORITIES_LOCK})


async def lock(session: WriteSession, account_id: int) -> Account | None:
    """The account as it is now, locked until the end of the transaction."""
    statement = select(Account).where(Account.id == account_id).with_for_update()
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()


async def other_administrator_exists(session: WriteSession, account_id: int) -> bool:
    """Whether there is an administrator beside this account."""
    condition = (Account.authority == Authority.ADMIN, Account.id != account_id)
    return bool(await session.scalar(select(select(Account.id).where(*condition).exists())))


async def change(session: WriteSession, account_id: int, values: Mapping[str, object]) -> Account:
    """Change a locked account; a new hash is that of a new password. Values have been checked but for what only the
    constraint knows: raises `UsernameTaken`. Once a transaction: its trigger locks totals, in an order that holds for
    one statement."""
    columns = {**values, "modified_at": func.now()}
    if "password_hash" in values:
        columns["password_changed_at"] = func.now()
    statement = update(Account).where(Account.id == account_id).values(columns)
    statement = statement.returning(Account).execution_options(populate_existing=True)
    try:
        return (await session.execute(statement)).scalar_one()
    except IntegrityError as error:
        raise UsernameTaken from error


async def remove(session: WriteSession, account_id: int) -> None:
    """Delete an account, and its API keys with it; its id is not given again."""
    await session.execute(delete(Account).where(Account.id == account_id))


async def listed(session: ReadSession, *, authority: Authority | None, offset: int, limit: int) -> Sequence[Account]:
    """Accounts in the order of their ids, without the reserved one."""
    statement = select(Account).where(Account.id > ANONYMOUS_ACCOUNT).order_by(Account.id)
    if authority is not None:
        statement = statement.where(Account.authority == authority)
    return (await session.execute(statement.offset(offset).limit(limit))).scalars().all()


async def listed_after(
    session: ReadSession, after: int, *, limit: int, authority: Authority | None = None
) -> Sequence[Account]:
    """The same by cursor: the accounts behind the id `after`."""
    statement = select(Account).where(Account.id > max(after, ANONYMOUS_ACCOUNT)).order_by(Account.id)
    if authority is not None:
        statement = statement.where(Account.authority == authority)
    return (await session.execute(statement.limit(limit))).scalars().all()


async def totals(session: ReadSession, authority: Authority | None) -> Totals:
    """Of all accounts, or of those with an authority; kept by the database, so it takes as long for a million."""
    of_all = (
        func.coalesce(func.sum(AccountTotal.total), 0),
        func.coalesce(func.max(AccountTotal.modified_at), func.now()),
    )
    statement = select(*of_all)
    if authority is not None:
        statement = statement.where(AccountTotal.authority == authority)
    total, modified_at = (await session.execute(statement)).one()
    return Totals(int(total), modified_at)
