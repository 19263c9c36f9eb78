"""The collection on a database of its own, with open access, under real ASGI."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from support.asgi import WithState, running
from support.collection import MakeCoreSettings, core_settings_at

from core_collection_service.app import create_app
from core_collection_service.config import CoreSettings


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
def service(core: WithState) -> WithState:
    """The same by the name that `client` and `database` know."""
    return core
