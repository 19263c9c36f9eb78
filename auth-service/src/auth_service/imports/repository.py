"""The queries of imports.

The rows of a file are collected in a temporary table, and become accounts by one statement: while a file is read, which
may take long, people can sign up without waiting for it.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    MetaData,
    SmallInteger,
    Table,
    Text,
    and_,
    delete,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.dialects.postgresql import insert as insert_or_not

from auth_service.accounts.models import Account
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import WriteSession

COLUMNS: Final = ("username", "username_key", "skeletons", "password_hash", "email", "authority")

_READ: Final = Table(
    "accounts_read",
    MetaData(),
    Column("line", BigInteger, primary_key=True, autoincrement=False),
    Column("username", Text),
    Column("username_key", Text),
    Column("skeletons", ARRAY(Text)),
    Column("password_hash", Text),
    Column("email", Text),
    Column("authority", SmallInteger),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)


async def begin(session: WriteSession) -> None:
    """Create the temporary table, which is dropped at the end of the transaction."""
    await (await session.connection()).run_sync(_READ.create)


async def collect(session: WriteSession, rows: Sequence[dict[str, object]]) -> None:
    """Add rows to the temporary table; each has `COLUMNS` and its `line`."""
    await session.execute(insert(_READ), rows)


async def drop_repeated(session: WriteSession) -> Sequence[int]:
    """Remove all but the first of several rows with the same name. Returns the lines of the removed ones."""
    nth = func.row_number().over(partition_by=_READ.c.username_key, order_by=_READ.c.line).label("nth")
    numbered = select(_READ.c.line, nth).subquery()
    repeated = select(numbered.c.line).where(numbered.c.nth > 1)
    statement = delete(_READ).where(_READ.c.line.in_(repeated)).returning(_READ.c.line)
    return (await session.execute(statement)).scalars().all()


# A name in ASCII has as many bytes as characters. Of the rows with one skeleton the first stays, and if it is in ASCII
# all others in ASCII.
_LOOKS: Final = """
      SELECT {columns}, octet_length(username_key) = char_length(username_key) AS is_ascii, skeleton
        FROM {table} CROSS JOIN unnest(skeletons) AS skeleton
"""
_DROP_ALIKE_AN_ACCOUNT: Final = text(
    f"""
    WITH looks AS ({_LOOKS.format(columns="line, username_key", table="accounts_read")}),
      known AS ({_LOOKS.format(columns="username_key", table="accounts")}),
      alike AS (
        SELECT looks.line FROM looks JOIN known USING (skeleton)
          WHERE known.username_key <> looks.username_key AND NOT (known.is_ascii AND looks.is_ascii)
      )
    DELETE FROM accounts_read WHERE line IN (SELECT line FROM alike) RETURNING line
    """  # noqa: S608 - of constants
)
_DROP_ALIKE_A_ROW: Final = text(
    f"""
    WITH looks AS ({_LOOKS.format(columns="line", table="accounts_read")}),
      ranked AS (
        SELECT line, is_ascii,
            first_value(line) OVER same AS first_line, first_value(is_ascii) OVER same AS first_is_ascii
          FROM looks WINDOW same AS (PARTITION BY skeleton ORDER BY line)
      ),
      alike AS (SELECT line FROM ranked WHERE first_line <> line AND NOT (first_is_ascii AND is_ascii))
    DELETE FROM accounts_read WHERE line IN (SELECT line FROM alike) RETURNING line
    """  # noqa: S608 - of constants
)


async def drop_look_alikes(session: WriteSession) -> Sequence[int]:
    """Remove the rows whose names look like that of an account, or of a row before them. Returns their lines. Call it
    after `drop_repeated`."""
    await session.execute(text("ANALYZE accounts_read"))
    of_accounts = (await session.execute(_DROP_ALIKE_AN_ACCOUNT)).scalars().all()
    return [*of_accounts, *(await session.execute(_DROP_ALIKE_A_ROW)).scalars().all()]


async def taken(session: WriteSession) -> tuple[int, Sequence[int]]:
    """The number of accounts that `insert_many` would make at this moment, and the lines whose names are taken."""
    joined = select(_READ.c.line, Account.id).outerjoin_from(
        _READ, Account, Account.username_key == _READ.c.username_key
    )
    rows = joined.subquery()
    lines = func.array_agg(rows.c.line).filter(rows.c.id.is_not(None))
    row = (await session.execute(select(func.count() - func.count(rows.c.id), lines).select_from(rows))).one()
    return row[0], row[1] or ()


class Inserted(NamedTuple):
    """The accounts that an import has made."""

    accounts: int
    first_id: int | None
    last_id: int | None
    """The lowest and the highest id; None if there is no account."""
    lines_taken: Sequence[int]
    """The lines whose names are taken, also by accounts that were made while the file was read."""
    administrators: Sequence[int]
    """The ids of those that are administrators, ascending."""


async def insert_many(session: WriteSession) -> Inserted:
    """Make the accounts."""
    source: Any = select(*(_READ.c[name] for name in COLUMNS)).order_by(_READ.c.line)
    statement = insert_or_not(Account).from_select(COLUMNS, source).on_conflict_do_nothing()
    added = statement.returning(Account.id, Account.username_key).cte("added")
    joined = select(_READ.c.line, _READ.c.authority, added.c.id)
    rows = joined.outerjoin_from(_READ, added, added.c.username_key == _READ.c.username_key).subquery()
    lines = func.array_agg(rows.c.line).filter(rows.c.id.is_(None))
    is_administrator = and_(rows.c.id.is_not(None), rows.c.authority == int(Authority.ADMIN))
    administrators = func.array_agg(aggregate_order_by(rows.c.id, rows.c.id)).filter(is_administrator)
    columns = (func.count(rows.c.id), func.min(rows.c.id), func.max(rows.c.id), lines, administrators)
    count, first, last, lost, admins = (await session.execute(select(*columns))).one()
    return Inserted(count, first, last, lost or (), admins or ())
