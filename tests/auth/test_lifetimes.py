"""Every token lives exactly as long as its client is told, also if a second begins while the request is handled."""

import time
from collections.abc import AsyncIterator

import httpx
import pytest
from jose import jwt
from sqlalchemy import text
from support.asgi import WithState, running
from support.auth_service import MakeSettings, bearer, services_of

from auth_service.app import create_app
from auth_service.sessions.models import LoginSession

HOUR, DAY = 3600, 24 * 3600
ADA = {"username": "ada", "password": "correct horse"}
PASSWORD_GRANT = {**ADA, "grant_type": "password", "client_id": "lightbox"}


class HurryingClock:
    """A clock that is a second later at each reading. Seconds since the epoch."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
async def service(make_settings: MakeSettings) -> AsyncIterator[WithState]:
    async with running(create_app(make_settings(), clock=HurryingClock())) as app:
        yield app


def lifetime(token: str) -> int:
    claims = jwt.get_unverified_claims(token)
    seconds: int = claims["exp"] - claims["iat"]
    return seconds


async def approve(service: WithState) -> None:
    async with services_of(service).database.writing() as session:
        await session.execute(text("UPDATE accounts SET authority = 102 WHERE username = 'ada'"))


async def test_sign_ups_and_logins(service: WithState, client: httpx.AsyncClient) -> None:
    signed_up = await client.post("/api/chexray/signup", json=ADA)
    await approve(service)
    logged_in = await client.post("/api/chexray/login", json=ADA)
    assert [lifetime(each.json()["token"]) for each in (signed_up, logged_in)] == [30 * DAY] * 2
    assert lifetime((await client.post("/login", json=ADA)).json()["token"]) == HOUR
    answer = await client.post("/authorization", json=ADA)
    body = answer.json()
    assert (body["expires_in"], lifetime(body["access_token"])) == (12 * HOUR, 12 * HOUR)
    assert f"Max-Age={12 * HOUR};" in answer.headers["set-cookie"]


async def test_oauth(service: WithState, client: httpx.AsyncClient) -> None:
    await client.post("/api/chexray/signup", json=ADA)
    granted = (await client.post("/oauth/token", data=PASSWORD_GRANT)).json()
    fields = {"grant_type": "refresh_token", "client_id": "lightbox", "refresh_token": granted["refresh_token"]}
    refreshed = (await client.post("/oauth/token", data=fields)).json()
    for body in (granted, refreshed):
        assert (body["expires_in"], lifetime(body["access_token"])) == (900, 900)
    async with services_of(service).database.reading() as session:
        lifetimes = text("SELECT extract(epoch FROM expires_at - created_at)::int FROM refresh_tokens")
        assert (await session.execute(lifetimes)).scalars().all() == [14 * DAY] * 2
        begins = text("SELECT count(DISTINCT r.created_at) FROM refresh_tokens r JOIN sessions s USING (created_at)")
        assert await session.scalar(begins) == 1, "the first refresh token begins with its session"


async def test_api_keys(service: WithState, client: httpx.AsyncClient) -> None:
    token = (await client.post("/api/chexray/signup", json=ADA)).json()["token"]
    made = await client.post("/api/keys", json={"name": "x", "scopes": ["read"]}, headers=bearer(token))
    gateway = bearer(services_of(service).issuer.for_service("gateway"))
    sent = {"key": made.json()["key"], "address": "192.0.2.1"}
    body = (await client.post("/internal/api-keys/exchange", json=sent, headers=gateway)).json()
    assert (body["expires_in"], lifetime(body["access_token"])) == (90, 90)


async def test_a_token_does_not_outlive_its_session(service: WithState, client: httpx.AsyncClient) -> None:
    await client.post("/api/chexray/signup", json=ADA)
    sessions = services_of(service).sessions
    async with services_of(service).database.reading() as session:
        login = await session.get_one(LoginSession, 1)
    end = int(login.expires_at.timestamp())
    issued = sessions.issue(login, 100, now=end - 60)
    assert (issued.expires_in, lifetime(issued.token)) == (60, 60)
