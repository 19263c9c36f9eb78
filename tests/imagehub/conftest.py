"""imagehub-service on a database of its own, under real ASGI."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from support.asgi import WithState, client_of, running
from support.databases import FreshDatabase
from support.gallery import Gallery
from support.gateway import Key
from support.imagehub import SECRET_KEY, Hub, MakeHubSettings
from support.kit import verifier_of
from support.onedrive import GraphServer, Process
from support.onedrive import process as open_process

from imagehub_service.app import create_app
from imagehub_service.config import ImageHubSettings
from imagehub_service.drives.onedrive.service import OneDrive


@pytest.fixture(scope="session")
def signing_key() -> Key:
    """The key that signs the tokens of these tests."""
    return Key()


@pytest.fixture
def make_settings(fresh_database: FreshDatabase, tmp_path: Path) -> MakeHubSettings:
    url = fresh_database("imagehub_service")

    def make(**changes: object) -> ImageHubSettings:
        common: dict[str, object] = {
            "database_url": url,
            "data_dir": tmp_path,
            "secret_key": SECRET_KEY,
            "port": 9,  # where other services do not answer
        }
        return ImageHubSettings(**{**common, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
async def service(make_settings: MakeHubSettings, signing_key: Key) -> AsyncIterator[WithState]:
    async with running(create_app(make_settings())) as app:
        yield WithState(app.app, {**app.state, "tokens": verifier_of(signing_key)})


@pytest.fixture
async def hub(service: WithState, signing_key: Key) -> AsyncIterator[Hub]:
    async with client_of(service) as client:
        yield Hub(service, client, signing_key)


@pytest.fixture
def graph() -> Iterator[GraphServer]:
    """A Graph server with empty drives."""
    server = GraphServer()
    yield server
    server.stop()


@pytest.fixture
async def process(graph: GraphServer, make_settings: MakeHubSettings) -> AsyncIterator[Process]:
    """What imagehub-service does with OneDrive, without the rest of it."""
    async with open_process(graph, make_settings(**graph.settings)) as opened:
        yield opened


@pytest.fixture
async def drive(process: Process) -> OneDrive:
    """The OneDrive of an administrator who has consented."""
    return await process.consented()


@pytest.fixture
def gallery(hub: Hub) -> Gallery:
    return Gallery.of(hub)
