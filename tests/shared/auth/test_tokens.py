"""Verification of tokens (RFC 9068, RFC 8725), and the keys for it (RFC 7517)."""

import base64
import contextlib
import hashlib
import hmac
import json
import random
import string
import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jose import jwk, jwt

from lightbox_shared.auth.dependencies import bearer_token
from lightbox_shared.auth.jwks import KeySet
from lightbox_shared.auth.principal import Authority, Principal
from lightbox_shared.auth.tokens import MAX_TOKEN_LENGTH, TokenVerifier
from lightbox_shared.errors import InvalidToken, Unavailable

ISSUER = "lightbox"
KID = "key-1"


class SigningKey:
    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        plain = serialization.NoEncryption()
        self.pem = self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        self._private = jwk.construct(self.pem, "RS256")  # once: reading a PEM takes 35 ms, signing less than one

    def public(self, encoding: serialization.Encoding) -> bytes:
        return self._key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)

    def published(self, kid: str = KID, **changes: Any) -> dict[str, Any]:
        entry = jwk.construct(self.public(serialization.Encoding.PEM).decode(), "RS256").to_dict()
        return {**entry, "kid": kid, "use": "sig", "alg": "RS256", **changes}

    def token(self, claims: dict[str, Any], **header: Any) -> str:
        return jwt.encode(claims, self._private, "RS256", {"typ": "at+jwt", "kid": KID, **header})


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey()


@pytest.fixture(scope="module")
def other_key() -> SigningKey:
    return SigningKey()


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Issuer:
    """Publishes keys, counts the requests for them, and can be down."""

    def __init__(self, *entries: dict[str, Any]) -> None:
        self.entries = list(entries)
        self.asked = 0
        self.down = False

    async def fetch(self) -> dict[str, Any]:
        self.asked += 1
        await anyio.lowlevel.checkpoint()
        if self.down:
            raise ConnectionRefusedError("down")
        return {"keys": self.entries}


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    common = {
        "iss": ISSUER,
        "aud": "lightbox",
        "sub": "account:7",
        "iat": now,
        "exp": now + 600,
        "jti": "t-1",
        "sid": 3,
        "authority": 102,
    }
    return {name: value for name, value in {**common, **changes}.items() if value is not None}


@pytest.fixture
def clock() -> Clock:
    return Clock(time.time())


@pytest.fixture
def verifier(key: SigningKey, clock: Clock) -> TokenVerifier:
    return TokenVerifier(KeySet(Issuer(key.published()).fetch), issuer=ISSUER, clock=clock)


async def test_an_account(verifier: TokenVerifier, key: SigningKey) -> None:
    sent = claims()
    principal = await verifier.verify(key.token(sent))
    assert principal == Principal("t-1", sent["exp"], account_id=7, authority=Authority.DOCTOR, session_id=3)
    assert principal.account == 7


async def test_a_service(verifier: TokenVerifier, key: SigningKey) -> None:
    sent = claims(sub="service:gateway", sid=None, authority=None)
    principal = await verifier.verify(key.token(sent))
    assert principal == Principal("t-1", sent["exp"], service="gateway")
    with pytest.raises(InvalidToken):
        _ = principal.account


async def test_what_the_standard_leaves_open(verifier: TokenVerifier, key: SigningKey) -> None:
    now = int(time.time())
    for token in (
        key.token(claims(), typ="AT+JWT"),  # media types have no case
        key.token(claims(aud=["other", "lightbox"])),
        key.token(claims(exp=now - 5)),  # clocks differ a little
        key.token(claims(nbf=now + 5, extra={"a": [1]})),
        key.token(claims(), jku="http://evil.example/keys", x5u="http://evil.example", jwk={"kty": "oct", "k": "AA"}),
    ):
        assert (await verifier.verify(token)).account_id == 7


NOT_OURS: dict[str, dict[str, Any]] = {
    "expired": {"exp": int(time.time()) - 60},
    "not yet": {"nbf": int(time.time()) + 86_400},  # longer than any run of the tests
    "other issuer": {"iss": "elsewhere"},
    "issuers": {"iss": [ISSUER]},
    "other audience": {"aud": "elsewhere"},
    "expires never": {"exp": "never"},
    "no such authority": {"authority": 7},
    "authority in words": {"authority": "ADMIN"},
    "session in words": {"sid": "three"},
    "no kind of subject": {"sub": "7"},
    "other kind of subject": {"sub": "robot:7"},
    "account in words": {"sub": "account:seven"},
    "device is a number": {"device_id": 12345},
    "devices": {"device_id": ["12345"]},
    "a service for a device": {"sub": "service:x", "device_id": "12345"},
    "subject is a number": {"sub": 7},
    **{f"no {name}": {name: None} for name in ("iss", "aud", "sub", "iat", "exp", "jti", "sid", "authority")},
}


