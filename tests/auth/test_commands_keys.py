"""The commands `keys`, `api-keys` and `audit`, and what all commands have in common."""

import hashlib
import json
import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from typing import Any

import anyio
import httpx
import pytest
from sqlalchemy import text
from support.auth_service import SECRET_KEY, MakeSettings, SignUp
from support.commands import Terminal
from support.databases import FreshDatabase

from auth_service.commands import accounts, api_keys, audit, keys, oauth_clients
from auth_service.config import AuthSettings
from lightbox_shared.auth.api_keys import is_well_formed
from lightbox_shared.commands import GROUP
from lightbox_shared.commands.main import commands_of
from lightbox_shared.database import Database


async def states(terminal: Terminal) -> list[str]:
    return [row.split()[1] for row in (await terminal.ok(keys.app, "list")).splitlines()[1:]]


async def test_scopes_of_clients(terminal: Terminal) -> None:
    """All are named where one is asked for, and a mistyped one is refused by its name."""
    names = ("openid", "profile", "email", "predict", "collect", "annotate", "hub", "read", "account")
    shown = await terminal.ok(oauth_clients.app, "create", "--help")
    assert all(name in shown for name in names)
    uri = ("--redirect-uri", "https://app.example/callback")
    refused = await terminal.run(oauth_clients.app, "create", "App", *uri, "--scope", "predict", "--scope", "lable")
    assert refused.exit_code != 0
    assert "lable" in refused.stderr
    assert "annotate" in refused.stderr


async def test_signing_keys(terminal: Terminal, client: httpx.AsyncClient, database: Database) -> None:
    [first] = (await client.get("/.well-known/jwks.json")).json()["keys"]
    assert await states(terminal) == ["signs"]
    done = await terminal.run(keys.app, "rotate")
    new = re.fullmatch(r"Published the key (\S+)\.\n", done.stderr)
    assert new is not None
    assert await states(terminal) == ["waits", "signs"]
    shown = await terminal.ok(keys.app, "list")
    assert shown.index(new[1]) < shown.index(first["kid"])
    async with database.writing() as session:
        earlier = text("UPDATE signing_keys SET signs_from = signs_from - interval '1 hour'")
        await session.execute(earlier)
    assert await states(terminal) == ["signs", "verifies"]
    async with database.writing() as session:
        await session.execute(text("UPDATE signing_keys SET retires_at = now() WHERE retires_at IS NOT NULL"))
    assert await states(terminal) == ["signs", "retired"]


async def test_another_secret_key_rotates_nothing(make_settings: MakeSettings, terminal: Terminal) -> None:
    other = Terminal(make_settings(secret_key="another secret, of 32 characters or more"))
    assert (await other.refused(keys.app, "rotate")).startswith("LIGHTBOX_SECRET_KEY is not the one")
    assert await states(terminal) == ["signs"]


async def test_api_keys(terminal: Terminal, sign_up: SignUp, database: Database) -> None:
    name = (await sign_up())["username"]
    arguments = ("create", name, "the scanner", "--scope", "predict", "--scope", "read", "--days", "30")
    done = await terminal.run(api_keys.app, *arguments)
    key = done.stdout.removesuffix("\n")
    assert done.exit_code == 0
    assert is_well_formed(key)
    assert key not in done.stderr
    shown = await terminal.ok(api_keys.app, "list")
    assert key not in shown
    _, row = shown.splitlines()
    assert "the scanner" in row
    assert "predict read" in row
    assert key[:8] in row
    assert await terminal.ok(api_keys.app, "list", "--account", name) == shown
    assert len((await terminal.ok(api_keys.app, "list", "--account", "admin")).splitlines()) == 1
    key_id = row.split()[0]
    await terminal.ok(api_keys.app, "revoke", key_id)
    assert len((await terminal.ok(api_keys.app, "list")).splitlines()) == 1
    for unknown in (key_id, "999999"):
        sentence = await terminal.refused(api_keys.app, "revoke", unknown)
        assert sentence == "There is no such key, or it has ended already."
    async with database.reading() as session:
        actions = await session.scalars(text("SELECT action FROM audit_entries WHERE actor = 'command-line'"))
        assert list(actions) == ["api-key-created", "api-key-revoked"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nobody", "x", "--scope", "read"), "There is no such account."),
        (("anonymous", "x", "--scope", "read"), "This account is nobody's"),
        (("admin", " ", "--scope", "read"), "name: "),
        (("admin", "x\x1b", "--scope", "read"), "name: Only printable characters are allowed."),
        (("admin", "x" * 101, "--scope", "read"), "name: "),
        (("admin", "x", "--scope", "read", "--days", "0"), "expires_in_days: "),
        (("admin", "x", "--scope", "read", "--days", "3651"), "expires_in_days: "),
    ],
)
async def test_api_keys_that_are_not_made(terminal: Terminal, arguments: tuple[str, ...], sentence: str) -> None:
    assert (await terminal.refused(api_keys.app, "create", *arguments)).startswith(sentence)


