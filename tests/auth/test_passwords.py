"""Hashes: what is made, what is accepted, what is replaced."""

from typing import Any

import httpx
import pytest
from passlib.hash import bcrypt, django_pbkdf2_sha256
from sqlalchemy import text
from support.auth_service import SignUp

from auth_service.accounts.passwords import MAX_WAITING, Passwords
from lightbox_shared.database import Database
from lightbox_shared.errors import Unavailable


async def test_hashes_are_argon2id_of_the_chosen_strength() -> None:
    passwords = await Passwords.start()
    stored = await passwords.hash("x")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.verify("x", stored) == (True, None)
    assert await passwords.verify("y", stored) == (False, None)


@pytest.mark.parametrize("stored", [None, "", "!", "$argon2id$", "plain text", "md5$1$2"])
async def test_what_is_no_hash_fits_no_password(stored: str | None) -> None:
    passwords = await Passwords.start()
    assert await passwords.verify("!", stored) == (False, None)


async def test_unknown_names_verify_a_dummy() -> None:
    """The same work for known and unknown names, by construction."""
    passwords = await Passwords.start()
    made = await Passwords.start()
    passwords._dummy_hash = await made.hash("the dummy")
    assert passwords._dummy_hash.split("$")[:4] == (await passwords.hash("x")).split("$")[:4]
    # Even who knows what the dummy hashes is not let in.
    assert await passwords.verify("the dummy", None) == (False, None)


async def test_bcrypt_takes_at_most_72_bytes() -> None:
    passwords = await Passwords.start()
    stored = bcrypt.using(rounds=4).hash("x" * 72)
    assert (await passwords.verify("x" * 72, stored))[0]
    assert await passwords.verify("x" * 73, stored) == (False, None)
    assert await passwords.verify("é" * 37, stored) == (False, None)


@pytest.mark.parametrize("scheme", [bcrypt.using(rounds=4), django_pbkdf2_sha256.using(rounds=1000)])  # type: ignore[no-untyped-call]
async def test_hashes_of_imported_users_are_replaced_at_login(
    client: httpx.AsyncClient, database: Database, sign_up: SignUp, scheme: Any
) -> None:
    name = (await sign_up())["username"]

    async def stored() -> str:
        async with database.reading() as session:
            query = text("SELECT password_hash FROM accounts WHERE username = :name")
            return str(await session.scalar(query, {"name": name}))

    async with database.writing() as session:
        update = text("UPDATE accounts SET password_hash = :hash WHERE username = :name")
        await session.execute(update, {"hash": scheme.hash("from before"), "name": name})
    fields = {"username": name, "password": "from before"}
    before = await stored()
    assert (await client.post("/api/chexray/login", json=fields | {"password": "no"})).status_code == 400
    assert await stored() == before
    for _ in range(2):
        assert (await client.post("/api/chexray/login", json=fields)).status_code == 200
        assert (await stored()).startswith("$argon2id$")


async def test_who_would_wait_for_ever_hears_so_at_once() -> None:
    class Full:
        def statistics(self) -> Any:
            return type("Statistics", (), {"tasks_waiting": MAX_WAITING})

    passwords = await Passwords.start()
    passwords._limiter = Full()  # type: ignore[assignment]
    with pytest.raises(Unavailable):
        await passwords.hash("x")
    with pytest.raises(Unavailable):
        await passwords.verify("x", None)
