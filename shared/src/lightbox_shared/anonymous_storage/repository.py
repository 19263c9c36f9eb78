"""The statements that count what clients without a credential store.

Whoever changes several rows locks that of the total first, and that of an address after it, so that no two transactions
wait for each other in a circle. A picture's own row, and its reservation, are locked before both.
"""

from datetime import date, timedelta
from typing import Final, NamedTuple

from sqlalchemy import Select, delete, func, select, text, true, update
from sqlalchemy.dialects.postgresql import insert as upsert

from lightbox_shared.anonymous_storage.tables import AnonymousTables
from lightbox_shared.database import ReadSession, Statements, WriteSession

NO_LIMIT: Final = 2**62

# FOR UPDATE gives the newest version of the row, and holds it for the rest of the statement. That is its own
# transaction; PostgreSQL need not sync its log for it, since the transaction that stores the picture does that for all
# that was written before.
_RESERVE: Final = text("""
WITH asked AS (
    SELECT CAST(:day AS date) AS day, CAST(:client AS bytea) AS client, CAST(:size AS bigint) AS size
), total AS (
    SELECT anonymous_total.bytes <= CAST(:total_bytes AS bigint) - asked.size AS has_room
      FROM anonymous_total, asked FOR UPDATE OF anonymous_total
), address AS (
    INSERT INTO anonymous_uploads AS known (day, client, pictures, bytes)
    SELECT day, client, 1, size FROM asked, total WHERE has_room
    ON CONFLICT (day, client) DO UPDATE
       SET pictures = known.pictures + 1, bytes = known.bytes + excluded.bytes
     WHERE known.pictures < CAST(:pictures_per_day AS bigint)
       AND known.bytes <= CAST(:bytes_per_day AS bigint) - excluded.bytes
    RETURNING day
), charged AS (
    UPDATE anonymous_total SET pictures = pictures + 1, bytes = bytes + size FROM asked, address RETURNING address.day
), reserved AS (
    INSERT INTO anonymous_reservations (day, client, bytes)
    SELECT asked.day, client, size FROM asked, charged RETURNING id
)
SELECT has_room, (SELECT id FROM reserved), set_config('synchronous_commit', 'off', true) FROM total
""")

# What was settled or released meanwhile is not there any more. An old one that is just being settled is left alone.
_RELEASE: Final = text("""
WITH released AS (
    DELETE FROM anonymous_reservations
     WHERE id = CAST(:id AS bigint) OR id IN (
        SELECT id FROM anonymous_reservations
         WHERE made_at < now() - CAST(:older_than AS interval) FOR UPDATE SKIP LOCKED
     )
    RETURNING day, client, bytes
), gone AS (
    SELECT count(*) AS pictures, sum(bytes) AS bytes FROM released HAVING count(*) > 0
), charged AS (
    UPDATE anonymous_total AS total SET pictures = total.pictures - gone.pictures, bytes = total.bytes - gone.bytes
      FROM gone RETURNING gone.pictures
), of_addresses AS (
    SELECT day, client, count(*) AS pictures, sum(bytes) AS bytes FROM released GROUP BY day, client
), addresses AS (
    UPDATE anonymous_uploads AS known
       SET pictures = known.pictures - its.pictures, bytes = known.bytes - its.bytes
      FROM of_addresses AS its, charged WHERE known.day = its.day AND known.client = its.client
)
SELECT coalesce(max(pictures), 0) FROM charged
""")


class Stored(NamedTuple):
    """How much clients without a credential have stored."""

    pictures: int
    bytes: int


CountStored = Select[int, int]
"""A statement with one row: how many pictures, as `pictures`, and how many bytes, as `bytes`, are counted in the tables
of a service."""


class Reserved(NamedTuple):
    """What came of an attempt to reserve room."""

    has_room: bool
    """Whether there is room in the total."""
    reservation_id: int | None
    """None if there is no room, in the total or for the address."""


async def reserve(
    connection: Statements,
    day: date,
    client: bytes,
    size: int,
    *,
    pictures_per_day: int | None,
    bytes_per_day: int | None,
    total_bytes: int | None,
) -> Reserved:
    """Count a picture of `size` bytes for a client and in the total, unless one of the limits would be exceeded. One
    picture must be within the limits of a day. To be run on a connection of `Database.autocommit`."""
    values = {
        "day": day,
        "client": client,
        "size": size,
        "pictures_per_day": pictures_per_day or NO_LIMIT,
        "bytes_per_day": bytes_per_day or NO_LIMIT,
        "total_bytes": total_bytes or NO_LIMIT,
    }
    has_room, reservation_id, _ = (await connection.execute(_RESERVE, values)).one()
    return Reserved(has_room, reservation_id)


