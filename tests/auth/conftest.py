"""A running auth-service on a database of its own."""

import secrets
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.asgi import WithState, client_of, running
from support.auth_service import ADMIN_PASSWORD, SECRET_KEY, SERVICE_SECRETS, MakeSettings, SignUp
from support.commands import Terminal
from support.databases import FreshDatabase

from auth_service.app import create_app
from auth_service.config import AuthSettings
from lightbox_shared.database import Database


async def _started_once(url: str) -> None:
    """The administrator and the first signing key are there, as everywhere but at the first start."""
    with tempfile.TemporaryDirectory() as folder:
        async with running(create_app(AuthSettings(**common_settings(url, Path(folder))))):
            pass


def common_settings(url: str, folder: Path) -> dict[str, Any]:
    return {
        "database_url": url,
        "data_dir": folder,
        "secret_key": SECRET_KEY,
        "service_secrets": SERVICE_SECRETS,
        "admin_password": ADMIN_PASSWORD,
    }


@pytest.fixture
def database_url(fresh_database: FreshDatabase) -> str:
    """Of a platform that was started before."""
    return fresh_database("auth_service", _started_once)


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
def database(service: WithState) -> Database:
    """The service's own."""
    found: Database = service.state["database"]
    return found


@pytest.fixture
async def client(service: WithState) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(service) as client:
        yield client


@pytest.fixture
async def as_gateway(service: WithState) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the gateway's service token."""
    token = service.state["issuer"].for_service("gateway")
    async with client_of(service, headers={"Authorization": f"Bearer {token}"}) as client:
        yield client


@pytest.fixture
def terminal(service: WithState, settings: AuthSettings) -> Terminal:
    """Commands on the platform of the test, which was started."""
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
