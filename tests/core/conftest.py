"""The collection on a database of its own, with open access, under real ASGI."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiocoap.numbers.constants import TransportTuning
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


@pytest.fixture
def answers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every answer over CoAP comes with the acknowledgement of its request (RFC 7252 section 5.2.1), also where the
    cores are so busy that it takes longer than the 0.1 s after which aiocoap acknowledges first."""
    monkeypatch.setattr(TransportTuning, "EMPTY_ACK_DELAY", 10.0)
