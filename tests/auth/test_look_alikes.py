"""Names that look like another account's: refused wherever an account gets a name, also at the same moment. Accounts
that look alike already keep working."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from support.asgi import client_of, running
from support.auth_service import MakeSettings
from support.commands import Terminal
from support.yelda import PASSWORD, Lab

from auth_service.accounts.usernames import username_skeletons
from auth_service.app import create_app
from auth_service.commands.accounts import app
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Database

CHIEF, ALIKE = "chief", "chi\u0435f"
SENTENCE = "This username looks like that of another account. Please choose another one."
IN_CHINESE = "用户名与已有用户名过于相似"


@pytest.fixture
async def lab(make_settings: MakeSettings) -> AsyncIterator[Lab]:
    async with running(create_app(make_settings())) as app, client_of(app) as client:
        yield Lab(app, client)


async def chexray(client: httpx.AsyncClient, username: str, **more: str) -> tuple[int, Any]:
    answer = await client.post("/api/chexray/signup", json={"username": username, "password": PASSWORD, **more})
    return answer.status_code, answer.json()


async def yelda(client: httpx.AsyncClient, username: str) -> tuple[int, Any]:
    answer = await client.post("/accounts", json={"username": username, "password": PASSWORD})
    return answer.status_code, answer.json()["message"]


@pytest.mark.parametrize(
    ("first", "second"), [(CHIEF, ALIKE), (ALIKE, CHIEF), (ALIKE, "\u0441hief"), ("Hill", "\u041dill")]
)
async def test_it_is_refused_in_each_dialect(lab: Lab, first: str, second: str) -> None:
    assert (await chexray(lab.http, first))[0] == 200
    assert await chexray(lab.http, second) == (400, {"username": SENTENCE})
    mismatch = (await chexray(lab.http, second, password2="other"))[1]
    assert mismatch == {"password": "Passwords Must Match", "username": SENTENCE}
    assert await yelda(lab.http, second) == (409, IN_CHINESE)
    assert await yelda(lab.http, first) == (409, "用户名已存在")
    assert await yelda(lab.http, "\u0430nonymous") == (409, IN_CHINESE)


async def test_a_turkish_name(lab: Lab) -> None:
    status, body = await chexray(lab.http, "\u0130pek")
    assert (status, body["username"]) == (200, "\u0130pek")
    for name in ("\u0130pek", "ipek", "IPEK", "i\u0307pek"):
        answer = await lab.http.post("/api/chexray/login", json={"username": name, "password": PASSWORD})
        assert (answer.status_code, answer.json().get("username")) == (200, "\u0130pek")
    assert (await yelda(lab.http, "ipek"))[0] == 409


async def test_a_rename(lab: Lab, database: Database) -> None:
    assert (await chexray(lab.http, CHIEF))[0] == 200
    person = await lab.person(Authority.DOCTOR, "eve")
    path = f"/accounts/{person.id}"
    answer = await lab.http.put(path, json={"username": ALIKE}, headers=person.headers)
    assert (answer.status_code, answer.json()["message"]) == (409, IN_CHINESE)
    for name in ("Eve", "\u0415ve", "EVE", "adam"):  # what looks like its own name is no other's
        answer = await lab.http.put(path, json={"username": name}, headers=person.headers)
        assert answer.status_code == 200
        async with database.reading() as session:
            query = text("SELECT skeletons FROM accounts WHERE id = :id")
            assert await session.scalar(query, {"id": person.id}) == username_skeletons(name)
    assert (await yelda(lab.http, "\u0435ve"))[0] == 201  # nobody looks like that any more


async def test_at_the_same_moment(lab: Lab, database: Database) -> None:
    names = [CHIEF, ALIKE, "\u0441hief", "\u0441hi\u0435f", "ch\u0456ef"]
    for number in range(8):
        answers = await asyncio.gather(*(chexray(lab.http, f"{name}{number}") for name in names))
        assert sorted(status for status, _ in answers) == [200, 400, 400, 400, 400]
    async with database.reading() as session:
        query = text("SELECT count(*) FROM accounts, unnest(skeletons) AS each WHERE each LIKE 'chief%'")
        assert await session.scalar(query) == 8


async def test_accounts_that_look_alike_keep_working(lab: Lab, database: Database) -> None:
    """They may be older than the rule."""
    first = await lab.person(Authority.DOCTOR, CHIEF)
    second = await lab.person(Authority.DOCTOR, "other")
    async with database.writing() as session:
        update = text("UPDATE accounts SET username = :name, username_key = :name, skeletons = :look WHERE id = :id")
        await session.execute(update, {"name": ALIKE, "look": username_skeletons(ALIKE), "id": second.id})
    for person, name in ((first, CHIEF), (second, ALIKE)):
        assert (await lab.authorize(name, PASSWORD)).status_code == 201
        seen = (await lab.http.get(f"/accounts/{person.id}", headers=person.headers)).json()
        answer = await lab.http.put(f"/accounts/{person.id}", json={**seen, "nickname": "n"}, headers=person.headers)
        assert (answer.status_code, answer.json()["nickname"]) == (200, "n")


async def test_on_the_command_line(terminal: Terminal, lab: Lab) -> None:
    assert (await chexray(lab.http, CHIEF))[0] == 200
    added = await terminal.run(app, "add", ALIKE, "--generate")
    assert added.exit_code != 0
    assert SENTENCE in " ".join(added.output.split())


async def test_an_import(terminal: Terminal, lab: Lab, database: Database) -> None:
    stored = "$2b$04$" + "a" * 53
    assert (await chexray(lab.http, CHIEF))[0] == 200
    names = [ALIKE, "carol", "c\u0430rol", "car0l", "n\u0435w", "new", "CHIEF", "dave"]
    content = "username,password\n" + "".join(f"{name},{stored}\n" for name in names)
    for options in (("--dry-run",), ()):
        output = (await terminal.run(app, "import", "-", *options, stdin=content)).output
        for line in (2, 4, 7):
            assert f"line {line}: skipped, since its username looks like that of another account" in output
        assert "line 8: skipped, since its username is taken" in output
        assert "rows skipped: 4." in output
    async with database.reading() as session:
        query = text("SELECT username FROM accounts WHERE id > 3 AND cardinality(skeletons) > 0 ORDER BY id")
        assert list(await session.scalars(query)) == ["carol", "car0l", "n\u0435w", "dave"]
