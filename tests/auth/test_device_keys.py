"""API keys that are bound to a device, and their tokens."""

import json
from typing import Any

import httpx
import pytest
from alembic import command
from jose import jwt
from sqlalchemy import Connection, text
from support.asgi import WithState
from support.auth_service import SignUp, bearer
from support.commands import Terminal

from auth_service.commands import api_keys, audit
from lightbox_shared.auth.tokens import TokenVerifier
from lightbox_shared.database import Database
from lightbox_shared.database.migrate import alembic_config, migrate

KEYS = "/api/keys"
EXCHANGE = "/internal/api-keys/exchange"
NEW = {"name": "camera", "scopes": ["collect"], "device_id": "12345"}


@pytest.fixture
async def owner(client: httpx.AsyncClient, sign_up: SignUp) -> httpx.AsyncClient:
    """The account 3, signed in."""
    client.headers.update(bearer((await sign_up())["token"]))
    return client


async def posted(client: httpx.AsyncClient, **changes: Any) -> httpx.Response:
    """Send the body in ASCII, in which JSON can express half of a surrogate pair."""
    headers = {"Content-Type": "application/json"}
    return await client.post(KEYS, content=json.dumps({**NEW, **changes}), headers=headers)


async def created(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await posted(client, **changes)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def exchanged(gateway: httpx.AsyncClient, key: str) -> httpx.Response:
    return await gateway.post(EXCHANGE, json={"key": key, "address": "192.0.2.1"})


async def details(database: Database) -> list[dict[str, Any]]:
    """The details of the entries about keys that were made."""
    statement = text("SELECT entry FROM audit_entries WHERE action = 'api-key-created' ORDER BY sequence")
    async with database.reading() as session:
        return [json.loads(row)["details"] for row in (await session.execute(statement)).scalars()]


EXACTLY = {
    "digits": "12345",
    "blanks around": "  12345\u00a0",
    "slashes": "ward/3/../4",
    "composed": "R\u00f6ntgen",
    "decomposed": "Ro\u0308ntgen",
    "a Cyrillic letter": "\u0430bc",
    "turned round": "a\u202eb",
    "quotes": "a\"'\\b",
    "the longest": "\U0001fa7b" * 255,
}


@pytest.mark.parametrize("device_id", EXACTLY.values(), ids=EXACTLY)
async def test_a_device_is_kept_exactly(
    owner: httpx.AsyncClient,
    as_gateway: httpx.AsyncClient,
    service: WithState,
    database: Database,
    terminal: Terminal,
    device_id: str,
) -> None:
    body = await created(owner, device_id=device_id)
    assert body["device_id"] == device_id
    assert (await owner.get(f"{KEYS}/{body['id']}")).json()["device_id"] == device_id
    assert [each["device_id"] for each in (await owner.get(KEYS)).json()["keys"]] == [device_id]
    made = {"key_id": body["id"], "scope": "collect", "days": 365, "device_id": device_id}
    assert await details(database) == [made]
    await terminal.ok(audit.app, "verify")

    token = (await exchanged(as_gateway, body["key"])).json()["access_token"]
    assert jwt.get_unverified_claims(token)["device_id"] == device_id
    tokens: TokenVerifier = service.state["services"].tokens
    assert (await tokens.verify(token)).device_id == device_id


async def test_a_key_without_a_device_is_not_bound(
    owner: httpx.AsyncClient, as_gateway: httpx.AsyncClient, database: Database
) -> None:
    unbound: dict[str, Any] = {"name": "program", "scopes": ["collect"]}
    for wanted in (unbound, {**unbound, "device_id": None}):
        body = (await owner.post(KEYS, json=wanted)).json()
        assert body["device_id"] is None
        token = (await exchanged(as_gateway, body["key"])).json()["access_token"]
        assert "device_id" not in jwt.get_unverified_claims(token)
    assert [each.keys() for each in await details(database)] == [{"key_id", "scope", "days"}] * 2


REFUSED: dict[str, dict[str, Any]] = {
    "empty": {"device_id": ""},
    "too long": {"device_id": "x" * 256},
    "nul": {"device_id": "a\0b"},
    "line break": {"device_id": "12345\n"},
    "delete": {"device_id": "a\x7f"},
    "C1": {"device_id": "a\x85b"},
    "half a character": {"device_id": "\ud83e"},
    "a number": {"device_id": 12345},
    "devices": {"device_id": ["12345"]},
    "true": {"device_id": True},
    "no scope to collect": {"scopes": ["predict", "annotate", "hub", "read"]},
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED)
async def test_invalid_devices(owner: httpx.AsyncClient, changes: dict[str, Any]) -> None:
    answer = await posted(owner, **changes)
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == ["device_id"]
    assert (await owner.get(KEYS)).json()["keys"] == []


async def test_by_command(terminal: Terminal, sign_up: SignUp, database: Database) -> None:
    name = (await sign_up())["username"]
    await terminal.ok(api_keys.app, "create", name, "camera", "--scope", "collect", "--device", " 12345")
    await terminal.ok(api_keys.app, "create", name, "program", "--scope", "collect")
    heading, unbound, bound = (await terminal.ok(api_keys.app, "list")).splitlines()
    column = heading.index("device")
    assert (bound[column:].split()[0], unbound[column:].split()[0]) == ("12345", "-")
    assert [each.get("device_id") for each in await details(database)] == [" 12345", None]
    assert "device_id= 12345" in await terminal.ok(audit.app, "list", "--action", "api-key-created")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--scope", "collect", "--device", ""), "device_id: "),
        (("--scope", "collect", "--device", "x" * 256), "device_id: "),
        (("--scope", "collect", "--device", "a\x1b"), "device_id: Control characters"),
        (("--scope", "collect", "--device", "\udce9"), "device_id: "),  # bytes that are not UTF-8
        (("--scope", "read", "--device", "1"), "device_id: A key that is bound to a device needs the scope collect."),
    ],
)
async def test_invalid_devices_by_command(terminal: Terminal, arguments: tuple[str, ...], sentence: str) -> None:
    assert (await terminal.refused(api_keys.app, "create", "admin", "camera", *arguments)).startswith(sentence)


async def test_without_the_column_no_key_becomes_unbound(
    owner: httpx.AsyncClient, as_gateway: httpx.AsyncClient, database: Database
) -> None:
    bound, unbound = await created(owner), await created(owner, device_id=None)

    def downgrade(connection: Connection) -> None:
        config = alembic_config("auth_service")
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")

    async with database.engine.begin() as connection:
        await connection.run_sync(downgrade)
    await migrate(database.engine, "auth_service")
    assert (await exchanged(as_gateway, bound["key"])).status_code == 401
    assert (await exchanged(as_gateway, unbound["key"])).status_code == 200
    [revoked] = (await as_gateway.get("/internal/revocations")).json()["revoked"]
    assert revoked["sid"] == bound["id"]
