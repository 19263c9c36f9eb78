"""The command `accounts import`: users of other systems keep their passwords."""

import base64
import csv
import hashlib
import io
import json
import secrets
from functools import lru_cache
from typing import Any

import anyio
import httpx
import pytest
from passlib.hash import argon2, bcrypt
from sqlalchemy import text
from support.auth_service import SignUp
from support.commands import Terminal

from auth_service.commands.accounts import app
from lightbox_shared.database import Database

pytestmark = pytest.mark.real_hashes

ROWS = 10_000
PASSWORDS = 40
SCHEMES = ("2a", "2b", "2y", "django", "werkzeug", "argon2id")
HASH = "$2b$04$" + "a" * 53
GOOD = f"username,password\nada,{HASH}\n"


def old_password(number: int) -> str:
    return f"the old password {number % PASSWORDS}"


@lru_cache(None)
def old_hash(scheme: str, password: str) -> str:
    """A hash at the least cost that its kind allows, since the tests are about the formats."""
    match scheme:
        case "django":
            salt = secrets.token_hex(8)
            return f"pbkdf2_sha256$10${salt}${base64.b64encode(_pbkdf2(password, salt)).decode()}"
        case "werkzeug":
            salt = secrets.token_hex(8)
            return f"pbkdf2:sha256:10${salt}${_pbkdf2(password, salt).hex()}"
        case "argon2id":
            weak: Any = argon2.using(type="ID", memory_cost=8, time_cost=1, parallelism=1)  # type: ignore[no-untyped-call]
            return str(weak.hash(password))
        case ident:
            return str(bcrypt.using(rounds=4, ident=ident).hash(password))


def _pbkdf2(password: str, salt: str) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), 10)


def users(count: int) -> list[dict[str, str]]:
    """Rows with every kind of hash in turn, an email in ten of eleven, and authorities by name and by number."""
    return [
        {
            "username": f"Person.{number}",
            "password": old_hash(SCHEMES[number % len(SCHEMES)], old_password(number)),
            "email": f"person{number}@lab.example" if number % 11 else "",
            "authority": ("", "doctor", "103")[number % 3],
            "last_login": "2020-01-01",
        }
        for number in range(count)
    ]


def as_csv(rows: list[dict[str, str]]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def as_json_lines(rows: list[dict[str, str]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


async def everything(database: Database) -> list[Any]:
    """Everything that an import could change."""
    async with database.reading() as session:
        statements = (
            "SELECT to_jsonb(accounts) FROM accounts ORDER BY id",
            "SELECT to_jsonb(account_totals) FROM account_totals ORDER BY authority",
            "SELECT entry FROM audit_entries ORDER BY sequence",
            "SELECT last_value FROM accounts_id_seq",
        )
        return [list(await session.scalars(text(statement))) for statement in statements]


async def stored_hash(database: Database, username: str) -> str:
    async with database.reading() as session:
        query = text("SELECT password_hash FROM accounts WHERE username = :name")
        return str(await session.scalar(query, {"name": username}))


async def log_in(client: httpx.AsyncClient, name: str, password: str) -> int:
    answer = await client.post("/api/chexray/login", json={"username": name, "password": password})
    return answer.status_code


@pytest.mark.parametrize("write", [as_csv, as_json_lines])
async def test_ten_thousand_users(
    terminal: Terminal, client: httpx.AsyncClient, database: Database, write: Any
) -> None:
    content = write(users(ROWS))
    before = await everything(database)
    done = await terminal.run(app, "import", "-", "--dry-run", "--authority", "guest", stdin=content)
    assert done.stdout == f"Accounts that would be imported: {ROWS}; rows skipped: 0.\n"
    assert done.stderr == "Ignored the columns last_login.\n"
    assert await everything(database) == before

    done = await terminal.run(app, "import", "-", "--authority", "guest", stdin=content)
    assert (done.exit_code, done.stdout) == (0, f"Accounts imported: {ROWS}; rows skipped: 0.\n")
    accounts, totals, entries, _ = await everything(database)
    assert len(accounts) == ROWS + 2
    assert {each["authority"]: each["total"] for each in totals} == {101: 1, 102: 3333, 103: 6667}
    imported = json.loads(entries[-1])
    assert (imported["action"], imported["actor"]) == ("accounts-imported", "command-line")
    ids = [account["id"] for account in accounts[2:]]
    assert imported["details"] == {"accounts": ROWS, "first_id": min(ids), "last_id": max(ids)}
    first = accounts[2]
    assert (first["username"], first["username_key"], first["email"]) == ("Person.0", "person.0", None)
    assert accounts[3]["email"] == "person1@lab.example"

    # An account with each kind of hash: only the old password is right, and the hash is argon2id afterwards.
    for number in range(6000, 6000 + len(SCHEMES)):
        name, password = f"person.{number}", old_password(number)
        before_login = await stored_hash(database, f"Person.{number}")
        assert await log_in(client, name, old_password(number + 1)) == 400
        assert await stored_hash(database, f"Person.{number}") == before_login
        assert await log_in(client, name, password) == 200
        after = await stored_hash(database, f"Person.{number}")
        assert after.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert await log_in(client, name, password) == 200
        assert await stored_hash(database, f"Person.{number}") == after

    # The second import of the same file changes nothing.
    before = await everything(database)
    done = await terminal.run(app, "import", "-", stdin=content)
    assert done.stdout == f"Accounts imported: 0; rows skipped: {ROWS}.\n"
    after_all = await everything(database)
    assert after_all[:3] == before[:3]


async def test_skipped_rows_are_reported(terminal: Terminal, sign_up: SignUp, database: Database) -> None:
    taken = (await sign_up())["username"]
    rows = [
        f"{taken.upper()},{HASH},,",
        f"ada,{HASH},,king",
        f"ada,{HASH},ada@,",
        f"ada,{HASH},ada@lab.example,",
        f"ADA,{HASH},,",
        "eve,secret,,",
        f"e ve,{HASH},,",
        f",{HASH},,",
        "eve,,,",
        f"eve,{HASH},,admin",
        f"eve,{HASH}",
        f"anonymous,{HASH},,",
        "eve,$2b$31$" + "a" * 53 + ",,",
        f"eve,{HASH},,",
    ]
    content = "username,password_hash,email,authority\n" + "\n".join(rows)
    expected = [
        (2, "its username is taken"),
        (3, "its authority is not one of none, admin, doctor, guest, expert"),
        (4, "its email is not valid"),
        (6, "its username is in the file before"),
        (7, "its password hash can't be used: it is of no known kind"),
        (8, "its username is not valid"),
        (9, "it has no username"),
        (10, "it has no password hash"),
        (11, "it is an administrator, and none are allowed"),
        (12, "it does not have as many fields as the header"),
        (13, "its username is taken"),
        (14, "its password hash can't be used: the cost of bcrypt is not between 4 and 15"),
    ]
    for arguments, verb in ((("--dry-run",), "Accounts that would be imported"), ((), "Accounts imported")):
        done = await terminal.run(app, "import", "-", *arguments, stdin=content)
        assert (done.exit_code, done.stdout) == (0, f"{verb}: 2; rows skipped: 12.\n")
        assert done.stderr.splitlines() == [f"line {line}: skipped, since {reason}" for line, reason in expected]
        assert HASH not in done.output
        assert "secret" not in done.output
    accounts = (await everything(database))[0]
    assert [each["username"] for each in accounts[2:]] == [taken, "ada", "eve"]


async def test_administrators_are_imported_when_asked_for(terminal: Terminal, database: Database) -> None:
    content = f"username,password,authority\nada,{HASH},admin\neve,{HASH},101\n"
    await terminal.ok(app, "import", "-", stdin=content)
    assert len((await everything(database))[0]) == 2
    await terminal.ok(app, "import", "-", "--allow-admins", stdin=content)
    assert [each["authority"] for each in (await everything(database))[0]] == [100, 101, 101, 101]


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"", "The file is empty."),
        (b"\x00" * 100, "The first line must name the columns"),
        (b"\xff\xfeu\x00s\x00", "Line 1 is not UTF-8."),
        (b"username\nada\n", "The first line must name the columns"),
        (f"ada,{HASH}\n".encode(), "The first line must name the columns"),
        (f'{GOOD}eve,"{HASH}\n'.encode(), "Line 3: unexpected end of data."),
        (f"{GOOD}\xe9\n".encode("latin-1"), "Line 3 is not UTF-8."),
        (GOOD.encode() + b"x" * (1 << 21), "Line 3 is longer than"),
        (f"{GOOD}eve,{'x' * 200_000}\n".encode(), "Line 3: field larger than field limit"),
        # A whole batch is in the database already when the last line turns out to be unreadable.
        (as_csv(users(2500)).encode() + b'"', "Line 2502: unexpected end of data."),
    ],
)
async def test_a_file_that_is_broken_changes_nothing(
    terminal: Terminal, database: Database, content: bytes, shown: str
) -> None:
    before = await everything(database)
    assert (await terminal.refused(app, "import", "-", stdin=content)).startswith(shown)
    assert await everything(database) == before


