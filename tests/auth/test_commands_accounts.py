"""The commands `accounts`."""

import json
import os
import pty
import subprocess
import sys

import anyio.to_thread
import httpx
import pytest
from sqlalchemy import text
from support.auth_service import SignUp
from support.commands import Terminal

from auth_service.commands.accounts import app
from auth_service.config import AuthSettings
from lightbox_shared.database import Database

PASSWORD = "correct horse battery"


async def log_in(client: httpx.AsyncClient, name: str, password: str) -> httpx.Response:
    return await client.post("/api/chexray/login", json={"username": name, "password": password})


async def audit_entries(database: Database) -> list[dict[str, object]]:
    async with database.reading() as session:
        rows = await session.scalars(text("SELECT entry FROM audit_entries ORDER BY sequence"))
        return [json.loads(row) for row in rows]


async def listed(terminal: Terminal, *arguments: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (await terminal.ok(app, "list", "--json", *arguments)).splitlines()]


async def test_add(terminal: Terminal, client: httpx.AsyncClient, database: Database) -> None:
    arguments = ("Ada", "--authority", "doctor", "--email", "Ada@Example.ORG", "--nickname", "Countess")
    done = await terminal.run(app, "add", *arguments, "--password-stdin", stdin=f"{PASSWORD}\r\nmore\n")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "Added the account 3.\n")
    assert (await log_in(client, "ada", PASSWORD)).status_code == 200
    [_, account] = await listed(terminal)
    assert account.pop("created")
    assert account == {
        "id": 3,
        "username": "Ada",
        "authority": "doctor",
        "nickname": "Countess",
        "email": "Ada@example.org",
    }
    entry = [each for each in await audit_entries(database) if each["action"] == "account-created"][-1]
    assert (entry["actor"], entry["account_id"], entry["address"]) == ("command-line", 3, None)
    assert PASSWORD not in json.dumps(await audit_entries(database))


async def test_a_generated_password_is_all_that_is_printed(terminal: Terminal, client: httpx.AsyncClient) -> None:
    password = (await terminal.ok(app, "add", "ada", "--generate")).removesuffix("\n")
    assert len(password) == 24
    assert (await log_in(client, "ada", password)).status_code == 200
    other = (await terminal.ok(app, "reset-password", "ada", "--generate")).removesuffix("\n")
    assert other != password
    assert (await log_in(client, "ada", other)).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (("add", "a b", "--password-stdin"), "x", "username: Enter a valid username."),
        (("add", "ada", "--password-stdin"), "", "password: This field may not be blank."),
        (("add", "ada", "--generate", "--nickname", "x" * 151), "", "nickname: Ensure this field has no more than 150"),
        (("add", "ada", "--generate", "--nickname", "x\udcff"), "", "nickname: This can't be stored."),
        (("add", "ada", "--password-stdin"), "x" * 1025, "password: Ensure this field has no more than 1024"),
        (("add", "ada", "--password-stdin", "--email", "ada"), "x", "email: Enter a valid email address."),
        (("add", "ADMIN", "--generate"), "", "username: A user with that username already exists."),
        (("add", "anonymous", "--generate"), "", "username: A user with that username already exists."),
        (("add", "ada"), "", "There is no terminal to ask for the password: use --password-stdin or --generate."),
        (("add", "ada", "--password-stdin"), b"\xff\n", "The password is not UTF-8."),
        (("approve", "nobody"), "", "There is no such account."),
        (("approve", "x" * 10_000), "", "There is no such account."),
        (("approve", "a\0b\udcff"), "", "There is no such account."),
        (("approve", "--id", "admin"), "", "There is no such account."),
        (("approve", "--id", "9" * 30), "", "There is no such account."),
        (("approve", "admin"), "", "admin does not wait for approval: its authority is admin."),
        (("set-authority", "anonymous", "admin"), "", "This account is nobody's, and stays as it is."),
        (("reset-password", "--id", "1", "--generate"), "", "This account is nobody's, and stays as it is."),
        (("reset-password", "admin", "--password-stdin"), "\n", "password: Ensure this field has at least 1"),
        (("set-authority", "admin", "doctor"), "", "This is the last administrator, and there must be one."),
        (("delete", "admin", "--yes"), "", "This is the last administrator, and there must be one."),
    ],
)
async def test_refused_commands(
    terminal: Terminal, arguments: tuple[str, ...], stdin: str | bytes, sentence: str
) -> None:
    before = await listed(terminal)
    assert (await terminal.refused(app, *arguments, stdin=stdin)).startswith(sentence)
    assert await listed(terminal) == before


