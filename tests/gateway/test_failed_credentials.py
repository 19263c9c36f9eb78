"""Credentials that turn out to be wrong are limited by address, before the work of checking the next one."""

import asyncio
import secrets
import time

import httpx
import pytest
from support.gateway import Key, Platform, Start

from gateway.api_keys import CHECKED_AT_ONCE
from gateway.config import GatewaySettings
from gateway.limits import PROBLEM_TYPE
from lightbox_shared.auth.api_keys import make

REQUIRED = "/api/predictions"
KEY = make(bytes(range(32)))
CLIENT = {"Authorization": "Basic Y2xpZW50OnNlY3JldA=="}
CONNECTIONS = 150


def invented_key() -> dict[str, str]:
    """Well-formed, and of no account."""
    return {"X-API-Key": make(secrets.token_bytes(32))}


def invented_token(key: Key) -> dict[str, str]:
    """A token of our form whose signature is not ours."""
    head, claims, signature = key.token().split(".")
    return {"Authorization": f"Bearer {head}.{claims}.{secrets.token_urlsafe(len(signature) * 3 // 4)}"}


def invented_client(_key: Key) -> dict[str, str]:
    return {"Authorization": f"Basic {secrets.token_urlsafe(12)}"}


async def test_invented_keys_of_many_connections(start: Start) -> None:
    """What reaches auth-service, where people sign in at the same moment: as many checks as are allowed, few of them
    at a time."""
    platform = start()
    platform.auth.exchange_seconds = 0.005
    limit = GatewaySettings().rate_failed_credentials
    assert limit is not None
    limits = httpx.Limits(max_connections=CONNECTIONS)
    async with (
        httpx.AsyncClient(base_url=platform.gateway.url, limits=limits, timeout=30) as strangers,
        platform.client() as person,
    ):
        knocking = asyncio.gather(*(strangers.get(REQUIRED, headers=invented_key()) for _ in range(CONNECTIONS)))
        signing_in = [await person.post("/oauth/introspect", headers=CLIENT) for _ in range(20)]
        answers = await knocking
    assert {answer.status_code for answer in answers} == {401, 429}
    assert limit.amount <= len(platform.auth.exchanges) < limit.amount + CHECKED_AT_ONCE
    assert platform.auth.most_exchanging <= CHECKED_AT_ONCE
    assert [answer.status_code for answer in signing_in] == [200] * 20


@pytest.mark.parametrize(
    "path", [REQUIRED, "/api/chexray/user", "/auth", "/self", "/accounts", "/api/sessions", "/image", "/api/schemes"]
)
def test_the_refusal(start: Start, path: str) -> None:
    platform = start(rate_failed_credentials="1/minute")
    first, second = (platform.http.get(path, headers=invented_key()) for _ in range(2))
    assert (first.status_code, second.status_code) == (401, 429)
    assert 1 <= int(second.headers["retry-after"]) <= 60
    assert second.headers["ratelimit-policy"] == '"failed-credentials";q=1;w=60'
    assert second.headers["content-type"] == "application/problem+json"
    body = second.json()
    assert (body["type"], body["violated-policies"]) == (PROBLEM_TYPE, ["failed-credentials"])
    if path in {"/self", "/accounts", "/api/schemes"}:
        assert body["message"] == body["detail"]
    assert len(platform.auth.exchanges) == 1


def test_tokens_too(start: Start) -> None:
    platform = start(rate_failed_credentials="3/minute")
    answers = [platform.http.get(REQUIRED, headers=invented_token(platform.key)) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
    assert answers[-1].json()["violated-policies"] == ["failed-credentials"]


def test_secrets_of_clients_too(start: Start) -> None:
    platform = start(rate_failed_credentials="3/minute")
    answers = [platform.http.post("/oauth/introspect", headers=invented_client(platform.key)) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
    assert platform.auth.introspections == 3


def test_what_is_right_never_counts(start: Start) -> None:
    platform = start(rate_failed_credentials="3/minute")
    keys = [make(bytes([number]) * 32) for number in range(10)]
    for number, key in enumerate(keys):
        platform.auth.api_keys[key] = {"scope": "predict", "sid": 40 + number}
        assert platform.http.get(REQUIRED, headers={"X-API-Key": key}).status_code == 200
        token = {"Authorization": f"Bearer {platform.key.token(jti=str(number))}"}
        assert platform.http.get(REQUIRED, headers=token).status_code == 200
        assert platform.http.post("/oauth/introspect", headers=CLIENT).status_code == 200


def test_the_same_wrong_credential_counts_once(start: Start) -> None:
    """A device with a revoked key, or a page with a cookie of yesterday, asks again and again."""
    platform = start(rate_failed_credentials="3/minute")
    for headers in (invented_key(), invented_token(platform.key)):
        assert {platform.http.get(REQUIRED, headers=headers).status_code for _ in range(9)} == {401}


def test_expired_tokens_do_not_count(start: Start) -> None:
    platform = start(rate_failed_credentials="1/minute")
    for number in range(5):
        token = platform.key.token(jti=str(number), exp=int(time.time()) - 60)
        assert platform.http.get(REQUIRED, headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert platform.http.get(REQUIRED, headers=platform.bearer).status_code == 200


@pytest.fixture
def limited(start: Start) -> Platform:
    """A platform that knows a token and a key, and from whose only address too many wrong keys have come since."""
    platform = start(rate_failed_credentials="1/minute")
    platform.auth.api_keys[KEY] = {"scope": "predict", "sid": 40}
    platform.auth.exchange_life = 1
    assert platform.http.get(REQUIRED, headers={"X-API-Key": KEY}).status_code == 200
    assert platform.http.get(REQUIRED, headers=platform.bearer).status_code == 200
    wrong = [platform.http.get(REQUIRED, headers=invented_key()).status_code for _ in range(2)]
    assert wrong == [401, 429]
    return platform


def test_a_known_key_goes_on_working(limited: Platform) -> None:
    """Also when its token has to be renewed."""
    time.sleep(0.8)
    exchanges = len(limited.auth.exchanges)
    assert limited.http.get(REQUIRED, headers={"X-API-Key": KEY}).status_code == 200
    assert len(limited.auth.exchanges) == exchanges + 1


def test_other_kinds_go_on_working(limited: Platform) -> None:
    new = {"Authorization": f"Bearer {limited.key.token(jti='new')}"}
    assert limited.http.get(REQUIRED, headers=limited.bearer).status_code == 200
    assert limited.http.get(REQUIRED, headers=new).status_code == 200
    assert limited.http.post("/oauth/introspect", headers=CLIENT).status_code == 200
    assert limited.http.get("/api/models").status_code == 200


def test_other_addresses_go_on_working(start: Start) -> None:
    platform = start(rate_failed_credentials="1/minute", trusted_proxies="127.0.0.0/8")
    for address, status in (("192.0.2.1", 401), ("192.0.2.1", 429), ("192.0.2.2", 401), ("2001:db8::1", 401)):
        headers = {**invented_key(), "X-Forwarded-For": address}
        assert platform.http.get(REQUIRED, headers=headers).status_code == status


def test_no_limit(start: Start) -> None:
    platform = start(rate_failed_credentials="off")
    assert {platform.http.get(REQUIRED, headers=invented_key()).status_code for _ in range(9)} == {401}