@pytest.mark.parametrize(
    "content", [b"username,password\nada\x00,x\n", b'[\n{"username": "ada"}\n]', b'["ada", "x"]\n17\nnull\n', b"{}\n"]
)
async def test_a_file_without_any_account_changes_nothing(
    terminal: Terminal, database: Database, content: bytes
) -> None:
    before = await everything(database)
    assert (await terminal.ok(app, "import", "-", stdin=content)).startswith("Accounts imported: 0; rows skipped: ")
    assert await everything(database) == before


async def test_a_file_by_its_name(terminal: Terminal, tmp_path: Any) -> None:
    path = tmp_path / "users.csv"
    assert (await terminal.refused(app, "import", str(path))) == f"{path}: No such file or directory."
    assert (await terminal.refused(app, "import", str(tmp_path))) == f"{tmp_path}: Is a directory."
    path.write_text(f"\ufeffusername;password\nada;{HASH}\n")
    assert (await terminal.refused(app, "import", str(path))).startswith("The first line must name the columns")
    path.write_bytes(f"\ufeffusername,password\r\nada,{HASH}\r\n".encode())
    assert await terminal.ok(app, "import", str(path)) == "Accounts imported: 1; rows skipped: 0.\n"


async def test_a_name_that_is_taken_during_the_import(terminal: Terminal, sign_up: SignUp, database: Database) -> None:
    """The import waits for a transaction that inserts the same name, and skips its own row when that has committed."""
    name = (await sign_up())["username"]
    content = f"username,password\n{name}2,{HASH}\neve,{HASH}\n"
    results: list[str] = []

    async def import_both() -> None:
        results.append((await terminal.run(app, "import", "-", stdin=content)).output)

    async with anyio.create_task_group() as tasks, database.writing() as session:
        insert = "INSERT INTO accounts (username, username_key, authority) VALUES (:name, :name, 103)"
        await session.execute(text(insert), {"name": f"{name}2"})
        tasks.start_soon(import_both)
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")
        with anyio.fail_after(20):
            while not await session.scalar(waiting):  # noqa: ASYNC110 - of the database
                await anyio.sleep(0.02)
    assert results == ["line 2: skipped, since its username is taken\nAccounts imported: 1; rows skipped: 1.\n"]