async def test_a_password_can_not_be_an_argument(terminal: Terminal) -> None:
    for arguments in (("add", "ada", PASSWORD), ("add", "ada", "--password", PASSWORD)):
        assert (await terminal.run(app, *arguments)).exit_code == 2


def typed(settings: AuthSettings, *answers: str) -> tuple[int, str]:
    """Run `add ada` at a terminal. Returns the exit code, and what the terminal showed."""
    terminal, end = pty.openpty()
    environment = {
        "PATH": os.environ["PATH"],
        "NO_COLOR": "1",
        "LIGHTBOX_DATABASE_URL": settings.database_url,
        "LIGHTBOX_SECRET_KEY": settings.secret_key.get_secret_value(),
    }
    command = [sys.executable, "-m", "auth_service", "accounts", "add", "ada"]
    shown = b""
    with subprocess.Popen(
        command, env=environment, stdin=end, stdout=end, stderr=end, start_new_session=True
    ) as process:
        os.close(end)
        for prompt, answer in zip((b"Password: ", b"Again: "), answers, strict=True):
            while prompt not in shown:
                shown += os.read(terminal, 1000)
            os.write(terminal, f"{answer}\n".encode())
        while True:
            try:
                shown += os.read(terminal, 1000)
            except OSError:  # EIO: the other end of the terminal is closed
                break
    os.close(terminal)
    return process.returncode, shown.decode()


@pytest.mark.processes
async def test_a_password_that_is_typed(terminal: Terminal, settings: AuthSettings, client: httpx.AsyncClient) -> None:
    code, shown = await anyio.to_thread.run_sync(typed, settings, PASSWORD, f"{PASSWORD}!")
    assert (code, "These are two different passwords." in shown) == (1, True)
    assert len(await listed(terminal)) == 1
    code, shown = await anyio.to_thread.run_sync(typed, settings, PASSWORD, PASSWORD)
    assert (code, "Added the account 3." in shown) == (0, True)
    assert PASSWORD not in shown
    assert (await log_in(client, "ada", PASSWORD)).status_code == 200


async def test_approval(terminal: Terminal, sign_up: SignUp, database: Database) -> None:
    first, second, third = [(await sign_up())["username"] for _ in range(3)]
    assert [each["username"] for each in await listed(terminal, "--pending")] == [first, second, third]
    await terminal.ok(app, "approve", first.upper())
    await terminal.ok(app, "approve", second, "--as", "guest")
    account_id = str((await listed(terminal, "--pending"))[0]["id"])
    done = await terminal.run(app, "approve", "--id", account_id)
    assert done.stderr == f"{third} has the authority doctor now.\n"
    assert await listed(terminal, "--pending") == []
    assert [each["username"] for each in await listed(terminal, "--authority", "doctor")] == [first, third]
    assert [each["username"] for each in await listed(terminal, "--authority", "guest")] == [second]
    assert (await terminal.refused(app, "approve", first)).startswith(f"{first} does not wait for approval")
    changes = [each for each in await audit_entries(database) if each["action"] == "authority-changed"]
    assert [each["details"] for each in changes] == [{"old": 100, "new": new} for new in (102, 103, 102)]
    assert {each["actor"] for each in changes} == {"command-line"}


async def test_an_expert(terminal: Terminal) -> None:
    for name, arguments in {"ada": ("--authority", "expert"), "bob": ()}.items():
        await terminal.ok(app, "add", name, *arguments, "--password-stdin", stdin=PASSWORD)
    await terminal.ok(app, "approve", "bob", "--as", "expert")
    assert [each["username"] for each in await listed(terminal, "--authority", "expert")] == ["ada", "bob"]
    await terminal.ok(app, "set-authority", "ada", "doctor")
    await terminal.ok(app, "set-authority", "ada", "expert")
    assert [each["authority"] for each in await listed(terminal)] == ["admin", "expert", "expert"]


