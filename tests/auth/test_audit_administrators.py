"""Whichever way an administrator is made, the audit trail says when, by whom, and who."""

import json
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from support.asgi import running
from support.auth_service import MakeSettings, SignUp
from support.commands import Terminal
from support.databases import FreshDatabase

from auth_service.app import create_app
from auth_service.commands.accounts import app
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Database

MADE = "administrator-made"
FIRST = {"actor": "service:auth-service", "account_id": 2, "address": None, "details": {}}


async def audit_entries(database: Database) -> list[dict[str, Any]]:
    async with database.reading() as session:
        rows = await session.scalars(text("SELECT entry FROM audit_entries ORDER BY sequence"))
        return [json.loads(row) for row in rows]


async def made(database: Database) -> list[dict[str, Any]]:
    entries = [each for each in await audit_entries(database) if each["action"] == MADE]
    return [{name: each[name] for name in FIRST} for each in entries]


def by_command_line(account_id: int) -> dict[str, Any]:
    return {**FIRST, "actor": "command-line", "account_id": account_id}


async def created(database: Database) -> list[tuple[int, int]]:
    """The ids of the accounts that were made, and their authorities."""
    entries = [each for each in await audit_entries(database) if each["action"] == "account-created"]
    return [(each["account_id"], each["details"]["authority"]) for each in entries]


async def test_at_the_first_start_and_at_no_other(make_settings: MakeSettings, fresh_database: FreshDatabase) -> None:
    settings = make_settings(database_url=fresh_database("auth_service"))
    for _ in range(2):
        async with running(create_app(settings)):
            pass
    database = Database(settings.database_url)
    assert await made(database) == [FIRST]
    assert await created(database) == [(2, 101)]
    await database.dispose()


async def test_by_adding_an_account(terminal: Terminal, database: Database) -> None:
    for number, authority in enumerate(("none", "guest", "doctor", "expert", "admin")):
        arguments = ("add", f"name{number}", "--authority", authority, "--password-stdin")
        await terminal.ok(app, *arguments, stdin="correct horse battery")
    assert await made(database) == [FIRST, by_command_line(7)]
    assert await created(database) == [(2, 101), (3, 100), (4, 103), (5, 102), (6, 104), (7, 101)]


async def test_by_a_change_of_authority(terminal: Terminal, sign_up: SignUp, database: Database) -> None:
    """Each time, and not where nothing changes."""
    name = (await sign_up())["username"]
    for authority in ("doctor", "admin", "admin", "guest", "admin"):
        await terminal.ok(app, "set-authority", name, authority)
    assert await made(database) == [FIRST, *[by_command_line(3)] * 2]
    order = [each["action"] for each in await audit_entries(database) if each["account_id"] == 3]
    assert order.count("authority-changed") == 4
    assert order[order.index(MADE) - 1] == "authority-changed"


async def test_by_an_import(terminal: Terminal, database: Database) -> None:
    """Those that were made, and not rows that were left out."""
    password_hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b+dWRWJTmaQIgFgVMsqWTFuAAA"
    rows = [("ada", 101), ("bob", 102), ("ada", 101), ("admin", 101), ("eve", 101)]
    lines = [json.dumps({"username": n, "password_hash": password_hash, "authority": a}) for n, a in rows]
    content = "\n".join(lines)
    await terminal.ok(app, "import", "-", "--allow-admins", "--dry-run", stdin=content)
    assert await made(database) == [FIRST]
    await terminal.ok(app, "import", "-", "--allow-admins", stdin=content)
    async with database.reading() as session:
        query = text("SELECT id FROM accounts WHERE username_key IN ('ada', 'eve') ORDER BY id")
        ids = list(await session.scalars(query))
    assert await made(database) == [FIRST, *map(by_command_line, ids)]


@pytest.mark.parametrize("path", ["/api/chexray/signup", "/accounts"])
async def test_not_by_signing_up(client: httpx.AsyncClient, database: Database, path: str) -> None:
    body = {"username": "ada", "password": "correct horse", "password2": "correct horse"}
    answer = await client.post(path, json=body)
    assert answer.status_code < 300
    assert await made(database) == [FIRST]
    assert await created(database) == [(2, 101), (3, int(Authority.NONE))]