@pytest.mark.parametrize("changes", NOT_OURS.values(), ids=NOT_OURS)
async def test_claims_that_are_not_ours(verifier: TokenVerifier, key: SigningKey, changes: dict[str, Any]) -> None:
    token = key.token(claims(**changes))
    with pytest.raises(InvalidToken):
        await verifier.verify(token)
    assert verifier.remembered(token) is None


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def handmade(header: object, body: object, sign: Callable[[bytes], bytes] = lambda _: b"") -> str:
    """A token made without python-jose, which refuses to make most of these."""
    text = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(body).encode())}"
    return f"{text}.{encoded(sign(text.encode()))}"


def hs256(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda text: hmac.new(secret, text, hashlib.sha256).digest()


HEADER = {"alg": "RS256", "typ": "at+jwt", "kid": KID}


async def test_headers_that_are_not_ours(verifier: TokenVerifier, key: SigningKey, other_key: SigningKey) -> None:
    pem, der = key.public(serialization.Encoding.PEM), key.public(serialization.Encoding.DER)
    good = key.token(claims())
    head, body, signature = good.split(".")
    more = encoded(json.dumps(claims(authority=101)).encode())
    bad = {
        "none": handmade({**HEADER, "alg": "none"}, claims()),
        "None": handmade({**HEADER, "alg": "None"}, claims()),
        "no alg": handmade({"typ": "at+jwt", "kid": KID}, claims()),
        "alg is a list": handmade({**HEADER, "alg": ["RS256"]}, claims()),
        "HS256 with our PEM": handmade({**HEADER, "alg": "HS256"}, claims(), hs256(pem)),
        "HS256 with our PEM, stripped": handmade({**HEADER, "alg": "HS256"}, claims(), hs256(pem.strip())),
        "HS256 with our DER": handmade({**HEADER, "alg": "HS256"}, claims(), hs256(der)),
        "HS256 that says RS256": handmade(HEADER, claims(), hs256(pem)),
        "RS512": jwt.encode(claims(), key.pem, "RS512", {"typ": "at+jwt", "kid": KID}),
        "JWT": key.token(claims(), typ="JWT"),
        "no typ": handmade({"alg": "RS256", "kid": KID}, claims()),
        "unknown kid": key.token(claims(), kid="other"),
        "no kid": handmade({"alg": "RS256", "typ": "at+jwt"}, claims()),
        "kid is a list": handmade({**HEADER, "kid": [KID]}, claims()),
        "another key under our kid": other_key.token(claims()),
        "no signature": f"{head}.{body}.",
        "half a signature": good[: -len(signature) // 2],
        "other claims": f"{head}.{more}.{signature}",
        "two parts": f"{head}.{body}",
        "four parts": f"{good}.x",
        "claims are a list": handmade(HEADER, [1]),
        "header is a list": handmade([1], claims()),
        "deep header": f"{encoded(b'[' * 5000)}.e30.AA",
        "bytes after it": f"{good} ",
        "text before it": f" {good}",
    }
    accepted = []
    for what, token in bad.items():
        with contextlib.suppress(InvalidToken):
            await verifier.verify(token)
            accepted.append(what)
    assert accepted == []
    assert (await verifier.verify(good)).account_id == 7


async def test_a_long_token_is_not_even_read(verifier: TokenVerifier, key: SigningKey) -> None:
    room = "x" * 1000
    assert (await verifier.verify(key.token(claims(room=room)))).account_id == 7
    too_long = key.token(claims(room=room * 5))
    assert len(too_long) > MAX_TOKEN_LENGTH
    with pytest.raises(InvalidToken):
        await verifier.verify(too_long)


async def test_one_token_has_one_spelling(verifier: TokenVerifier, key: SigningKey) -> None:
    good = key.token(claims())
    for other in (good + "!!!!", good.replace(".", ".\u00a0", 1), good + "=", good[:-3] + "\n" + good[-3:]):
        with pytest.raises(InvalidToken):
            await verifier.verify(other)


async def test_garbage(verifier: TokenVerifier, key: SigningKey) -> None:
    chance = random.Random(20)  # noqa: S311 - the same garbage each time
    alphabet = string.ascii_letters + string.digits + "-_.=\0\x7fé\ud800 \n"
    good = key.token(claims())
    garbage = ["", ".", "..", "...", "a.b.c", "é.é.é", "\ud800", "e30.e30.e30", "null.null.null"]
    garbage += ["".join(chance.choices(alphabet, k=chance.randrange(1, 200))) for _ in range(1000)]
    for _ in range(1000):
        place = chance.randrange(len(good) - 1)  # the last character carries unused bits
        garbage.append(good[:place] + chance.choice(alphabet) + good[place + 1 :])
    for token in garbage:
        if token == good:
            continue
        with pytest.raises(InvalidToken):
            await verifier.verify(token)


async def test_a_token_is_remembered_until_it_expires(verifier: TokenVerifier, key: SigningKey, clock: Clock) -> None:
    sent = claims()
    token = key.token(sent)
    assert verifier.remembered(token) is None
    principal = await verifier.verify(token)
    assert verifier.remembered(token) is principal
    assert await verifier.verify(token) is principal
    clock.now = sent["exp"] - 1
    assert verifier.remembered(token) is principal
    clock.now = sent["exp"]
    assert verifier.remembered(token) is None


async def test_not_everything_is_remembered(key: SigningKey) -> None:
    verifier = TokenVerifier(KeySet(Issuer(key.published()).fetch), issuer=ISSUER, max_remembered=2)
    tokens = [key.token(claims(jti=f"t-{number}")) for number in range(3)]
    for token in tokens:
        await verifier.verify(token)
    assert [verifier.remembered(token) is not None for token in tokens] == [False, True, True]


async def test_an_unknown_key_is_looked_for_at_most_once_a_minute(key: SigningKey, other_key: SigningKey) -> None:
    issuer, clock = Issuer(key.published()), Clock(1000.0)
    keys = KeySet(issuer.fetch, clock=clock)
    assert await keys.find(KID) is not None
    for _ in range(20):
        assert await keys.find("made up") is None
    assert issuer.asked == 1
    issuer.entries.append(other_key.published("key-2"))
    clock.now += 59.0
    assert await keys.find("key-2") is None
    clock.now += 1.0
    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(keys.find, f"made up {number}")
    assert await keys.find("key-2") is not None
    assert issuer.asked == 2


async def test_keys_are_fetched_again_after_a_while(key: SigningKey, other_key: SigningKey) -> None:
    issuer, clock = Issuer(key.published()), Clock(1000.0)
    keys = KeySet(issuer.fetch, clock=clock)
    await keys.find(KID)
    clock.now += 300.0
    await keys.find(KID)
    assert issuer.asked == 1
    issuer.entries = [other_key.published("key-2")]
    clock.now += 1.0
    assert await keys.find(KID) is None  # withdrawn
    assert await keys.find("key-2") is not None
    assert issuer.asked == 2


async def test_keys_survive_an_outage(key: SigningKey) -> None:
    issuer, clock = Issuer(key.published()), Clock(1000.0)
    keys = KeySet(issuer.fetch, clock=clock)
    await keys.find(KID)
    issuer.down = True
    for _ in range(5):
        clock.now += 1000.0
        assert await keys.find(KID) is not None
    assert issuer.asked == 6
    assert await keys.find("made up") is None


async def test_who_has_a_key_does_not_wait_for_a_refresh(key: SigningKey) -> None:
    """A slow auth-service delays one request at most."""
    clock, gate, started = Clock(1000.0), anyio.Event(), anyio.Event()
    issuer = Issuer(key.published())

    async def slow() -> dict[str, Any]:
        if issuer.asked:
            started.set()
            await gate.wait()
        return await issuer.fetch()

    keys = KeySet(slow, clock=clock)
    await keys.find(KID)
    clock.now += 1000.0
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(keys.find, KID)
        await started.wait()
        with anyio.fail_after(1):
            assert await keys.find(KID) is not None
        gate.set()


async def test_without_any_key_nothing_can_be_said(key: SigningKey) -> None:
    issuer, clock = Issuer(key.published()), Clock(1000.0)
    issuer.down = True
    verifier = TokenVerifier(KeySet(issuer.fetch, clock=clock), issuer=ISSUER)
    for _ in range(5):
        with pytest.raises(Unavailable):
            await verifier.verify(key.token(claims()))
    assert issuer.asked == 1
    issuer.down = False
    clock.now += 1.0
    assert (await verifier.verify(key.token(claims()))).account_id == 7


async def test_keys_that_are_for_somebody_else(key: SigningKey, other_key: SigningKey) -> None:
    broken: list[dict[str, Any]] = [{"n": "!"}, {"n": None}, {"e": ""}, {"n": 7}, {"n": "é"}, {"kid": [1]}, {"kid": ""}]
    entries = [
        {"kty": "EC", "kid": "ec", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "oct", "kid": "oct", "k": "AAAA"},
        {"kid": "no type"},
        other_key.published("for encryption", use="enc"),
        {"kty": "RSA", "kid": "empty"},
        *(other_key.published(f"broken {number}") | changes for number, changes in enumerate(broken)),
        key.published(),
    ]
    keys = KeySet(Issuer(*entries).fetch)
    assert await keys.find(KID) is not None
    for kid in ("ec", "oct", "no type", "for encryption", "empty", *(f"broken {n}" for n in range(len(broken)))):
        assert await keys.find(kid) is None


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (None, None),
        ("", None),
        ("Basic dTpw", None),
        ("Token x", None),
        ("Bearer", ""),
        ("Bearer x", "x"),
        ("bearer  x ", "x"),
        ("Bearerx", None),
    ],
)
def test_the_header(header: str | None, token: str | None) -> None:
    assert bearer_token(header) == token