async def test_an_administrator_can_be_demoted_when_there_is_another(
    terminal: Terminal, client: httpx.AsyncClient
) -> None:
    await terminal.ok(app, "add", "ada", "--authority", "admin", "--password-stdin", stdin=PASSWORD)
    await terminal.ok(app, "set-authority", "admin", "guest")
    assert (await terminal.refused(app, "set-authority", "ada", "none")).startswith("This is the last administrator")
    await terminal.ok(app, "delete", "admin", "--yes")
    assert [each["username"] for each in await listed(terminal)] == ["ada"]
    assert (await log_in(client, "ada", PASSWORD)).status_code == 200


async def test_another_password_ends_all_sessions(
    terminal: Terminal, client: httpx.AsyncClient, as_gateway: httpx.AsyncClient, sign_up: SignUp
) -> None:
    name = (await sign_up())["username"]
    await terminal.ok(app, "reset-password", name, "--password-stdin", stdin=PASSWORD)
    assert len((await as_gateway.get("/internal/revocations")).json()["revoked"]) == 1
    assert (await log_in(client, name, "correct horse")).status_code == 400
    assert (await log_in(client, name, PASSWORD)).status_code == 200


async def test_deleting_asks(terminal: Terminal, sign_up: SignUp) -> None:
    name = (await sign_up())["username"]
    for answer in ("n\n", "", "\n"):
        done = await terminal.run(app, "delete", name, stdin=answer)
        assert done.exit_code == 1
        assert f"Delete the account {name}?" in done.stderr
    done = await terminal.run(app, "delete", name, stdin="y\n")
    assert done.exit_code == 0
    assert (await terminal.refused(app, "delete", name, "--yes")) == "There is no such account."


async def test_the_table(terminal: Terminal, sign_up: SignUp, database: Database) -> None:
    names = [(await sign_up())["username"] for _ in range(3)]
    nickname = "\x1b]0;owned\x07[red]\x9b31m\n第一" + "x" * 200
    async with database.writing() as session:
        update = text("UPDATE accounts SET nickname = :nickname WHERE username = :name")
        await session.execute(update, {"nickname": nickname, "name": names[0]})
    shown = await terminal.ok(app, "list")
    heading, *rows = shown.splitlines()
    assert heading.split() == ["id", "username", "authority", "nickname", "email", "created"]
    assert [row.split()[:3] for row in rows] == [
        ["2", "admin", "admin"],
        *([str(number), name, "none"] for number, name in enumerate(names, start=3)),
    ]
    # Control characters in a nickname must not reach the terminal.
    assert "\\x1b]0;owned\\x07[red]\\x9b31m\\n第一" + "x" * 200 in rows[1]
    assert (await listed(terminal))[1]["nickname"] == nickname
    assert all(character.isascii() for character in await terminal.ok(app, "list", "--json"))


async def test_a_limit_is_said(terminal: Terminal, sign_up: SignUp) -> None:
    for _ in range(2):
        await sign_up()
    for limit, more in (("2", True), ("3", False), ("4", False)):
        for arguments in (("list", "--limit", limit), ("list", "--limit", limit, "--json")):
            done = await terminal.run(app, *arguments)
            assert done.stderr == ("There are more; --limit shows them.\n" if more else "")
            assert len(done.stdout.splitlines()) == min(3, int(limit)) + ("--json" not in arguments)


async def test_more_accounts_than_a_page(terminal: Terminal, database: Database) -> None:
    async with database.writing() as session:
        names = "SELECT 'n' || n, 'n' || n, 103 FROM generate_series(1, 2500) n"
        await session.execute(text(f"INSERT INTO accounts (username, username_key, authority) {names}"))
    found = await listed(terminal, "--limit", "2400", "--authority", "guest")
    assert [each["username"] for each in found] == [f"n{number}" for number in range(1, 2401)]
    assert len(await listed(terminal, "--limit", "100000")) == 2501
