"""The queries on accounts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from auth_service.accounts.errors import UsernameTaken
from auth_service.accounts.models import Account, AccountTotal
from auth_service.sessions.models import LoginSession
from lightbox_shared.auth.principal import ANONYMOUS_ACCOUNT, Authority
from lightbox_shared.database import ReadSession, Statements, WriteSession

LARGEST_ID: Final = 2**63 - 1

_BOOTSTRAP_LOCK: Final = 0x6175_7468_0000_0001
_AUTHORITIES_LOCK: Final = 0x6175_7468_0000_0003
_NAMES_LOCK: Final = 0x6175_7468_0000_0005
# The lock of all is shared, and each skeleton has one, by its hash; they are taken in one order.
_LOCK_SKELETONS: Final = text(
    """
    SELECT pg_advisory_xact_lock_shared(:all), count(pg_advisory_xact_lock(24949, hash))
      FROM (SELECT DISTINCT hashtext(each) AS hash FROM unnest(CAST(:skeletons AS text[])) AS each ORDER BY hash) AS own
    """
)


@dataclass(frozen=True, slots=True)
class Totals:
    """How many accounts there are, and when one of them was made, changed or deleted last."""

    total: int
    modified_at: datetime


async def find(session: ReadSession | WriteSession, account_id: int) -> Account | None:
    """The account with an id, the reserved account `anonymous` included."""
    return await session.get(Account, account_id)


async def find_person(session: ReadSession | WriteSession, account_id: int) -> Account | None:
    """The account with an id; None for the reserved account, and for a number that can't be an id."""
    return await find(session, account_id) if _is_of_a_person(account_id) else None


async def find_signed_in(
    session: ReadSession | WriteSession, account_id: int, session_id: int | None
) -> tuple[Account, LoginSession] | None:
    """The account of a login session and the login session itself, if that has neither ended nor expired."""
    login = LoginSession
    live = (login.id == session_id, login.revoked_at.is_(None), login.expires_at > func.now())
    statement = select(Account, login).join(login, login.account_id == Account.id)
    row = (await session.execute(statement.where(Account.id == account_id, *live))).one_or_none()
    return None if row is None else (row[0], row[1])


async def find_by_key(session: ReadSession | WriteSession, key: str) -> Account | None:
    """The account whose name has this key (`usernames.username_key`)."""
    return (await session.execute(select(Account).where(Account.username_key == key))).scalar_one_or_none()


async def lock_skeletons(session: WriteSession, skeletons: Sequence[str]) -> None:
    """Let no other transaction make or rename an account that looks like this, until the end of this one.

    Take it before the name is looked up: `looks_like_another` sees what was committed before it.
    """
    await session.execute(_LOCK_SKELETONS, {"all": _NAMES_LOCK, "skeletons": list(skeletons)})


async def lock_all_skeletons(session: WriteSession) -> None:
    """Let no other transaction make or rename an account, until the end of this one."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _NAMES_LOCK})


async def looks_like_another(
    session: ReadSession | WriteSession, key: str, skeletons: Sequence[str], *, except_id: int | None = None
) -> bool:
    """Whether an account has another name, by its key, and a skeleton of these. Two names in ASCII look different
    enough: everybody can type and read them."""
    other = [Account.username_key != key, Account.skeletons.overlap(list(skeletons))]
    if key.isascii():
        other.append(func.octet_length(Account.username_key) != func.char_length(Account.username_key))
    if except_id is not None:
        other.append(Account.id != except_id)
    return bool(await session.scalar(select(select(Account.id).where(*other).exists())))


async def insert_new(session: WriteSession, values: Mapping[str, object]) -> Account | None:
    """Insert an account; None if its name is taken, or its id where one is given.

    If another transaction that has not ended yet has inserted the same name, this waits until it has.
    """
    statement = insert(Account).values(values).on_conflict_do_nothing().returning(Account)
    return (await session.execute(statement)).scalar_one_or_none()


async def replace_hash(session: Statements, account_id: int, password_changed_at: datetime, password_hash: str) -> bool:
    """Store a hash of a newer kind for the same password; False if the password has been changed since.

    Call it before the transaction takes a weaker lock on the account: two transactions that both want to upgrade a
    shared lock wait for each other.
    """
    same = (Account.id == account_id, Account.password_changed_at == password_changed_at)
    values = {"password_hash": password_hash, "modified_at": func.now()}
    updated = await session.execute(update(Account).where(*same).values(values).returning(Account.id))
    return updated.one_or_none() is not None


async def administrator_exists(session: WriteSession, first_admin_id: int) -> bool:
    """Whether there is an administrator, or the account that the first start makes one."""
    condition = or_(Account.id == first_admin_id, Account.authority == Authority.ADMIN)
    return bool(await session.scalar(select(select(Account.id).where(condition).exists())))


async def lock_bootstrap(session: WriteSession) -> None:
    """Let one replica at a time make the first accounts, until the end of the transaction."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _BOOTSTRAP_LOCK})


