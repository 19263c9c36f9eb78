"""Fixtures for the tests of `lightbox_shared`: an empty database, settings, and small applications."""

import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from fastapi import APIRouter, FastAPI
from support.databases import Databases
from support.kit import MakeApp

from lightbox_shared.app import build_app
from lightbox_shared.config import Settings
from lightbox_shared.database import Database
from lightbox_shared.errors.dialects import Dialects
from lightbox_shared.storage.disk_space import DiskSpace


@pytest.fixture
def empty_database(databases: Databases) -> Iterator[str]:
    """The URL of a database without tables."""
    with databases.empty() as url:
        yield url


@pytest.fixture
async def database(empty_database: str) -> AsyncIterator[Database]:
    made = Database(empty_database)
    yield made
    await made.dispose()


@pytest.fixture
def make_app() -> MakeApp:
    def make(
        *routers: APIRouter, state: Mapping[str, Any] | None = None, dialects: Dialects | None = None, **settings: Any
    ) -> FastAPI:
        @asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
            yield {"disk_space": DiskSpace(dict), **(state or {})}

        return build_app(
            name="kit",
            description="A few endpoints of a test.",
            settings=Settings(**settings),
            lifespan=lifespan,
            routers=routers,
            checks={},
            dialects=dialects,
        )

    return make


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Restore the logging of the process, which `build_app` configures, after each test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    configuration = structlog.get_config()
    yield
    root.handlers, root.level = handlers, level
    structlog.configure(**configuration)
    structlog.contextvars.clear_contextvars()
