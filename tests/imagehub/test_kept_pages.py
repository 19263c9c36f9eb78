"""Pages of the gallery that are kept: who may have them, what they cost, and that they follow every change."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import event, text
from support.additions import coloured, gallery_of
from support.asgi import WithState, client_of, running
from support.databases import FreshDatabase
from support.gallery_pages import delete, get, groups_of
from support.gateway import Key
from support.imagehub import SECRET_KEY, Hub, MakeHubSettings
from support.kit import verifier_of

from imagehub_service.app import create_app
from imagehub_service.gallery.pages.service import PAGE_GROUPS, Pages
from imagehub_service.gallery.revisions import repository as revisions
from imagehub_service.visibility import GalleryVisitor
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Database

PATHS = [
    "/image/page",
    "/image/group",
    "/image?group=1&image_id=1",
    "/image/download?group_id=1&image_id=1",
    "/image/total-page",
]


@pytest.mark.parametrize("path", PATHS)
async def test_browsers_ask_whether_what_they_have_still_holds(hub: Hub, path: str) -> None:
    group = await hub.group()
    await hub.picture(group)
    first = await hub.http.get(path)
    assert first.headers["cache-control"] == "no-cache"
    known = {"If-None-Match": first.headers["etag"]}
    again = await hub.http.get(path, headers=known)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    head = await hub.http.head(path)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", first.headers["etag"])
    await delete(hub, (group, 1))
    changed = await hub.http.get(path, headers=known)
    assert (changed.status_code, changed.content != first.content) == (200, True)


@pytest.mark.parametrize("path", PATHS)
async def test_a_closed_gallery(make_settings: MakeHubSettings, signing_key: Key, path: str) -> None:
    async with running(create_app(make_settings(gallery_visibility="accounts"))) as app:
        service = WithState(app.app, {**app.state, "tokens": verifier_of(signing_key)})
        async with client_of(service) as client:
            hub = Hub(service, client, signing_key)
            await hub.picture(await hub.group())
            assert (await client.get(path)).status_code == 401
            answer = await client.get(path, headers=hub.headers(Authority.GUEST))
            assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-cache")


async def test_who_sees_some_groups_only(hub: Hub) -> None:
    for number in range(20):
        await hub.picture(await hub.group(), coloured(number))
    visitor = GalleryVisitor(frozenset(range(3, 19)) | {77}, key="secret")
    pages, shown = hub.services.pages, hub.services.shown_pictures
    bodies = [await pages.page(number, visitor, "http://hub") for number in (1, 2, 3)]
    first, second = bodies[0], bodies[1]
    assert first is not None
    assert second is not None
    assert bodies[2] is None
    assert (first.data.count(b'"group":'), second.data.count(b'"group":')) == (12, 4)
    assert first.data.count(b"key=secret") > 12
    assert await pages.total(visitor) == 2
    assert b"key=" not in (await hub.http.get("/image/page")).content
    assert await shown.picture(1, 1, visitor, "") is None
    assert await shown.group(1, visitor, "") is None
    assert await shown.download(1, 1, visitor) is None
    assert await shown.picture(3, 1, visitor, "") is not None


@pytest.fixture
async def alone(make_settings: MakeHubSettings) -> AsyncIterator[tuple[Pages, list[str]]]:
    """The pages of one more process, which does nothing else, and the statements that it sends."""
    seen: list[str] = []

    def before(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    database = Database(make_settings().database_url)
    event.listen(database.engine.sync_engine, "before_cursor_execute", before)
    yield Pages(database, cache_bytes=2**20), seen
    await database.dispose()


async def test_how_many_statements_a_page_takes(hub: Hub, alone: tuple[Pages, list[str]]) -> None:
    pages, statements = alone
    for _ in range(26):
        await hub.picture(await hub.group())
    counts = []
    for page in (1, 1, 2, 1, 3):
        statements.clear()
        assert await pages.page(page, GalleryVisitor(), "http://hub") is not None
        assert not any("OFFSET" in each for each in statements)
        counts.append(len(statements))
    assert counts == [3, 1, 2, 1, 2]  # the counters; the covers; and once the order
    async with hub.database.writing() as session:
        await revisions.changed(session, order=False)
    statements.clear()
    await pages.page(1, GalleryVisitor(), "http://hub")
    assert len(statements) == 2


async def test_the_order_is_read_once_for_all_who_wait(hub: Hub, alone: tuple[Pages, list[str]]) -> None:
    pages, statements = alone
    await hub.picture(await hub.group())
    await asyncio.gather(*(pages.total(GalleryVisitor()) for _ in range(30)))
    assert len([each for each in statements if "array_agg" in each]) == 1


async def test_pages_are_kept_within_a_bound(hub: Hub) -> None:
    for _ in range(PAGE_GROUPS * 3):
        await hub.picture(await hub.group())
    for cache_bytes in (0, 20_000):
        pages = Pages(hub.database, cache_bytes=cache_bytes)
        for number in (1, 2, 3, 1):
            assert await pages.page(number, GalleryVisitor(), "http://hub") is not None
            assert pages._bodies.currsize <= cache_bytes


OPERATION = st.one_of(
    st.tuples(st.just("add"), st.integers(1, 4)),
    st.tuples(st.just("delete"), st.lists(st.tuples(st.integers(1, 4), st.integers(1, 6)), max_size=4)),
    st.tuples(st.just("cover"), st.tuples(st.integers(1, 4), st.integers(1, 6))),
    st.tuples(st.just("look"), st.just(None)),
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=st.lists(OPERATION, max_size=14))
def test_counters_and_pages_follow_every_change(
    operations: list[tuple[str, Any]], fresh_database: FreshDatabase, tmp_path: Any, signing_key: Key
) -> None:
    """Random additions, deletions and covers, against a dictionary."""

    async def main() -> None:
        from imagehub_service.config import ImageHubSettings  # noqa: PLC0415

        url = fresh_database("imagehub_service")
        made = ImageHubSettings(database_url=url, data_dir=tmp_path, secret_key=SecretStr(SECRET_KEY), port=9)
        async with running(create_app(made)) as app:
            service = WithState(app.app, {**app.state, "tokens": verifier_of(signing_key)})
            async with client_of(service) as client:
                await check(Hub(service, client, signing_key))

    async def check(hub: Hub) -> None:
        model: dict[int, list[int]] = {number: [] for number in (1, 2, 3, 4)}
        given_out = dict.fromkeys(model, 0)
        for _ in model:
            await hub.group()
        for kind, argument in operations:
            if kind == "add":
                given_out[argument] += 1
                assert (await hub.picture(argument)).image_id == given_out[argument]
                model[argument].append(given_out[argument])
            elif kind == "delete":
                gone = {(group, image) for group, image in argument if image in model[group]}
                assert (await delete(hub, *argument))["deleted"] == len(gone)
                for group, image in gone:
                    model[group].remove(image)
            elif kind == "cover":
                chosen = "SELECT id FROM pictures WHERE group_id = :g AND image_id = :i"
                statement = text(f"UPDATE groups SET cover_id = ({chosen}) WHERE id = :g")  # noqa: S608
                async with hub.database.writing() as session:
                    await session.execute(statement, {"g": argument[0], "i": argument[1]})
                    await revisions.changed(session, order=False)
            shown = [number for number, images in model.items() if images]
            assert await groups_of(hub) == shown
            assert (await get(hub, "/image/total-page"))["totalPage"] == (1 if shown else 0)
            kept = [(each.group_id, each.image_id) for each in await gallery_of(hub.database)]
            assert kept == [(group, image) for group, images in model.items() for image in images]

    asyncio.run(main())
