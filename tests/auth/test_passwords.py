"""Password hashes: which are made, accepted and replaced."""

import hashlib
import os
import sys
import threading
import unicodedata
from typing import Any, Literal

import anyio
import httpx
import pytest
from passlib.hash import bcrypt, django_pbkdf2_sha256
from sqlalchemy import text
from support.auth_service import SignUp

from auth_service.passwords import hashing
from auth_service.passwords.hashing import Passwords
from auth_service.passwords.stored_hashes import from_werkzeug, hash_problem
from lightbox_shared.auth.passwords import NICENESS
from lightbox_shared.database import Database
from lightbox_shared.errors import Unavailable

pytestmark = pytest.mark.real_hashes


async def test_hashes_are_argon2id_of_the_chosen_strength() -> None:
    passwords = await Passwords.start()
    stored = await passwords.hash("x")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.verify("x", stored) == (True, None)
    assert await passwords.verify("y", stored) == (False, None)


@pytest.mark.parametrize("stored", [None, "", "!", "$argon2id$", "plain text", "md5$1$2"])
async def test_no_password_fits_a_malformed_hash(stored: str | None) -> None:
    passwords = await Passwords.start()
    assert await passwords.verify("!", stored) == (False, None)


async def test_unknown_names_verify_a_dummy() -> None:
    """Known and unknown names cost the same hash."""
    passwords = await Passwords.start()
    made = await Passwords.start()
    passwords._dummy_hash = await made.hash("the dummy")
    assert passwords._dummy_hash.split("$")[:4] == (await passwords.hash("x")).split("$")[:4]
    # The password of the dummy hash signs no account in.
    assert await passwords.verify("the dummy", None) == (False, None)


@pytest.mark.parametrize("password", ["x" * 72, "x" * 73, "x" * 1000, "é" * 37, "x" * 71 + "é", "🔑" * 30])
async def test_bcrypt_of_a_long_password_fits_once(password: str) -> None:
    """bcrypt knows the first 72 bytes alone, and so does the system that a hash comes from. The hash that replaces it
    is of the whole password."""
    passwords = await Passwords.start()
    # What others store: libraries of bcrypt up to 4.x cut silently, later ones are given what fits.
    stored = bcrypt.using(rounds=4).hash(password.encode()[:72])
    fits, replacement = await passwords.verify(password, stored)
    assert fits
    assert replacement is not None
    assert replacement.startswith("$argon2id$")
    assert await passwords.verify(password, replacement) == (True, None)
    assert await passwords.verify(password + "x", replacement) == (False, None)
    assert await passwords.verify(password[:-1], replacement) == (False, None)
    assert await passwords.verify("y" + password[1:], stored) == (False, None)
    assert await passwords.verify("x" * 71, stored) == (False, None)


Form = Literal["NFC", "NFD"]
FORMS: list[Form] = ["NFC", "NFD"]


@pytest.mark.parametrize("typed", FORMS)
@pytest.mark.parametrize("hashed", [*FORMS, None])
@pytest.mark.parametrize("kind", ["argon2", "bcrypt", "django_pbkdf2_sha256"])
async def test_a_password_fits_in_whichever_form_it_was_hashed(kind: str, hashed: Form | None, typed: Form) -> None:
    """Systems hash what a keyboard sends: a letter and its accent as one character or as two."""
    mixed = "Z\u00fcri\u0063\u0327h e\u0301t\u00e9"  # neither composed nor decomposed
    was = mixed if hashed is None else unicodedata.normalize(hashed, mixed)
    now = mixed if hashed is None else unicodedata.normalize(typed, mixed)
    schemes: dict[str, Any] = {
        "argon2": hashing._CONTEXT,
        "bcrypt": bcrypt.using(rounds=4),
        "django_pbkdf2_sha256": django_pbkdf2_sha256.using(rounds=1000),  # type: ignore[no-untyped-call]
    }
    passwords = await Passwords.start()
    stored = schemes[kind].hash(was)
    fits, replacement = await passwords.verify(now, stored)
    assert fits
    newest = replacement or stored
    for form in FORMS:
        assert await passwords.verify(unicodedata.normalize(form, mixed), newest) == (True, None)
    assert await passwords.verify(now + "\u0301", stored) == (False, None)


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


async def test_too_many_waiting_passwords_are_refused_at_once() -> None:
    passwords = await Passwords.start(most_waiting=2)
    outcomes: list[str] = []

    async def verify() -> None:
        try:
            await passwords.verify("x", None)
            outcomes.append("verified")
        except Unavailable:
            outcomes.append("refused")

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(verify)
    assert outcomes == ["refused"] * 3 + ["verified"] * 2
    assert await passwords.verify("x", None) == (False, None)  # no password waits any more
    passwords.close()