async def test_an_api_key_needs_a_scope(terminal: Terminal) -> None:
    for arguments in ((), ("--scope", "everything")):
        assert (await terminal.run(api_keys.app, "create", "admin", "x", *arguments)).exit_code == 2


async def entries(terminal: Terminal, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (await terminal.ok(audit.app, "list", "--json", *arguments)).splitlines()]


async def test_the_audit_trail(terminal: Terminal, sign_up: SignUp, client: httpx.AsyncClient) -> None:
    name = (await sign_up())["username"]
    await client.post("/api/chexray/login", json={"username": name, "password": "wrong"})
    await terminal.ok(accounts.app, "approve", name)
    everything = await entries(terminal)
    assert [each["sequence"] for each in everything] == list(range(len(everything), 0, -1))
    assert everything[0]["action"] == "authority-changed"
    account_id = everything[0]["account_id"]
    assert await entries(terminal, "--account", name) == await entries(terminal, "--id", str(account_id))
    assert await entries(terminal, "--actor", "command-line", "--action", "authority-changed") == everything[:1]
    assert await entries(terminal, "--from", everything[0]["at"]) == everything[:1]
    assert await entries(terminal, "--to", everything[0]["at"]) == everything[1:]
    assert await entries(terminal, "--from", "2100-01-01") == []
    assert await entries(terminal, "--limit", "2") == everything[:2]
    heading, first, *_ = (await terminal.ok(audit.app, "list")).splitlines()
    assert heading.split() == ["entry", "at", "action", "actor", "account", "address", "details"]
    assert first.split() == [
        *(str(everything[0][column]) for column in ("sequence", "at", "action", "actor", "account_id")),
        "-",
        "old=100",
        "new=102",
    ]


async def test_invalid_filters(terminal: Terminal) -> None:
    assert (await terminal.refused(audit.app, "list", "--action", "x")).startswith("There is no such action.")
    for text_ in ("yesterday", "0001-01-01T00:00+23:00", "", "9999-12-31T23:59:59-23:00"):
        assert (await terminal.refused(audit.app, "list", "--to", text_)).startswith("--to: this is not a time")
    assert (await terminal.run(audit.app, "list", "--id", "1", "--account", "admin")).exit_code == 2


async def test_more_entries_than_a_page(terminal: Terminal, database: Database) -> None:
    async with database.writing() as session:
        start = await session.scalar(text("SELECT entries FROM audit_head"))
        made = """SELECT '{"at": "2026-01-01T00:00:00.000000Z", "action": "signed-in", "actor": "nobody",
                  "account_id": null, "address": null, "details": {}}' FROM generate_series(1, 2500)"""
        await session.execute(text(f"INSERT INTO audit_entries (entry) {made}".replace(":", r"\:")))
    assert start is not None
    found = await entries(terminal, "--limit", "2400")
    assert [each["sequence"] for each in found] == list(range(start + 2500, start + 100, -1))
    assert len(await entries(terminal, "--limit", "9999", "--actor", "nobody", "--action", "signed-in")) >= 2500


