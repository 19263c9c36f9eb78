"""Lists take as long with millions of rows as with thousands: every statement reads an index in its order, looks at no
more rows than it answers, and sorts nothing; also in the plan that PostgreSQL makes without looking at parameters."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Select, text
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from support.databases import FreshDatabase
from support.rows import AT, fill

from core_collection_service.events.repository import by_id, of_topic
from core_collection_service.pictures.lists.repository import Span, newest_first, newest_of_each
from core_collection_service.retention.repository import expired_by_age
from lightbox_shared.database import Database

ROWS, DEVICES = 20_000, 2_000
START, END, BEFORE = AT + timedelta(hours=1), AT + timedelta(hours=5), (AT + timedelta(hours=4), 10**9)
WIDE = AT - timedelta(days=1), AT + timedelta(days=100)
BY_TIME, BY_DEVICE, DEVICE_NAMES = "ix_pictures_collection_taken_at", "uq_pictures_device_time", "pk_devices"
SCANS = {"Index Scan", "Index Only Scan"}
LIMIT = 51


@dataclass(frozen=True, slots=True)
class Plan:
    """The nodes of a plan of PostgreSQL."""

    nodes: list[dict[str, Any]]

    @property
    def types(self) -> set[str]:
        return {node["Node Type"] for node in self.nodes}

    @property
    def indexes(self) -> set[str]:
        return {node["Index Name"] for node in self.nodes if "Index Name" in node}


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


async def explain(database: Database, statement: Select[tuple[Any, ...]], cache_mode: str) -> Plan:
    """The plan that is executed for a statement: one for its parameters, or a generic one."""
    options = {"render_postcompile": True}
    compiled = statement.compile(dialect=dialect(), compile_kwargs=options)  # type: ignore[no-untyped-call] # the library has no types here
    values = ", ".join(f"'{compiled.params[name]}'" for name in compiled.positiontup or ())
    async with database.engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await driver.execute(f"SET plan_cache_mode = {cache_mode}; PREPARE asked AS {compiled}")
        found = await driver.fetchval(f"EXPLAIN (FORMAT JSON, ANALYZE, TIMING OFF) EXECUTE asked({values})")
        await driver.execute("DEALLOCATE asked; RESET plan_cache_mode")
    return Plan(list(_nodes(found[0]["Plan"])))


@pytest.fixture
def url(fresh_database: FreshDatabase) -> str:
    return fresh_database("core_collection_service")


@pytest.fixture
async def full(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    await fill(database, ROWS, devices=DEVICES)
    yield database
    await database.dispose()


async def test_lists_read_an_index_up_to_their_limit(full: Database) -> None:
    for device, index in ((None, BY_TIME), ("camera-0007", BY_DEVICE)):
        for start, end in ((None, None), (START, None), (None, END), (START, END), WIDE):
            for before in (None, BEFORE):
                statement = newest_first(Span("images", device, start, end, before), LIMIT)
                await _check(full, statement, {index}, LIMIT)


async def test_the_newest_of_each_device_reads_as_many_rows_as_devices(full: Database) -> None:
    for device, after in ((None, None), (None, "camera-1000"), ("camera-0007", None)):
        await _check(full, newest_of_each("images", device, after, LIMIT), {DEVICE_NAMES, BY_DEVICE}, LIMIT)


async def test_the_feed_reads_by_id(full: Database) -> None:
    async with full.reading() as session:
        last: int = await session.scalar(text("SELECT max(id) FROM pictures"))
    await _check(full, by_id(last - 10, None, LIMIT), {"pk_pictures"}, LIMIT)
    await _check(full, by_id(last - 10, last - 5, None), {"pk_pictures"}, LIMIT)
    await _check(full, of_topic(by_id(last - 10, last, None), "images", "camera-0000"), {"pk_pictures"}, LIMIT)


async def test_retention_by_age_reads_no_more_than_a_batch(url: str) -> None:
    database = Database(url)
    await fill(database, ROWS, devices=2)
    async with database.reading() as session:
        received: datetime = await session.scalar(text("SELECT max(received_at) FROM pictures"))
    for cutoff in (received - timedelta(days=1), received + timedelta(days=1)):
        statement = expired_by_age("images", "camera-0001", cutoff, LIMIT)
        await _check(database, statement, {"ix_pictures_device_received_at"}, LIMIT)
    await database.dispose()


async def _check(database: Database, statement: Select[tuple[Any, ...]], indexes: set[str], most: int) -> None:
    for cache_mode in ("force_custom_plan", "force_generic_plan"):
        plan = await explain(database, statement, cache_mode)
        assert plan.indexes <= indexes
        assert plan.types <= {"Limit", "Nested Loop", "Subquery Scan", *SCANS}
        looked_at = [
            node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) for node in plan.nodes
        ]
        assert max(looked_at) <= most
