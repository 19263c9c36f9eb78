"""The audit trail: entries belong to their transactions, are never changed, and are read by administrators."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import anyio
import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from support.asgi import WithState, client_of
from support.auth_service import ADMIN_PASSWORD, SignUp, bearer

from auth_service.audit.entries import Action, timestamp
from auth_service.audit.service import record
from auth_service.audit.verification import verify
from auth_service.request_source import RequestSource
from lightbox_shared.database import Database

AUDIT = "/api/audit"
FIRST = [2, 1]
"""The entries of the start: the first administrator."""
SOURCE = RequestSource("192.0.2.1")


@pytest.fixture
async def admin(service: WithState) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(service) as client:
        fields = {"username": "admin", "password": ADMIN_PASSWORD}
        token = (await client.post("/api/chexray/login", json=fields)).json()["token"]
        client.headers.update(bearer(token))
        yield client


@pytest.fixture
def url(fresh_database: Callable[[str], str]) -> str:
    """The address of a migrated, empty database."""
    return fresh_database("auth_service")


@pytest.fixture
async def empty(url: str) -> AsyncIterator[Database]:
    database = Database(url, pool_size=10)
    yield database
    await database.dispose()


async def read(admin: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await admin.get(AUDIT, params=query)
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.json()["entries"]
    return entries


async def test_an_entry(admin: httpx.AsyncClient, database: Database) -> None:
    before = datetime.now(UTC)
    async with database.writing() as session:
        await record(session, Action.API_KEY_USED, RequestSource("2001:db8::1"), account_id=7, key_id=5, scope="é")
    [entry] = await read(admin, limit=1)
    assert before <= datetime.fromisoformat(entry["at"]) <= datetime.now(UTC)
    assert len(entry["hash"]) == 64
    del entry["at"], entry["hash"]
    assert entry == {
        "sequence": 4,
        "action": "api-key-used",
        "actor": "account:7",
        "account_id": 7,
        "address": "2001:db8::1",
        "details": {"key_id": 5, "scope": "é"},
    }


async def test_who_may_read(
    client: httpx.AsyncClient, admin: httpx.AsyncClient, as_gateway: httpx.AsyncClient, sign_up: SignUp
) -> None:
    assert (await client.get(AUDIT)).status_code == 401
    assert (await as_gateway.get(AUDIT)).status_code == 401
    assert (await client.get(AUDIT, headers=bearer((await sign_up())["token"]))).status_code == 403
    key = (await admin.post("/api/keys", json={"name": "all", "scopes": ["read", "hub"]})).json()["key"]
    sent = {"key": key, "address": "192.0.2.1"}
    token = (await as_gateway.post("/internal/api-keys/exchange", json=sent)).json()["access_token"]
    assert (await client.get(AUDIT, headers=bearer(token))).status_code == 403  # also with a key of an administrator


async def test_an_administrator_who_was_demoted(admin: httpx.AsyncClient, database: Database) -> None:
    assert (await admin.get(AUDIT)).status_code == 200
    async with database.writing() as session:
        await session.execute(text("UPDATE accounts SET authority = 102 WHERE id = 2"))
    assert (await admin.get(AUDIT)).status_code == 403


async def test_pages_and_filters(admin: httpx.AsyncClient, database: Database) -> None:
    async with database.writing() as session:
        for number in range(6):
            action = Action.PASSWORD_CHANGED if number % 2 else Action.SIGNED_IN
            await record(session, action, SOURCE, account_id=10 + number % 3, number=number)
        await record(session, Action.ACCOUNTS_IMPORTED, RequestSource(None, "command-line"))
    everything = await read(admin)
    assert [entry["sequence"] for entry in everything] == [10, 9, 8, 7, 6, 5, 4, 3, *FIRST]

    found: list[int] = []
    query: dict[str, Any] = {"limit": 3}
    while True:
        page = (await admin.get(AUDIT, params=query)).json()
        found += [entry["sequence"] for entry in page["entries"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert found == [10, 9, 8, 7, 6, 5, 4, 3, *FIRST]

    async def sequences(**query: Any) -> list[int]:
        return [entry["sequence"] for entry in await read(admin, **query)]

    assert await sequences(action="password-changed") == [9, 7, 5]
    assert await sequences(actor="account:10") == [7, 4]
    assert await sequences(account_id=11) == [8, 5]
    assert await sequences(account_id=11, action="password-changed") == [5]
    assert await sequences(actor="command-line") == [10]
    assert await sequences(actor="nobody") == []


async def test_times(admin: httpx.AsyncClient, database: Database) -> None:
    async with database.writing() as session:
        await session.execute(text("SELECT pg_sleep(0.01)"))
        await record(session, Action.SIGNED_IN, SOURCE, account_id=7)
    middle = next(entry["at"] for entry in await read(admin) if entry["sequence"] == 4)

    async def sequences(query: str) -> list[int]:
        answer = await admin.get(f"{AUDIT}?{query}")
        assert answer.status_code == 200, answer.text
        return [entry["sequence"] for entry in answer.json()["entries"]]

    assert await sequences(f"from={middle}") == [4]
    assert await sequences(f"to={middle}") == [3, *FIRST]
    assert await sequences(f"from={middle[:-1]}") == [4]  # a time without a zone is in UTC
    assert await sequences("from=2020-01-01&to=2020-01-02") == []
    assert await sequences("from=0001-01-01&to=9999-12-31") == [4, 3, *FIRST]
    local = datetime.fromisoformat(middle).astimezone(datetime.strptime("+0530", "%z").tzinfo).isoformat()
    for zone in (local, local.replace("+", "%2B"), local.replace("+", "%20"), local.replace("T", "%20")):
        assert await sequences(f"from={zone}") == [4]
        assert await sequences(f"to={zone}") == [3, *FIRST]


INVALID_QUERIES = (
    "action=everything", "action=", "account_id=0", "account_id=x", f"account_id={2**63}", "actor=", "actor=a%00b",
    "actor=%E9", f"actor={'x' * 101}", "from=yesterday", "from=", "to=2026-13-01", "from=0001-01-01T00:00%2B14:00",
    "to=9999-12-31T23:59-14:00", "from=%00", f"to={'2' * 500}", "cursor=x", "limit=0", "limit=1001",
)  # fmt: skip


@pytest.mark.parametrize("query", INVALID_QUERIES)
async def test_invalid_queries(admin: httpx.AsyncClient, query: str) -> None:
    answer = await admin.get(f"{AUDIT}?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def test_times_sort_as_text() -> None:
    times = [datetime(1, 1, 1, tzinfo=UTC), datetime(999, 1, 1, 0, 0, 0, 7, tzinfo=UTC), datetime.now(UTC)]
    texts = [timestamp(at) for at in times]
    assert texts == sorted(texts)
    assert {len(each) for each in texts} == {27}


async def test_a_rolled_back_transaction_leaves_no_entry(empty: Database) -> None:
    async def fail() -> None:
        async with empty.writing() as session:
            await record(session, Action.SIGNED_IN, SOURCE, account_id=7)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with empty.writing() as session:
        await record(session, Action.PASSWORD_CHANGED, SOURCE, account_id=7)
    async with empty.reading() as reading:
        rows = (await reading.execute(text("SELECT sequence, action FROM audit_entries"))).all()
    assert rows == [(1, "password-changed")]


async def test_appending_at_the_same_time_makes_one_chain(empty: Database) -> None:
    async def append(number: int) -> None:
        async with empty.writing() as session:
            await record(session, Action.SIGNED_IN, SOURCE, account_id=number + 2)

    async with anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(append, number)
    async with empty.writing() as session:
        found = await verify(session)
    assert (found.entries, found.problems) == (50, [])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET entry = entry",
        "UPDATE audit_entries SET hash = hash WHERE false",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
    ],
)
async def test_entries_can_not_be_changed(empty: Database, statement: str) -> None:
    async with empty.writing() as session:
        await record(session, Action.SIGNED_IN, SOURCE, account_id=7)
    with pytest.raises(DBAPIError, match="append-only"):
        async with empty.writing() as session:
            await session.execute(text(statement))


async def test_an_insert_can_not_choose_its_place_in_the_chain(empty: Database) -> None:
    async with empty.writing() as session:
        statement = "INSERT INTO audit_entries (sequence, entry, previous_hash, hash) VALUES (77, '{}', 'x', 'y')"
        await session.execute(text(statement))
    async with empty.writing() as session:
        found = await verify(session)
    assert (found.entries, found.problems) == (1, [])


async def test_computed_columns_agree_with_the_entry(empty: Database) -> None:
    async with empty.writing() as session:
        await record(session, Action.SIGNED_IN, SOURCE, account_id=2**62)
        await record(session, Action.SIGN_IN_FAILED, RequestSource(None))
    async with empty.reading() as reading:
        rows = (await reading.execute(text("SELECT * FROM audit_entries ORDER BY sequence"))).mappings().all()
    for row in rows:
        entry = json.loads(row["entry"])
        for column in ("at", "action", "actor", "account_id"):
            assert row[column] == entry[column]
    assert [row["actor"] for row in rows] == [f"account:{2**62}", "nobody"]


async def test_filters_have_their_indexes(empty: Database) -> None:
    """With many entries a page is read in the order of an index, without sorting."""
    entries = """
        INSERT INTO audit_entries (entry)
        SELECT json_build_object('at', '2026-01-01T00:00:00.000000Z', 'action', 'a' || n % 7, 'actor', 'b' || n % 7,
                                 'account_id', n % 7)::text
        FROM generate_series(1, 5000) AS n
    """
    async with empty.writing() as session:
        await session.execute(text(entries))
    async with empty.writing() as session:
        await session.execute(text("ANALYZE audit_entries"))
        for column, value in (("action", "'a3'"), ("actor", "'b3'"), ("account_id", "3")):
            query = f"SELECT * FROM audit_entries WHERE {column} = {value} ORDER BY sequence DESC LIMIT 51"  # noqa: S608
            plan = "\n".join((await session.execute(text(f"EXPLAIN {query}"))).scalars())
            assert "Sort" not in plan
            assert "Seq Scan" not in plan
            query = query.replace("ORDER", "AND sequence < 2000 ORDER")
            plan = "\n".join((await session.execute(text(f"EXPLAIN {query}"))).scalars())
            assert "Sort" not in plan
            assert "Seq Scan" not in plan
