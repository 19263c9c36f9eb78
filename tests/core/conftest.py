"""The collection on a database of its own, with open access, under real ASGI."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from support.asgi import WithState, client_of, running
from support.collection import MakeCoreSettings, core_settings_at

from core_collection_service.app import create_app
from core_collection_service.config import CoreSettings
from lightbox_shared.database import Database


@pytest.fixture
def make_core_settings(fresh_database: Callable[[str], str], tmp_path: Path) -> MakeCoreSettings:
    """Makes settings with a fresh database; keyword arguments are settings."""
    return core_settings_at(fresh_database("core_collection_service"), tmp_path)


@pytest.fixture
def core_settings(make_core_settings: MakeCoreSettings) -> CoreSettings:
    return make_core_settings()


@pytest.fixture
async def core(core_settings: CoreSettings) -> AsyncIterator[WithState]:
    """The running service; `.state["services"]` are its parts."""
    async with running(create_app(core_settings)) as app:
        yield app


@pytest.fixture
async def client(core: WithState) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(core) as client:
        yield client


@pytest.fixture
def database(core: WithState) -> Database:
    """The database of the running service."""
    found: Database = core.state["database"]
    return found
