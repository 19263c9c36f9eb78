"""Making, listing, exchanging and revoking API keys, and who may do so."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import httpx
import pytest
from jose import jwt
from sqlalchemy import text
from support.asgi import WithState, client_of, running
from support.auth_service import ADMIN_PASSWORD, MakeSettings, SignUp, bearer

from auth_service.api_keys.exchange import USE_NOTED_EVERY
from auth_service.api_keys.service import MOST_LIVE_KEYS
from auth_service.app import create_app
from lightbox_shared.auth.api_keys import digest, is_well_formed, make
from lightbox_shared.database import Database

KEYS = "/api/keys"
EXCHANGE = "/internal/api-keys/exchange"
NEW = {"name": "ward 3", "scopes": ["read", "predict"]}


@pytest.fixture
async def owner(client: httpx.AsyncClient, sign_up: SignUp) -> httpx.AsyncClient:
    """An account that waits for approval, signed in."""
    client.headers.update(bearer((await sign_up())["token"]))
    return client


@pytest.fixture
async def admin(service: WithState) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(service) as client:
        fields = {"username": "admin", "password": ADMIN_PASSWORD}
        token = (await client.post("/api/chexray/login", json=fields)).json()["token"]
        client.headers.update(bearer(token))
        yield client


async def created(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post(KEYS, json={**NEW, **changes})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def exchanged(gateway: httpx.AsyncClient, key: str, address: str = "192.0.2.1") -> httpx.Response:
    return await gateway.post(EXCHANGE, json={"key": key, "address": address})


async def trail(database: Database, action: str) -> list[dict[str, Any]]:
    statement = text("SELECT entry FROM audit_entries WHERE action = :action ORDER BY sequence")
    async with database.reading() as session:
        return [json.loads(row) for row in (await session.execute(statement, {"action": action})).scalars()]


async def test_a_key_is_shown_once(owner: httpx.AsyncClient, database: Database) -> None:
    answer = await owner.post(KEYS, json=NEW)
    body = answer.json()
    key = body.pop("key")
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{KEYS}/{body['id']}"
    assert answer.headers["cache-control"] == "no-store"
    assert is_well_formed(key)
    assert (body["name"], body["hint"], body["scopes"]) == ("ward 3", key[:10], ["predict", "read"])
    lifetime = datetime.fromisoformat(body["expires_at"]) - datetime.fromisoformat(body["created_at"])
    assert lifetime == timedelta(days=365)

    again = (await owner.get(answer.headers["location"])).json()
    assert again == {**body, "account_id": 3, "last_used_at": None, "last_used_address": None}
    assert (await owner.get(KEYS)).json() == {"keys": [again], "next_cursor": None}
    async with database.reading() as session:
        everything = "SELECT string_agg(t::text, '') FROM (SELECT api_keys.* FROM api_keys) AS t"
        row = (await session.execute(text(everything))).scalar_one()
        entries = (await session.execute(text("SELECT string_agg(entry, '') FROM audit_entries"))).scalar_one()
    assert digest(key).hex() in row
    assert key not in row + entries
    assert "ward 3" not in entries
    [entry] = await trail(database, "api-key-created")
    assert (entry["actor"], entry["account_id"]) == ("account:3", 3)
    assert entry["details"] == {"key_id": body["id"], "scope": "predict read", "days": 365}


REFUSED: dict[str, Any] = {
    "no name": {"name": None},
    "empty name": {"name": ""},
    "blank name": {"name": "  \t "},
    "long name": {"name": "x" * 101},
    "line break": {"name": "a\nb"},
    "nul": {"name": "a\0b"},
    "half a character": {"name": "\ud800"},
    "turned round": {"name": "a\u202eb"},
    "a number": {"name": 7},
    "no scopes": {"scopes": []},
    "scopes in a text": {"scopes": "predict"},
    "unknown scope": {"scopes": ["predict", "everything"]},
    "scopes missing": {"scopes": None},
    "no days": {"expires_in_days": 0},
    "too many days": {"expires_in_days": 3651},
    "days in a text": {"expires_in_days": "365"},
    "half a day": {"expires_in_days": 0.5},
    "true": {"expires_in_days": True},
    "an unbelievable number": {"expires_in_days": 10**400},
    "mistyped": {"expires_in_day": 1},
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED)
async def test_invalid_requests_for_a_key(owner: httpx.AsyncClient, changes: dict[str, Any]) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await owner.post(KEYS, content=json.dumps({**NEW, **changes}), headers=headers)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await owner.get(KEYS)).json()["keys"] == []


async def test_malformed_bodies(owner: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    for body in (b"", b"null", b"[]", b"{", b"7", b"[" * 30_000, b"\xff\xfe"):
        answer = await owner.post(KEYS, content=body, headers=headers)
        assert (body[:10], answer.status_code in {400, 422}) == (body[:10], True)
    assert (await owner.post(KEYS, data={"name": "x"})).status_code in {400, 415, 422}


async def test_a_name_is_trimmed_and_a_scope_counts_once(owner: httpx.AsyncClient) -> None:
    body = await created(owner, name="  Röntgen 3 ", scopes=["hub", "hub"], expires_in_days=3650)
    assert (body["name"], body["scopes"]) == ("Röntgen 3", ["hub"])
    assert (await created(owner, name="x" * 100, expires_in_days=1))["name"] == "x" * 100


async def test_pages_of_keys(owner: httpx.AsyncClient) -> None:
    ids = [(await created(owner, name=f"key {number}"))["id"] for number in range(5)]
    found: list[int] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = (await owner.get(KEYS, params=query)).json()
        found += [each["id"] for each in page["keys"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert found == ids[::-1]
    assert (await owner.get(KEYS, params={"cursor": "nonsense"})).status_code == 422


async def test_keys_of_other_accounts(
    owner: httpx.AsyncClient, admin: httpx.AsyncClient, sign_up: SignUp, database: Database
) -> None:
    mine = await created(owner)
    stranger = bearer((await sign_up())["token"])
    path = f"{KEYS}/{mine['id']}"
    for method in ("GET", "DELETE"):
        assert (await owner.request(method, path, headers=stranger)).status_code == 404
        assert (await owner.request(method, f"{KEYS}/999", headers=stranger)).status_code == 404
        assert (await owner.request(method, f"{KEYS}/{10**30}", headers=stranger)).status_code in {404, 422}
    assert (await owner.get(KEYS, headers=stranger)).json()["keys"] == []
    assert (await owner.get(KEYS, params={"account_id": 3}, headers=stranger)).status_code == 403
    assert (await owner.get(KEYS, params={"account_id": 3})).status_code == 200  # the caller's own account

    assert (await admin.get(KEYS)).json()["keys"] == []
    assert [each["id"] for each in (await admin.get(KEYS, params={"account_id": 3})).json()["keys"]] == [mine["id"]]
    assert (await admin.get(path)).json()["account_id"] == 3
    assert (await admin.delete(path)).status_code == 204
    assert (await owner.get(path)).status_code == 404
    [entry] = await trail(database, "api-key-revoked")
    assert (entry["actor"], entry["account_id"], entry["details"]) == ("account:2", 3, {"key_id": mine["id"]})


async def test_callers_who_may_not_make_keys(
    client: httpx.AsyncClient, as_gateway: httpx.AsyncClient, sign_up: SignUp
) -> None:
    assert (await client.get(KEYS)).status_code == 401
    assert (await client.post(KEYS, json=NEW)).status_code == 401
    assert (await as_gateway.post(KEYS, json=NEW)).status_code == 401  # a service has no account
    token = (await sign_up())["token"]
    assert (await client.delete("/api/sessions/current", headers=bearer(token))).status_code == 204
    assert (await client.post(KEYS, json=NEW, headers=bearer(token))).status_code == 401
    answer = await client.post(EXCHANGE, json={"key": "x", "address": "x"})
    assert answer.status_code == 401
    answer = await client.post(EXCHANGE, json={"key": "x", "address": "x"}, headers=bearer((await sign_up())["token"]))
    assert answer.status_code == 403


async def test_a_key_can_not_touch_keys(owner: httpx.AsyncClient, as_gateway: httpx.AsyncClient) -> None:
    body = await created(owner, scopes=["predict", "collect", "annotate", "hub", "read"])
    scoped = bearer((await exchanged(as_gateway, body["key"])).json()["access_token"])
    for method, path in (("GET", KEYS), ("POST", KEYS), ("GET", f"{KEYS}/1"), ("DELETE", f"{KEYS}/{body['id']}")):
        answer = await owner.request(method, path, headers=scoped, json=NEW if method == "POST" else None)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/insufficient-scope")
    assert len((await owner.get(KEYS)).json()["keys"]) == 1


async def test_a_key_for_a_token(owner: httpx.AsyncClient, as_gateway: httpx.AsyncClient, database: Database) -> None:
    body = await created(owner)
    answer = await exchanged(as_gateway, body["key"])
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.json().keys() == {"access_token", "expires_in"}
    assert answer.json()["expires_in"] == 90
    claims = jwt.get_unverified_claims(answer.json()["access_token"])
    assert (claims["sub"], claims["sid"], claims["scope"]) == ("account:3", body["id"], "predict read")
    assert (claims["authority"], claims["exp"] - claims["iat"]) == (100, 90)

    async with database.writing() as session:  # the account is approved after the key was made
        await session.execute(text("UPDATE accounts SET authority = 102 WHERE id = 3"))
    claims = jwt.get_unverified_claims((await exchanged(as_gateway, body["key"])).json()["access_token"])
    assert claims["authority"] == 102


async def test_keys_that_do_not_work(
    owner: httpx.AsyncClient, as_gateway: httpx.AsyncClient, database: Database
) -> None:
    revoked, expired, orphan = [await created(owner, name=name) for name in ("revoked", "expired", "orphan")]
    assert (await owner.delete(f"{KEYS}/{revoked['id']}")).status_code == 204
    assert (await owner.delete(f"{KEYS}/{revoked['id']}")).status_code == 404
    async with database.writing() as session:
        values = {"id": expired["id"]}
        await session.execute(text("UPDATE sessions SET expires_at = now() WHERE id = :id"), values)
    assert [each["id"] for each in (await owner.get(KEYS)).json()["keys"]] == [orphan["id"]]
    assert (await owner.get(f"{KEYS}/{expired['id']}")).status_code == 404
    assert (await exchanged(as_gateway, orphan["key"])).status_code == 200
    async with database.writing() as session:
        await session.execute(text("DELETE FROM accounts WHERE id = 3"))

    refusals = [
        await exchanged(as_gateway, key)
        for key in (
            revoked["key"],
            expired["key"],
            orphan["key"],
            make(b"x" * 32),
            "",
            "lbx_",
            "é",
            revoked["key"][:-1],
        )
    ]
    assert {answer.status_code for answer in refusals} == {401}
    assert {answer.json()["type"] for answer in refusals} == {"/problems/invalid-api-key"}
    assert len(await trail(database, "api-key-revoked")) == 1


async def test_malformed_exchanges(as_gateway: httpx.AsyncClient) -> None:
    key = make(b"x" * 32)
    bodies: tuple[Any, ...] = (
        {"key": key}, {"address": "x"}, {"key": 7, "address": "x"}, {"key": key, "address": "a\0b"},
        {"key": key, "address": ""}, {"key": key, "address": "x" * 65}, [], None,
    )  # fmt: skip
    for body in bodies:
        answer = await as_gateway.post(EXCHANGE, json=body)
        assert answer.status_code == 422
        assert key not in answer.text


async def test_a_revocation_is_in_the_feed(owner: httpx.AsyncClient, as_gateway: httpx.AsyncClient) -> None:
    body = await created(owner)
    await owner.delete(f"{KEYS}/{body['id']}")
    [revoked] = (await as_gateway.get("/internal/revocations")).json()["revoked"]
    assert revoked["sid"] == body["id"]
    # No token of it lives longer than 90 s, so the gateways need not remember it for a year.
    assert revoked["exp"] < datetime.now(UTC).timestamp() + 300


async def test_ending_all_sessions_spares_the_keys(owner: httpx.AsyncClient, as_gateway: httpx.AsyncClient) -> None:
    body = await created(owner)
    assert (await owner.delete("/api/sessions")).status_code == 204
    assert (await exchanged(as_gateway, body["key"])).status_code == 200


class Clock:
    """A clock that a test puts forward. Seconds since the epoch."""

    def __init__(self) -> None:
        # Of tomorrow, since a key that the database was made with signs from its own moment on, which is today.
        noon = datetime.now(UTC).replace(hour=12) + timedelta(days=1)
        self.now = float(int(noon.timestamp()))

    def __call__(self) -> float:
        return self.now


async def test_storing_the_last_use(make_settings: MakeSettings) -> None:
    clock = Clock()
    async with running(create_app(make_settings(), clock=clock)) as service, client_of(service) as client:
        fields = {"username": "ada", "password": "correct horse"}
        client.headers.update(bearer((await client.post("/api/chexray/signup", json=fields)).json()["token"]))
        body = await created(client)
        database: Database = service.state["database"]

        async def use(address: str, passed: float) -> bool:
            """Whether a use was stored that comes `passed` seconds after the last one."""
            clock.now += passed
            client.headers.update(bearer(service.state["services"].issuer.for_service("gateway")))
            assert (await exchanged(client, body["key"], address)).status_code == 200
            async with database.reading() as session:
                row = (await session.execute(text("SELECT last_used_at, last_used_address FROM api_keys"))).one()
            return (row.last_used_at.timestamp(), row.last_used_address) == (clock.now, address)

        minute = USE_NOTED_EVERY.total_seconds()
        assert await use("192.0.2.1", 0)
        assert not await use("192.0.2.1", minute - 1)
        assert await use("192.0.2.1", 1)
        assert await use("2001:db8::1", 1)
        assert await use("2001:db8::1", 86_400)
        assert await use("2001:db8::1", minute)
        entries = await trail(database, "api-key-used")
        assert [entry["address"] for entry in entries] == ["192.0.2.1", "2001:db8::1", "2001:db8::1"]
        assert (entries[0]["actor"], entries[0]["details"]) == ("account:3", {"key_id": body["id"]})


async def test_many_uses_at_once_are_stored_once(
    owner: httpx.AsyncClient, as_gateway: httpx.AsyncClient, database: Database
) -> None:
    body = await created(owner)
    statuses: list[int] = []

    async def use() -> None:
        statuses.append((await exchanged(as_gateway, body["key"])).status_code)

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(use)
    assert statuses == [200] * 20
    assert len(await trail(database, "api-key-used")) == 1


async def test_no_key_for_a_session_that_ended_meanwhile(owner: httpx.AsyncClient, database: Database) -> None:
    """A change of the password locks the account. A request with a stolen session that waits for the lock must not get
    a key, which would survive the change."""
    answers: list[httpx.Response] = []

    async def make_one() -> None:
        answers.append(await owner.post(KEYS, json=NEW))

    async with anyio.create_task_group() as group, database.writing() as session:
        await session.execute(text("SELECT 1 FROM accounts FOR UPDATE"))
        group.start_soon(make_one)
        await _until_somebody_waits(database)
        await session.execute(text("UPDATE sessions SET revoked_at = now(), revoked_xid = pg_current_xact_id()"))
    assert answers[0].status_code == 401
    async with database.reading() as reading:
        assert await reading.scalar(text("SELECT count(*) FROM api_keys")) == 0


async def _until_somebody_waits(database: Database) -> None:
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with anyio.fail_after(20):
        async with database.reading() as session:
            while not await session.scalar(waiting):  # noqa: ASYNC110 - who waits is in PostgreSQL
                await anyio.sleep(0.01)


async def test_an_account_has_a_hundred_keys_at_most(owner: httpx.AsyncClient, database: Database) -> None:
    made = [await created(owner, name=str(number)) for number in range(MOST_LIVE_KEYS - 2)]
    statuses: list[int] = []

    async def make_one() -> None:
        statuses.append((await owner.post(KEYS, json=NEW)).status_code)

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(make_one)
    assert sorted(statuses) == [201] * 2 + [409] * 6
    answer = await owner.post(KEYS, json=NEW)
    assert answer.json()["type"] == "/problems/too-many-api-keys"
    assert (await owner.delete(f"{KEYS}/{made[0]['id']}")).status_code == 204
    assert (await owner.post(KEYS, json=NEW)).status_code == 201
    assert len(await trail(database, "api-key-created")) == MOST_LIVE_KEYS + 1


async def test_of_many_requests_that_revoke_a_key_one_succeeds(owner: httpx.AsyncClient, database: Database) -> None:
    path = f"{KEYS}/{(await created(owner))['id']}"
    statuses: list[int] = []

    async def revoke() -> None:
        statuses.append((await owner.delete(path)).status_code)

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(revoke)
    assert sorted(statuses) == [204] + [404] * 7
    assert len(await trail(database, "api-key-revoked")) == 1