async def release(
    connection: Statements, *, reservation_id: int | None = None, older_than: timedelta | None = None
) -> int:
    """Give back what is reserved by one reservation, or by all that are older, and return the number of pictures."""
    values = {"id": reservation_id, "older_than": older_than}
    count: int = (await connection.execute(_RELEASE, values)).scalar_one()
    return count


async def settle(session: WriteSession, tables: AnonymousTables, reservation_id: int) -> bool:
    """End a reservation whose picture is stored in this transaction. Returns whether it was still there."""
    held = tables.reservations
    ended = await session.execute(delete(held).where(held.c.id == reservation_id).returning(held.c.id))
    return ended.one_or_none() is not None


async def add(session: WriteSession, tables: AnonymousTables, size: int, *, total_bytes: int | None) -> bool:
    """Count further bytes of a stored picture in the total, if there is room. Returns whether there was."""
    total = tables.total
    more = update(total).values(bytes=total.c.bytes + size).where(total.c.bytes <= (total_bytes or NO_LIMIT) - size)
    return (await session.execute(more.returning(total.c.id))).one_or_none() is not None


async def subtract(session: WriteSession, tables: AnonymousTables, stored: Stored) -> None:
    """Take pictures that are deleted in this transaction from the total."""
    total = tables.total
    less = {"pictures": total.c.pictures - stored.pictures, "bytes": total.c.bytes - stored.bytes}
    await session.execute(update(total).values(less))


async def compare(session: ReadSession, tables: AnonymousTables, counted: CountStored) -> tuple[Stored, Stored]:
    """The total, and what `counted` and the reservations add up to. Whoever changes what is counted changes the total
    in the same transaction, and this is one statement: so they differ only where the total is wrong. It locks
    nothing."""
    total, sums = tables.total, _sums(tables, counted).subquery()
    both = select(total.c.pictures, total.c.bytes, sums.c.pictures, sums.c.bytes).select_from(total.join(sums, true()))
    pictures, size, counted_pictures, counted_size = (await session.execute(both)).one()
    return Stored(pictures, size), Stored(counted_pictures, int(counted_size))


async def correct(session: WriteSession, tables: AnonymousTables, counted: CountStored) -> tuple[Stored, Stored]:
    """Make the total what `counted` and the reservations add up to, and return it as it was and as it is.

    The row of the total is locked first. Whoever changes what is counted changes the total in the same transaction, and
    so has either been committed, and is seen by the statements that follow, or waits and changes the total afterwards.
    """
    total = tables.total
    was = Stored(*(await session.execute(select(total.c.pictures, total.c.bytes).with_for_update())).one())
    pictures, size = (await session.execute(_sums(tables, counted))).one()
    found = Stored(pictures, int(size))
    if found != was:
        await session.execute(update(total).values(pictures=found.pictures, bytes=found.bytes))
    return was, found


def _sums(tables: AnonymousTables, counted: CountStored) -> CountStored:
    """What is counted and what is reserved. One statement, since a reservation that is settled between two would be
    counted twice, or not at all."""
    held, kept = tables.reservations, counted.subquery()
    number = select(func.count()).select_from(held).scalar_subquery()
    reserved = select(func.coalesce(func.sum(held.c.bytes), 0)).scalar_subquery()
    return select((kept.c.pictures + number).label("pictures"), (kept.c.bytes + reserved).label("bytes"))


async def stored(session: ReadSession, tables: AnonymousTables) -> Stored:
    """The total."""
    total = tables.total
    return Stored(*(await session.execute(select(total.c.pictures, total.c.bytes))).one())


async def salt_of(session: WriteSession, tables: AnonymousTables, day: date, new: bytes) -> bytes:
    """The salt of a day, which is `new` if there was none."""
    salts = tables.salts
    await session.execute(upsert(salts).values(day=day, salt=new).on_conflict_do_nothing())
    found: bytes = (await session.execute(select(salts.c.salt).where(salts.c.day == day))).scalar_one()
    return found


async def forget_days_before(session: WriteSession, tables: AnonymousTables, day: date) -> None:
    """Delete the salts and the counts of addresses of earlier days."""
    for table in (tables.salts, tables.uploads):
        await session.execute(delete(table).where(table.c.day < day))