async def lock_authorities(session: WriteSession) -> None:
    """Let one transaction at a time change authorities, until its end.

    Take this lock before that of any row: whether an account is the last administrator depends on other rows.
    """
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _AUTHORITIES_LOCK})


async def lock(session: WriteSession, account_id: int) -> Account | None:
    """The account as it is now, locked until the end of the transaction; None as for `find_person`."""
    if not _is_of_a_person(account_id):
        return None
    statement = select(Account).where(Account.id == account_id).with_for_update()
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()


async def other_administrator_exists(session: WriteSession, account_id: int) -> bool:
    """Whether another account is an administrator."""
    condition = (Account.authority == Authority.ADMIN, Account.id != account_id)
    return bool(await session.scalar(select(select(Account.id).where(*condition).exists())))


async def change(session: WriteSession, account_id: int, values: Mapping[str, object]) -> Account:
    """Change columns of a locked account. A `password_hash` among them is that of a new password. Raises
    `UsernameTaken`.

    Call it once in a transaction: a trigger locks rows of `account_totals`, in an order that is kept within one
    statement only.
    """
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
    """Delete an account and its API keys. Its id is not used again."""
    await session.execute(delete(Account).where(Account.id == account_id))


async def listed(session: ReadSession, *, authority: Authority | None, offset: int, limit: int) -> Sequence[Account]:
    """A part of the accounts in the order of their ids, without the reserved account."""
    statement = select(Account).where(Account.id > ANONYMOUS_ACCOUNT).order_by(Account.id)
    if authority is not None:
        statement = statement.where(Account.authority == authority)
    return (await session.execute(statement.offset(offset).limit(limit))).scalars().all()


async def listed_after(
    session: ReadSession, after: int, *, limit: int, authority: Authority | None = None
) -> Sequence[Account]:
    """The accounts whose ids are greater than `after`, in the order of their ids, without the reserved account."""
    statement = select(Account).where(Account.id > max(after, ANONYMOUS_ACCOUNT)).order_by(Account.id)
    if authority is not None:
        statement = statement.where(Account.authority == authority)
    return (await session.execute(statement.limit(limit))).scalars().all()


async def totals(session: ReadSession, authority: Authority | None) -> Totals:
    """The totals of all accounts, or of those with an authority. They are maintained by triggers, so this takes as long
    for a million accounts as for one."""
    of_all = (
        func.coalesce(func.sum(AccountTotal.total), 0),
        func.coalesce(func.max(AccountTotal.modified_at), func.now()),
    )
    statement = select(*of_all)
    if authority is not None:
        statement = statement.where(AccountTotal.authority == authority)
    total, modified_at = (await session.execute(statement)).one()
    return Totals(int(total), modified_at)


def _is_of_a_person(account_id: int) -> bool:
    return ANONYMOUS_ACCOUNT < account_id <= LARGEST_ID
