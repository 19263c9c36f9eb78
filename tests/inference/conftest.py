"""inference-service on a database of its own, under real ASGI."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.asgi import WithState
from support.databases import FreshDatabase
from support.gateway import Key
from support.inference import running_inference


@pytest.fixture(scope="session")
def key() -> Key:
    """The key that signs the tokens of these tests."""
    return Key()


@pytest.fixture
async def service(fresh_database: FreshDatabase, tmp_path: Path, key: Key) -> AsyncIterator[WithState]:
    async with running_inference(fresh_database("inference_service"), tmp_path, key) as app:
        yield app
