"""A running auth-service on a database of its own."""

import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import anyio.lowlevel
import httpx
import pytest
from support.asgi import WithState, client_of, running
from support.auth_service import ADMIN_PASSWORD, SECRET_KEY, SERVICE_SECRETS, MakeSettings, SignUp
from support.commands import Terminal
from support.databases import FreshDatabase

from auth_service.app import create_app
from auth_service.config import AuthSettings
from auth_service.keys import material
from auth_service.login_throttling.service import LoginThrottling
from auth_service.passwords import hashing

QUICK_HASHES = hashing._CONTEXT.copy(argon2__memory_cost=8, argon2__time_cost=1)
"""argon2id at the least cost that it has: 0.03 ms instead of 20."""


async def _started_once(url: str) -> None:
    """Make the administrator and the first signing key, as the first start of a platform does."""
    with tempfile.TemporaryDirectory() as folder:
        async with running(create_app(AuthSettings(**common_settings(url, Path(folder))))):
            pass


async def _started_once_with_real_hashes(url: str) -> None:
    """As `_started_once`; a function of its own, so that it makes a template of its own."""
    await _started_once(url)


def common_settings(url: str, folder: Path) -> dict[str, Any]:
    return {
        "database_url": url,
        "data_dir": folder,
        "secret_key": SECRET_KEY,
        "service_secrets": SERVICE_SECRETS,
        "admin_password": ADMIN_PASSWORD,
    }


@pytest.fixture(autouse=True)
def has_real_hashes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether hashing a password costs what it costs in production. Tests of hashes, times and races are marked with
    `real_hashes` for that."""
    if request.node.get_closest_marker("real_hashes"):
        return True
    monkeypatch.setattr(hashing, "_CONTEXT", QUICK_HASHES)
    return False


@pytest.fixture(autouse=True, scope="session")
def _signing_keys_are_read_once() -> Iterator[None]:
    """Parsing a key checks that its numbers are prime, which takes 35 ms. The templates of the tests have a few keys
    only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(material, "parse", cache(material.parse))
        yield


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds by which answers to wrong passwords were delayed in this test, which does not wait for them."""
    seconds: list[float] = []

    async def sleep(delay: float) -> None:
        seconds.append(delay)
        await anyio.lowlevel.checkpoint()

    monkeypatch.setattr(LoginThrottling.__init__, "__kwdefaults__", {"sleep": sleep})
    return seconds


@pytest.fixture
def database_url(fresh_database: FreshDatabase, has_real_hashes: bool) -> str:
    """The address of a database on which the service was started before."""
    return fresh_database("auth_service", _started_once_with_real_hashes if has_real_hashes else _started_once)


@pytest.fixture
def make_settings(database_url: str, tmp_path: Path) -> MakeSettings:

    def make(**changes: Any) -> AuthSettings:
        return AuthSettings(**{**common_settings(database_url, tmp_path), **changes})

    return make


@pytest.fixture
def settings(make_settings: MakeSettings) -> AuthSettings:
    return make_settings()


@pytest.fixture
async def service(settings: AuthSettings) -> AsyncIterator[WithState]:
    async with running(create_app(settings)) as app:
        yield app


@pytest.fixture
async def as_gateway(service: WithState) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the gateway's service token."""
    token = service.state["services"].issuer.for_service("gateway")
    async with client_of(service, headers={"Authorization": f"Bearer {token}"}) as client:
        yield client


@pytest.fixture
def terminal(service: WithState, settings: AuthSettings) -> Terminal:
    """Runs commands on the database of the running service."""
    assert service.state
    return Terminal(settings)


@pytest.fixture
def sign_up(client: httpx.AsyncClient) -> SignUp:
    async def make() -> dict[str, Any]:
        name = f"user-{secrets.token_hex(4)}"
        answer = await client.post("/api/chexray/signup", json={"username": name, "password": "correct horse"})
        body: dict[str, Any] = answer.json()
        assert answer.status_code == 200, body
        return body

    return make