async def test_verification(terminal: Terminal, sign_up: SignUp, database: Database) -> None:
    await sign_up()
    noted = (await terminal.ok(audit.app, "verify")).removesuffix("\n")
    number, head = noted.split(":")
    assert len(head) == 64
    await sign_up()
    assert await terminal.ok(audit.app, "verify", "--known", noted) > noted
    other = hashlib.sha256().hexdigest()
    assert "whose hash was noted" in await terminal.refused(audit.app, "verify", "--known", f"{number}:{other}")
    for wrong in ("1", f"x:{head}", f"1:{head}0", "1:" + "g" * 64):
        assert (await terminal.run(audit.app, "verify", "--known", wrong)).exit_code == 2
    async with database.writing() as session:
        await session.execute(text("ALTER TABLE audit_entries DISABLE TRIGGER audit_append_only"))
        await session.execute(text("UPDATE audit_entries SET entry = replace(entry, 'nobody', 'admin') || ' '"))
    sentence = await terminal.refused(audit.app, "verify")
    assert sentence.startswith("The trail of ")
    assert "entry 1 was changed" in sentence


def test_both_ways_have_the_same_commands() -> None:
    announced = {
        each.name: each.load() for each in entry_points(group=GROUP) if each.module.startswith("auth_service.")
    }
    in_a_container = {each.name: each.typer_instance for each in commands_of("auth-service").registered_groups}
    del in_a_container["storage"]  # `lightbox storage` is about all services
    assert announced == in_a_container


def run(*arguments: str, stdin: Any = subprocess.DEVNULL, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, as in a container."""
    command = [sys.executable, "-m", "auth_service", *arguments]
    kept = {"PATH": os.environ["PATH"], "NO_COLOR": "1"}
    return subprocess.run(
        command, env=kept | environment, stdin=stdin, capture_output=True, text=True, timeout=60, check=False
    )


SETTINGS = {"LIGHTBOX_DATABASE_URL": "postgresql://u:sesame99@127.0.0.1:1/x", "LIGHTBOX_SECRET_KEY": SECRET_KEY}


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "LIGHTBOX_DATABASE_URL (or DATABASE_URL) must name the PostgreSQL database."),
        (SETTINGS | {"LIGHTBOX_SECRET_KEY": "sesame99"}, "LIGHTBOX_SECRET_KEY must have at least 32 characters."),
        (SETTINGS | {"LIGHTBOX_PORT": "sesame99"}, "LIGHTBOX_PORT: Input should be a valid integer"),
        (SETTINGS, "The database can't be used: "),
        (SETTINGS | {"LIGHTBOX_DATABASE_URL": "mysql://u:sesame99@h/x"}, "The database can't be used: "),
        (SETTINGS | {"LIGHTBOX_DATABASE_URL": "sesame99"}, "The database can't be used: "),
    ],
)
@pytest.mark.processes
def test_settings_that_do_not_work(environment: dict[str, str], sentence: str) -> None:
    done = run("accounts", "list", **environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr
    assert "sesame99" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.processes
def test_a_database_that_was_never_started_on_is_left_alone(fresh_database: FreshDatabase) -> None:
    """The database is migrated, and has no accounts."""
    settings = {"LIGHTBOX_DATABASE_URL": fresh_database("auth_service"), "LIGHTBOX_SECRET_KEY": SECRET_KEY}
    done = run("keys", "rotate", **settings)
    assert (done.returncode, done.stdout) == (1, "")
    assert "start the platform once" in done.stderr


async def test_a_database_of_another_version_is_left_alone(terminal: Terminal, database: Database) -> None:
    for statement in ("UPDATE alembic_version SET version_num = '0001'", "DROP TABLE alembic_version"):
        async with database.writing() as session:
            await session.execute(text(statement))
        assert "start the platform once" in await terminal.refused(accounts.app, "list")


@pytest.mark.processes
async def test_into_a_pipe_that_closes(settings: AuthSettings, database: Database) -> None:
    async with database.writing() as session:
        # Four times what a pipe holds (64 KiB, pipe(7)), so that writing goes on after it was closed.
        names = "SELECT 'n' || n, 'n' || n, 103 FROM generate_series(1, 5000) n"
        await session.execute(text(f"INSERT INTO accounts (username, username_key, authority) {names}"))
    environment = {
        "PATH": os.environ["PATH"],
        "LIGHTBOX_DATABASE_URL": settings.database_url,
        "LIGHTBOX_SECRET_KEY": SECRET_KEY,
    }
    for option in ("", "--json"):
        command = f"{sys.executable} -m auth_service accounts list --limit 5000 {option}"
        shell = ["/bin/bash", "-c", f"set -o pipefail; {command} | head -n 2"]
        done = await anyio.run_process(shell, env=environment, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert len(done.stdout.splitlines()) == 2