SALT, DIGEST = "A" * 22, "B" * 43
ACCEPTABLE = (
    f"$argon2id$v=19$m=19456,t=2,p=1${SALT}${DIGEST}",
    f"$argon2id$v=19$m=262144,t=10,p=16${SALT}${DIGEST}",
    f"$2b$15${'a' * 53}",
    f"$2a$04${'a' * 53}",
    f"pbkdf2_sha256$2000000$salt${DIGEST}=",
    f"pbkdf2_sha256$1$${DIGEST}=",
)
NOT_ACCEPTABLE = {
    f"$argon2id$v=19$m=262145,t=2,p=1${SALT}${DIGEST}": "the memory of argon2id in KiB is not between 8 and 262144",
    f"$argon2id$v=19$m=999999999,t=2,p=1${SALT}${DIGEST}": "the memory of argon2id in KiB is not between 8 and 262144",
    f"$argon2id$v=19$m=19456,t=11,p=1${SALT}${DIGEST}": "the passes of argon2id is not between 1 and 10",
    f"$argon2id$v=19$m=19456,t=0,p=1${SALT}${DIGEST}": "the passes of argon2id is not between 1 and 10",
    f"$argon2id$v=19$m=19456,t=2,p=17${SALT}${DIGEST}": "the lanes of argon2id is not between 1 and 16",
    f"$argon2i$v=19$m=19456,t=2,p=1${SALT}${DIGEST}": "it is of no known kind",
    f"$argon2id$v=19$m=19456,t=2,p=1${SALT}${'B' * 400}": "it is of no known kind",
    f"$2b$16${'a' * 53}": "the cost of bcrypt is not between 4 and 15",
    f"$2b$31${'a' * 53}": "the cost of bcrypt is not between 4 and 15",
    f"$2b$12${'a' * 52}": "it is of no known kind",
    f"pbkdf2_sha256$2000001$salt${DIGEST}=": "the number of iterations of PBKDF2 is not between 1 and 2000000",
    f"pbkdf2_sha256$0$salt${DIGEST}=": "the number of iterations of PBKDF2 is not between 1 and 2000000",
    f"pbkdf2_sha256$99999999999$salt${DIGEST}=": "it is of no known kind",
    f"pbkdf2_sha256$1000${'s' * 129}${DIGEST}=": "its salt is longer than 128 characters",
    f"pbkdf2_sha256$1000${'s' * 1000}${DIGEST}=": "it is of no known kind",
    f"pbkdf2:sha256:1000$salt${'0' * 64}": "it is of no known kind",
    "": "it is of no known kind",
}


def test_costly_hashes_are_not_accepted() -> None:
    assert [hash_problem(stored) for stored in ACCEPTABLE] == [None] * len(ACCEPTABLE)
    assert {stored: hash_problem(stored) for stored in NOT_ACCEPTABLE} == NOT_ACCEPTABLE


async def test_hashes_that_are_not_accepted_are_not_verified() -> None:
    """Each of them would take minutes to years; the limit of 20 s is no measurement."""
    passwords = await Passwords.start()
    costly = [stored for stored in NOT_ACCEPTABLE if "31$" in stored or "999999999" in stored or "2000001" in stored]
    assert len(costly) >= 4
    with anyio.fail_after(20):
        for stored in costly:
            assert await passwords.verify("x", stored) == (False, None)
    passwords.close()


@pytest.mark.parametrize("kind", ["argon2", "bcrypt", "django_pbkdf2_sha256"])
async def test_hashes_of_the_libraries_are_accepted(kind: str) -> None:
    passwords = await Passwords.start()
    stored = {
        "argon2": await passwords.hash("x"),
        "bcrypt": bcrypt.using(rounds=4).hash("x"),
        "django_pbkdf2_sha256": django_pbkdf2_sha256.using(rounds=1000).hash("x"),  # type: ignore[no-untyped-call]
    }[kind]
    assert hash_problem(stored) is None
    assert (await passwords.verify("x", stored))[0]
    passwords.close()


async def test_werkzeugs_hashes_in_djangos_form() -> None:
    """Werkzeug's `generate_password_hash(..., "pbkdf2:sha256:<iterations>")`: the salt is text, the digest is hex."""
    passwords = await Passwords.start()
    for password, salt, iterations in (("pässword 🔑", "zJ3bXwq1fKZ4Pm0T", 1000), ("x", "s", 600_000)):
        digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), iterations).hex()
        stored = from_werkzeug(f"pbkdf2:sha256:{iterations}${salt}${digest}")
        assert stored.startswith(f"pbkdf2_sha256${iterations}${salt}$")
        assert hash_problem(stored) is None
        fits, replacement = await passwords.verify(password, stored)
        assert fits
        assert replacement is not None
        assert await passwords.verify(f"{password}!", stored) == (False, None)
    for other in (
        "",
        "scrypt:32768:8:1$salt$00",
        "pbkdf2:sha1:1000$salt$00",
        "pbkdf2:sha256:1000$salt$0",
        ACCEPTABLE[0],
    ):
        assert from_werkzeug(other) == other
    passwords.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
async def test_threads_that_hash_have_a_low_priority() -> None:
    passwords = await Passwords.start()
    lowest = 19
    assert await passwords._threads.run(_niceness) == min(os.getpriority(os.PRIO_PROCESS, 0) + NICENESS, lowest)
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == os.getpriority(os.PRIO_PROCESS, 0)
    passwords.close()


def _niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
