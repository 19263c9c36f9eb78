"""Signing keys: made once, encrypted and published, and rotated without rejecting a token."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import anyio
import httpx
import pytest
from sqlalchemy import text
from support.asgi import WithState, client_of, running
from support.auth_service import SECRET_KEY, MakeSettings

from auth_service.app import create_app
from auth_service.keys.encryption import KeyCipher
from auth_service.keys.errors import NoSigningKey, WrongSecretKey
from auth_service.keys.material import thumbprint
from auth_service.keys.rotation import LONGEST_TOKEN_LIFETIME, RETIREMENT_LEEWAY, SIGNS_AFTER, rotate
from auth_service.keys.service import REFRESH_SECONDS, SigningKeys
from auth_service.sessions.tokens import TokenIssuer
from lightbox_shared.auth.jwks import REFRESH_SECONDS as VERIFIERS_REFRESH_SECONDS
from lightbox_shared.auth.jwks import KeySet
from lightbox_shared.auth.principal import Authority
from lightbox_shared.auth.tokens import TokenVerifier
from lightbox_shared.database import Database
from lightbox_shared.errors import InvalidToken

JWKS = "/.well-known/jwks.json"


async def test_the_published_set(client: httpx.AsyncClient) -> None:
    answer = await client.get(JWKS)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/jwk-set+json"
    assert answer.headers["cache-control"] == "public, max-age=300"
    [key] = answer.json()["keys"]
    assert key.keys() == {"kty", "alg", "use", "kid", "n", "e"}  # no member of a private key
    assert (key["kty"], key["alg"], key["use"], key["e"]) == ("RSA", "RS256", "sig", "AQAB")
    assert key["kid"] == thumbprint(key)


async def test_a_set_that_did_not_change_is_not_sent_again(client: httpx.AsyncClient) -> None:
    etag = (await client.get(JWKS)).headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = await client.get(JWKS, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert (await client.get(JWKS, headers={"If-None-Match": '"other"'})).status_code == 200


def test_the_thumbprint_is_that_of_the_standard() -> None:
    """The example of RFC 7638 section 3.1."""
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3"
        "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA"
        "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-"
        "kEgU8awapJzKnqDKgw"
    )
    key = {"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert thumbprint(key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


async def test_private_keys_are_encrypted_at_rest(database: Database) -> None:
    async with database.reading() as session:
        row = (await session.execute(text("SELECT to_jsonb(signing_keys) FROM signing_keys"))).scalar_one()
    assert "PRIVATE KEY" not in json.dumps(row)
    assert b"-----BEGIN PRIVATE KEY-----" in KeyCipher(SECRET_KEY).decrypt(row["private_key"])
    with pytest.raises(WrongSecretKey):
        KeyCipher(SECRET_KEY + "!").decrypt(row["private_key"])


async def test_another_secret_key_does_not_start(make_settings: MakeSettings) -> None:
    async with running(create_app(make_settings())):
        pass
    with pytest.raises(WrongSecretKey, match="LIGHTBOX_SECRET_KEY is not the one"):
        async with running(create_app(make_settings(secret_key="another secret, of 32 characters or more"))):
            pass
    async with running(create_app(make_settings())) as app, client_of(app) as client:
        assert len((await client.get(JWKS)).json()["keys"]) == 1


async def test_replicas_that_start_together_share_one_key(make_settings: MakeSettings) -> None:
    kids: list[str] = []

    async def start() -> None:
        async with running(create_app(make_settings())) as app:
            kids.append(app.state["services"].keys.signer().kid)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(start)
    assert len(kids) == 3
    assert len(set(kids)) == 1


def test_verifiers_have_a_new_key_before_it_signs() -> None:
    assert timedelta(seconds=VERIFIERS_REFRESH_SECONDS + REFRESH_SECONDS + 60) < SIGNS_AFTER


@dataclass
class Clock:
    """A clock that a test puts forward, from the present on: in real time the tokens have not expired."""

    now: float = field(default_factory=lambda: float(int(time.time())))

    def __call__(self) -> float:
        return self.now


@dataclass
class Bench:
    """Signing keys with their issuer, and the keys that a verifier has fetched."""

    database: Database
    clock: Clock
    keys: SigningKeys
    issuer: TokenIssuer
    key_set: KeySet

    async def rotate(self) -> str:
        kid = await rotate(self.database, KeyCipher(SECRET_KEY), self.keys._now())
        await self.keys.refresh()
        return kid

    async def pass_time(self, passed: timedelta) -> None:
        self.clock.now += passed.total_seconds()
        await self.keys.refresh()

    def token(self) -> str:
        now = int(self.clock.now)
        end = now + int(LONGEST_TOKEN_LIFETIME.total_seconds())
        return self.issuer.for_account(
            7, Authority.DOCTOR, session_id=1, client_id="chexray", issued_at=now, expires_at=end
        )

    async def accepts(self, token: str) -> bool:
        """Whether a verifier accepts the signature of a token. The claims are checked against the real time, in which
        none of them has expired."""
        verifier = TokenVerifier(self.key_set, issuer="lightbox", clock=self.clock)
        try:
            return (await verifier.verify(token)).account_id == 7
        except InvalidToken:
            return False

    def kids(self) -> list[str]:
        return [key["kid"] for key in self.keys.published.document["keys"]]


@pytest.fixture
async def bench(fresh_database: Callable[[str], str]) -> Bench:
    database = Database(fresh_database("auth_service"), pool_size=2)
    clock = Clock()
    keys = SigningKeys(database, KeyCipher(SECRET_KEY), clock=clock)
    await keys.start()
    return Bench(
        database, clock, keys, TokenIssuer(keys, issuer="lightbox", clock=clock), KeySet(keys.fetch, clock=clock)
    )


async def test_rotation_rejects_no_token(bench: Bench) -> None:
    try:
        old = bench.keys.signer().kid
        first = bench.token()
        assert await bench.accepts(first)

        new = await bench.rotate()
        assert bench.kids() == [new, old]
        await bench.pass_time(SIGNS_AFTER - timedelta(seconds=1))
        assert bench.keys.signer().kid == old
        last = bench.token()
        assert await bench.accepts(last)

        await bench.pass_time(timedelta(seconds=1))
        assert bench.keys.signer().kid == new
        for token in (first, last, bench.token()):
            assert await bench.accepts(token)

        # The old key is published until the last token that it signed has expired.
        await bench.pass_time(LONGEST_TOKEN_LIFETIME)
        assert bench.kids() == [new, old]
        assert await bench.accepts(last)
        await bench.pass_time(RETIREMENT_LEEWAY)
        assert bench.kids() == [new]
        assert not await bench.accepts(last)
        assert await bench.accepts(bench.token())
    finally:
        await bench.database.dispose()


async def test_rotating_twice_keeps_the_time_of_retirement(bench: Bench) -> None:
    try:
        first = bench.keys.signer().kid
        second = await bench.rotate()
        await bench.pass_time(timedelta(minutes=5))
        third = await bench.rotate()
        assert bench.kids() == [third, second, first]
        await bench.pass_time(timedelta(minutes=6))
        assert bench.keys.signer().kid == second
        await bench.pass_time(timedelta(minutes=5))
        assert bench.keys.signer().kid == third
        await bench.pass_time(LONGEST_TOKEN_LIFETIME + RETIREMENT_LEEWAY - timedelta(minutes=4))
        assert bench.kids() == [third, second]
    finally:
        await bench.database.dispose()


async def test_known_keys_are_not_parsed_again(bench: Bench) -> None:
    try:
        before = bench.keys.signer().key
        await bench.rotate()
        assert bench.keys.signer().key is before
    finally:
        await bench.database.dispose()


async def test_without_a_key_nothing_is_signed_and_the_service_is_not_ready(service: WithState) -> None:
    async with client_of(service) as client:
        answer = await client.get("/readyz")
        assert answer.json() == {"status": "ready", "checks": {"database": "ok", "disk": "ok", "signing_key": "ok"}}
        async with service.state["database"].writing() as session:
            await session.execute(text("DELETE FROM signing_keys"))
        await service.state["services"].keys.refresh()
        with pytest.raises(NoSigningKey):
            service.state["services"].keys.signer()
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["checks"]["signing_key"]) == (503, "NoSigningKey")
