"""Repeated requests are answered from the cache: with the same answer, to clients that may see it, until the picture is
deleted."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from PIL import Image
from sqlalchemy import event
from starlette.responses import Response
from support import pictures
from support.asgi import WithState, client_of, running
from support.collection import AT, DEVICE, IMAGES, MakeCoreSettings, document, send, trusting
from support.collection_audit import KeptAudit, with_audit
from support.gateway import Key as SigningKey

from core_collection_service.access import Access
from core_collection_service.app import create_app
from core_collection_service.author import Author
from core_collection_service.pictures.delete.repository import remove
from core_collection_service.pictures.delete.service import Deletions
from core_collection_service.pictures.models import PictureKey
from core_collection_service.state import Services
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Database
from lightbox_shared.responses.cache import ResponseCache

KEY = PictureKey("images", DEVICE, datetime(2024, 8, 18, 2, 4, 7, tzinfo=UTC))


@pytest.fixture
async def services(core: WithState) -> Services:
    """The parts of a service that receives notifications of deletions."""
    found: Services = core.state["services"]
    async with asyncio.timeout(10):
        await found.feed.listening.wait()
    return found


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """The statements that are sent until the end of the context."""
    seen: list[str] = []

    def record(*about: object) -> None:
        seen.append(str(about[2]))

    event.listen(database.engine.sync_engine, "before_cursor_execute", record)
    yield seen
    event.remove(database.engine.sync_engine, "before_cursor_execute", record)


async def test_the_same_answer_without_the_database(
    client: httpx.AsyncClient, services: Services, database: Database
) -> None:
    data = pictures.png()
    await send(client, data)
    first = await client.get(IMAGES, params=AT)
    with statements(database) as sent:
        again = await client.get(IMAGES, params=AT)
        unchanged = await client.get(IMAGES, params=AT, headers={"If-None-Match": first.headers["etag"]})
        changed = await client.get(IMAGES, params=AT, headers={"If-None-Match": '"another"'})
    assert sent == []
    assert services.feed.listening.is_set()
    assert (first.content, again.content, changed.content) == (data, data, data)
    for answer in (again, changed):
        assert {**answer.headers, "x-request-id": ""} == {**first.headers, "x-request-id": ""}
    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", first.headers["etag"])
    assert "content-length" not in unchanged.headers


@pytest.mark.parametrize(
    "headers",
    [{"Range": "bytes=0-3"}, {"If-Match": '"another"'}, {"If-Modified-Since": "Sun, 18 Aug 2024 00:00:00 GMT"}],
)
async def test_other_conditions_are_not_answered_from_the_cache(
    client: httpx.AsyncClient, services: Services, database: Database, headers: dict[str, str]
) -> None:
    await send(client)
    expected = await client.get(IMAGES, params=AT, headers=headers)
    await client.get(IMAGES, params=AT)
    with statements(database) as sent:
        answer = await client.get(IMAGES, params=AT, headers=headers)
    assert sent
    assert services.response_cache.generation
    assert (answer.status_code, answer.content) == (expected.status_code, expected.content)


@pytest.mark.usefixtures("services")
async def test_a_deleted_picture_is_gone_at_once(client: httpx.AsyncClient, core: WithState) -> None:
    await send(client)
    for _ in range(2):
        assert (await client.get(IMAGES, params=AT)).status_code == 200
    deletions: Deletions = with_audit(core, KeptAudit()).state["services"].deletions
    await deletions.delete(KEY, Author(7, "127.0.0.1"))
    assert (await client.get(IMAGES, params=AT)).status_code == 404


async def test_a_picture_deleted_by_another_process_is_gone(
    client: httpx.AsyncClient, services: Services, database: Database
) -> None:
    kept = await send(client)
    await client.get(IMAGES, params=AT)
    async with database.writing() as session:
        await remove(session, "images", DEVICE, [kept["id"]])
    async with asyncio.timeout(10):
        while (await client.get(IMAGES, params=AT)).status_code != 404:  # noqa: ASYNC110 - the database tells
            await asyncio.sleep(0.01)
    assert services.feed.listening.is_set()


async def test_without_notifications_nothing_is_answered_from_the_cache(
    client: httpx.AsyncClient, services: Services, database: Database
) -> None:
    await send(client)
    await client.get(IMAGES, params=AT)
    services.feed.listening.clear()
    with statements(database) as sent:
        assert (await client.get(IMAGES, params=AT)).status_code == 200
    assert sent


async def test_compressed_pictures_are_not_cached(client: httpx.AsyncClient, services: Services) -> None:
    bitmap = pictures.encoded(Image.new("L", (64, 64)), "BMP")
    assert (await send(client, bitmap))["encoding"] == "zstd"
    assert services.feed.listening.is_set()
    for encoding, size in (("zstd", None), ("identity", len(bitmap)), ("zstd", None), ("identity", len(bitmap))):
        answer = await client.send(
            client.build_request("GET", IMAGES, params=AT, headers={"Accept-Encoding": encoding}), stream=True
        )
        raw = b"".join([piece async for piece in answer.aiter_raw()])
        assert answer.headers.get("content-encoding") == (None if size else "zstd")
        assert (len(raw) == size) if size else (len(raw) < len(bitmap))


@pytest.fixture
async def guarded(make_core_settings: MakeCoreSettings) -> AsyncIterator[tuple[WithState, SigningKey]]:
    """A service that takes keys, and the key that signs its tokens."""
    key = SigningKey()
    async with running(create_app(make_core_settings(collection_access=Access.KEYS))) as app:
        yield trusting(app, key), key


async def test_permissions_are_checked_with_every_request(guarded: tuple[WithState, SigningKey]) -> None:
    core, key = guarded
    services: Services = core.state["services"]
    async with asyncio.timeout(10):
        await services.feed.listening.wait()

    def bearer(**claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {key.token(**claims)}"}

    admin = bearer(authority=int(Authority.ADMIN))
    async with client_of(core) as client:
        assert (await client.post(IMAGES, json=document(), headers=admin)).status_code == 201
        for _ in range(2):
            assert (await client.get(IMAGES, params=AT, headers=admin)).status_code == 200
        statuses = [
            (await client.get(IMAGES, params=AT, headers=headers)).status_code
            for headers in (
                {},
                {"Authorization": "Bearer nonsense"},
                bearer(authority=int(Authority.NONE)),
                bearer(scope="predict"),
                bearer(scope="collect", device_id="67890"),
                bearer(scope="collect", device_id=DEVICE),
                bearer(scope="read"),
            )
        ]
    assert statuses == [401, 401, 403, 403, 403, 200, 200]


class TestResponseCache:
    """`ResponseCache` without the middleware."""

    def keep(
        self, response_cache: ResponseCache[str], target: bytes, size: int, *, generation: int | None = None
    ) -> None:
        now = response_cache.generation if generation is None else generation
        answer = Response(b"x" * size, media_type="image/png")
        response_cache.store(target, DEVICE, "etag", answer, route="/pictures", generation=now)

    def test_the_least_recently_used_answer_is_dropped(self) -> None:
        response_cache = ResponseCache[str](30_000, lambda: True, largest=20_000)
        for name in (b"a", b"b"):
            self.keep(response_cache, name, 10_000)
        assert response_cache.get(b"a") is not None
        self.keep(response_cache, b"c", 10_000)
        assert [response_cache.get(name) is not None for name in (b"a", b"b", b"c")] == [True, False, True]
        for _ in range(5):
            self.keep(response_cache, b"c", 10_000)  # counted once
        assert response_cache.get(b"a") is not None

    def test_an_answer_read_before_a_deletion_is_not_cached(self) -> None:
        response_cache = ResponseCache[str](30_000, lambda: True, largest=20_000)
        before = response_cache.generation
        response_cache.clear()
        self.keep(response_cache, b"a", 100, generation=before)
        assert response_cache.get(b"a") is None

    def test_large_answers_and_a_cache_of_size_0(self) -> None:
        response_cache = ResponseCache[str](100_000, lambda: True, largest=20_000)
        self.keep(response_cache, b"a", 20_001)
        assert response_cache.get(b"a") is None
        none = ResponseCache[str](0, lambda: True, largest=20_000)
        self.keep(none, b"a", 100)
        assert none.get(b"a") is None
