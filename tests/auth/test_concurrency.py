"""Requests at the same time."""

from collections import Counter

import anyio
import httpx
import pytest
from passlib.hash import bcrypt
from sqlalchemy import text
from support.asgi import WithState
from support.auth_service import SignUp, services_of, set_passwords

from auth_service.accounts.errors import UsernameTaken
from auth_service.accounts.registration import NewAccount
from auth_service.passwords.hashing import Passwords
from lightbox_shared.database import Database

pytestmark = pytest.mark.real_hashes


async def test_of_many_sign_ups_with_one_name_exactly_one_succeeds(client: httpx.AsyncClient) -> None:
    answers: list[httpx.Response] = []

    async def sign_up(number: int) -> None:
        name = "Yelda" if number % 2 else "yelda"
        answers.append(await client.post("/api/chexray/signup/", json={"username": name, "password": "x"}))

    async with anyio.create_task_group() as tasks:
        for number in range(12):
            tasks.start_soon(sign_up, number)
    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: 11}
    refused = [answer.json() for answer in answers if answer.status_code == 400]
    assert refused == [{"username": "A user with that username already exists"}] * 11


async def test_the_constraint_decides_where_both_saw_the_name_free(service: WithState) -> None:
    """Both have found the name free. The second insert waits for the first, and fails when that one commits."""
    database, registration = service.state["database"], services_of(service).registration
    first_account = await registration.prepare(NewAccount("ada", "x"))
    second_account = await registration.prepare(NewAccount("ADA", "x"))
    outcome: list[str] = []

    async def second() -> None:
        try:
            async with database.writing() as session:
                await registration.insert(session, second_account)
        except UsernameTaken:
            outcome.append("taken")

    async with anyio.create_task_group() as tasks, database.writing() as session:
        await registration.insert(session, first_account)
        tasks.start_soon(second)
        await anyio.sleep(0.3)
        assert outcome == []
    assert outcome == ["taken"]


async def test_many_logins_side_by_side(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    """More logins than connections in the pool: a login holds none while it hashes."""
    body = await sign_up()
    statuses: list[int] = []

    async def log_in() -> None:
        fields = {"username": body["username"], "password": "correct horse"}
        statuses.append((await client.post("/api/chexray/login", json=fields)).status_code)

    async with anyio.create_task_group() as tasks:
        for _ in range(40):
            tasks.start_soon(log_in)
    assert Counter(statuses) == {200: 40}


class WatchesThePool(Passwords):
    """Records how many connections are in use while a password is hashed or verified."""

    database: Database
    in_use: list[int]

    async def hash(self, password: str) -> str:
        self.in_use.append(self.database.engine.pool.checkedout())  # type: ignore[attr-defined]
        return await super().hash(password)

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        self.in_use.append(self.database.engine.pool.checkedout())  # type: ignore[attr-defined]
        return await super().verify(password, stored)


async def test_no_connection_is_held_while_hashing(service: WithState, client: httpx.AsyncClient) -> None:
    passwords = await WatchesThePool.start()
    passwords.database, passwords.in_use = service.state["database"], []
    set_passwords(service, passwords)
    fields = {"username": "ada", "password": "x"}
    assert (await client.post("/api/chexray/signup", json=fields)).status_code == 200
    assert (await client.post("/api/chexray/login", json=fields)).status_code == 200
    assert passwords.in_use == [0, 0]
    passwords.close()


class ChangesMeanwhile(Passwords):
    """Changes the passwords of all accounts while one is verified, as another request might."""

    database: Database

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        found = await super().verify(password, stored)
        async with self.database.writing() as session:
            await session.execute(text("UPDATE accounts SET password_changed_at = now() + interval '1 hour'"))
        return found


@pytest.mark.parametrize("outdated", [False, True])
async def test_a_login_in_progress_is_refused_after_a_change_of_the_password(
    service: WithState, client: httpx.AsyncClient, sign_up: SignUp, outdated: bool
) -> None:
    name = (await sign_up())["username"]
    passwords = await ChangesMeanwhile.start()
    passwords.database = service.state["database"]
    if outdated:
        async with passwords.database.writing() as session:
            update = text("UPDATE accounts SET password_hash = :hash")
            await session.execute(update, {"hash": bcrypt.using(rounds=4).hash("correct horse")})
    set_passwords(service, passwords)
    answer = await client.post("/api/chexray/login", json={"username": name, "password": "correct horse"})
    assert answer.status_code == 400
    async with passwords.database.reading() as session:
        assert await session.scalar(text("SELECT count(*) FROM sessions")) == 1  # the session of the sign-up
        assert await session.scalar(text("SELECT count(*) FROM audit_entries WHERE action = 'signed-in'")) == 0
    passwords.close()
