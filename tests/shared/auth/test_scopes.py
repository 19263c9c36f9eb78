"""The scopes of a token: the claim `scope`, and the dependencies that check it."""

from typing import Any

import pytest
from fastapi import APIRouter
from support.asgi import client_of, running
from support.gateway import Key
from support.kit import MakeApp, verifier_of

from lightbox_shared.auth.dependencies import AdminOnly, CurrentAccount, WholeAccount, needs
from lightbox_shared.auth.principal import Principal, Scope
from lightbox_shared.auth.tokens import TokenVerifier
from lightbox_shared.errors import InvalidToken

P, C, R = Scope.PREDICT, Scope.COLLECT, Scope.READ


def principal(*scopes: Scope) -> Principal:
    return Principal("t", 0, account_id=7, scopes=frozenset(scopes))


@pytest.fixture(scope="module")
def key() -> Key:
    return Key()


@pytest.fixture
def verifier(key: Key) -> TokenVerifier:
    return verifier_of(key)


@pytest.mark.parametrize(
    ("claim", "scopes"),
    [
        ("predict", {P}),
        ("predict read", {P, R}),
        ("read predict read", {P, R}),
        ("  predict ", {P}),
        ("predict unheard-of admin *", {P}),
        ("PREDICT", set()),
        ("predict,read", set()),
        ("predict\tread", set()),
        ("", set()),
        (" ", set()),
        ("predict collect annotate hub read", set(Scope)),
    ],
)
async def test_the_claim(verifier: TokenVerifier, key: Key, claim: str, scopes: set[Scope]) -> None:
    assert (await verifier.verify(key.token(scope=claim))).scopes == frozenset(scopes)


async def test_a_token_without_the_claim_is_for_the_whole_account(verifier: TokenVerifier, key: Key) -> None:
    assert (await verifier.verify(key.token())).scopes is None


@pytest.mark.parametrize("claim", [None, 7, True, ["predict"], {"predict": 1}], ids=repr)
async def test_a_claim_that_is_no_text_is_no_token(verifier: TokenVerifier, key: Key, claim: object) -> None:
    with pytest.raises(InvalidToken):
        await verifier.verify(key.token(scope=claim))


async def test_a_service_keeps_its_limits(verifier: TokenVerifier, key: Key) -> None:
    assert (await verifier.verify(key.token(sub="service:x", scope="read"))).scopes == frozenset({R})


@pytest.mark.parametrize(
    ("given", "asked", "method", "allowed"),
    [
        ((P,), (P,), "POST", True),
        ((P,), (P, C), "POST", True),
        ((C,), (P,), "POST", False),
        ((C,), (P,), "GET", False),
        ((R,), (P,), "GET", True),
        ((R,), (P,), "HEAD", True),
        ((R,), (P,), "POST", False),
        ((R,), (P,), "OPTIONS", False),
        ((R,), (R,), "POST", True),
        ((R,), (), "GET", False),
        (tuple(Scope), (), "GET", False),
        ((), (P,), "GET", False),
        ((), (), "GET", False),
    ],
)
def test_what_a_scoped_token_may(
    given: tuple[Scope, ...], asked: tuple[Scope, ...], method: str, *, allowed: bool
) -> None:
    assert principal(*given).allows(asked, method) is allowed


@pytest.mark.parametrize("asked", [(), (P,), (R,)])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_the_whole_account_may_everything(asked: tuple[Scope, ...], method: str) -> None:
    assert Principal("t", 0, account_id=7).allows(asked, method)


reading = APIRouter(prefix="/readings", dependencies=[needs(Scope.PREDICT)])
managing = APIRouter(prefix="/managing", dependencies=[needs()])
own = APIRouter(prefix="/own")


@reading.post("")
@reading.get("")
async def read(caller: CurrentAccount) -> int:
    return caller.account


@reading.post("/public")
async def public() -> int:
    return 0


@managing.get("")
async def manage(caller: AdminOnly) -> int:
    return caller.account


@own.post("")
@own.get("")
async def whole(caller: WholeAccount) -> int:
    return caller.account


CHALLENGE = 'Bearer error="insufficient_scope", scope="predict"'


async def test_through_an_application(make_app: MakeApp, verifier: TokenVerifier, key: Key) -> None:
    app = make_app(reading, managing, own, state={"tokens": verifier})
    async with running(app) as started, client_of(started) as client:

        async def told(method: str, path: str, **claims: Any) -> tuple[int, str | None]:
            headers = {"Authorization": f"Bearer {key.token(**claims)}"}
            answer = await client.request(method, path, headers=headers)
            return answer.status_code, answer.headers.get("www-authenticate")

        assert await told("POST", "/readings") == (200, None)
        assert await told("POST", "/readings", scope="collect predict") == (200, None)
        assert await told("GET", "/readings", scope="read") == (200, None)
        for scope in ("read", "collect", "", "admin"):
            assert await told("POST", "/readings", scope=scope) == (403, CHALLENGE)
        assert (await client.post("/readings/public")).status_code == 200
        assert (await client.post("/readings")).status_code == 401

        everything = " ".join(Scope)
        only_whole = 'Bearer error="insufficient_scope"'
        assert await told("GET", "/managing", authority=101) == (200, None)
        assert await told("GET", "/managing", authority=101, scope=everything) == (403, only_whole)
        for method in ("GET", "POST"):
            assert await told(method, "/own") == (200, None)
            assert await told(method, "/own", scope=everything) == (403, only_whole)
            assert await told(method, "/own", scope="") == (403, only_whole)
            assert (await client.request(method, "/own")).status_code == 401
        assert await told("GET", "/own", sub="service:gateway") == (401, 'Bearer error="invalid_token"')
        refused = await client.post("/own", headers={"Authorization": f"Bearer {key.token(scope='read')}"})
        assert refused.json()["type"] == "/problems/insufficient-scope"
