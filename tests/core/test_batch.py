"""The batch (`core.b`): a collection in SenML is the newest picture of each device."""

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import cbor2
import httpx
import pytest
from support import pictures
from support.asgi import WithState, client_of, running
from support.collection import IMAGES, MakeCoreSettings, send
from support.rows import fill, row

from core_collection_service.app import BATCH_MEMORY_BYTES, create_app
from core_collection_service.pictures.lists.service import NewestOfEach, PictureLists
from core_collection_service.pictures.submit.repository import add
from core_collection_service.protocol.cursors import sealed
from core_collection_service.state import Services
from lightbox_shared.database import Database
from lightbox_shared.errors import Unavailable

SENML_JSON, SENML_CBOR = "application/senml+json", "application/senml+cbor"
AS_JSON, AS_CBOR = {"Accept": SENML_JSON}, {"Accept": SENML_CBOR}


async def batch(client: httpx.AsyncClient, url: str = IMAGES, **query: str | int) -> list[dict[str, Any]]:
    answer = await client.get(url, params=query or None, headers=AS_JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (200, SENML_JSON)
    found: list[dict[str, Any]] = answer.json()
    return found


def values(records: list[dict[str, Any]], name: str) -> list[Any]:
    """The values of all records whose names end with this part."""
    found = [each for each in records if each["n"].rpartition("/")[2] == name]
    return [each.get("vs", each.get("v", each.get("vd"))) for each in found]


async def test_the_newest_of_each_device(client: httpx.AsyncClient) -> None:
    await send(client, device="b", timestamp="2024-08-18T02:04:07Z")
    newest = [
        await send(client, device="a", timestamp="2024-08-18T02:04:09Z"),
        await send(client, device="b", timestamp="2024-08-18T02:04:08Z"),
    ]
    await send(client, device="a", timestamp="2024-08-18T02:04:01Z")
    records = await batch(client)
    assert values(records, "device") == ["a", "b"]
    assert values(records, "href") == [each["href"] for each in newest]
    assert values(records, "size") == [each["size"] for each in newest]
    assert values(records, "timestamp") == [each["timestamp"] for each in newest]
    assert values(records, "data") == []
    assert [each["bt"] for each in records if "bt" in each] == [1723946649, 1723946648]
    assert values(await batch(client, deviceId="b"), "href") == [newest[1]["href"]]
    assert values(await batch(client, deviceId="c"), "href") == []


async def test_a_link_leads_to_the_picture(client: httpx.AsyncClient) -> None:
    data = pictures.png()
    await send(client, data)
    (href,) = values(await batch(client), "href")
    assert (await client.get(href)).content == data


async def test_senml_is_answered_where_it_is_preferred(client: httpx.AsyncClient) -> None:
    for accept in (f"{SENML_JSON}, image/png;q=0.5", f"{SENML_CBOR};q=0.9,{SENML_JSON}"):
        answer = await client.get(IMAGES, headers={"Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (200, SENML_JSON)


async def test_data_is_sent_on_request_only(client: httpx.AsyncClient) -> None:
    data = pictures.png()
    kept = await send(client, data)
    for vd in ("1", "true"):
        (found,) = values(await batch(client, vd=vd), "data")
        assert urlsafe_b64decode(found + "==") == data
        assert "=" not in found
    records = cbor2.loads((await client.get(IMAGES, params={"vd": 1}, headers=AS_CBOR)).content)
    assert [record[8] for record in records if 8 in record] == [data]
    assert records[-1][0] == f"images/{kept['id']}/data"
    assert values(await batch(client, vd=0), "data") == []
    answer = await client.get(IMAGES, params={"vd": "yes"}, headers=AS_JSON)
    assert (answer.status_code, answer.json()["detail"]) == (400, "vd: Neither 1 nor 0.")


async def test_senml_names_do_not_depend_on_device_ids(client: httpx.AsyncClient) -> None:
    devices = ["/", "..", "\u00e9\u4e2d", 'a"b\\c', " ", "-x", "a" * 255, "\U0001f4f7" * 255]
    for device in devices:
        await send(client, device=device)
    records: list[dict[str, Any]] = []
    url: str = f"{IMAGES}?limit=1"
    while url:
        answer = await client.get(url, headers=AS_JSON)
        records += answer.json()
        url = answer.links.get("next", {}).get("url", "")
    assert values(records, "device") == sorted(devices, key=str.encode)
    names = {record.get("bn", "collections/") + record["n"] for record in records}
    assert all(name.isascii() and set(name) <= set(_NAME) and name[0].isalnum() for name in names)


_NAME = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-:./_"


@pytest.mark.parametrize("timestamp", ["0001-01-01T00:00:01Z", "1978-07-04T21:24:15Z", "9999-12-31T23:59:59Z"])
async def test_times_that_senml_takes_for_relative_are_unknown(client: httpx.AsyncClient, timestamp: str) -> None:
    await send(client, timestamp=timestamp)
    records = await batch(client)
    assert values(records, "timestamp") == [timestamp]
    (base_time,) = [record["bt"] for record in records if "bt" in record]
    assert base_time == 0 if timestamp < "1978-07-04T21:24:16" else base_time > 2**28


async def test_pages_by_device(client: httpx.AsyncClient, database: Database) -> None:
    await fill(database, 100, devices=23)
    url: str = f"{IMAGES}?limit=5"
    found: list[str] = []
    while url:
        answer = await client.get(url, headers=AS_JSON)
        found += values(answer.json(), "device")
        url = answer.links.get("next", {}).get("url", "")
    assert found == [f"camera-{n:04}" for n in range(23)]


async def test_a_cursor_with_a_valid_seal_is_checked_like_any_input(client: httpx.AsyncClient) -> None:
    for position in (b"\xff", b"a\0", b"\0", b"\xed\xa0\x80", b"a\0b"):
        cursor = sealed(position, "newest", "images")
        answer = await client.get(IMAGES, params={"cursor": cursor}, headers=AS_JSON)
        assert (answer.status_code, answer.json()["detail"]) == (400, "cursor: This is not a cursor of this list.")


async def test_batches_with_bytes_have_a_memory_budget_of_their_own(core: WithState, client: httpx.AsyncClient) -> None:
    services: Services = core.state["services"]
    kept = await send(client)
    with ExitStack() as uploads:
        with suppress(Unavailable):
            while True:
                uploads.enter_context(services.upload_memory.reserve(1024 * 1024))
        assert len(values(await batch(client, vd=1), "data")) == 1
    with services.batch_memory.reserve(BATCH_MEMORY_BYTES - kept["size"] + 1):
        answer = await client.get(IMAGES, params={"vd": 1}, headers=AS_JSON)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert answer.json()["detail"] == "Too many batches are being read."
        head = await client.head(IMAGES, params={"vd": 1}, headers=AS_JSON)  # for which no bytes are read
        assert (head.status_code, head.headers["content-type"]) == (200, SENML_JSON)
        assert "content-length" not in head.headers
        await send(client, device="another")
    assert services.batch_memory.held == services.upload_memory.held == 0
    assert len(values(await batch(client, vd=1), "data")) == 2


async def test_originals_come_from_rows_and_from_the_object_store(
    make_core_settings: MakeCoreSettings, tmp_path: Path
) -> None:
    sent = {"a": pictures.encoded(pictures.GREY, "BMP"), "b": pictures.png(), "c": pictures.png(300, 200)}
    settings = make_core_settings(blob_store_url=(tmp_path / "objects").as_uri(), blob_row_limit=len(sent["b"]))
    async with running(create_app(settings)) as app, client_of(app) as client:
        for device, data in sent.items():
            await send(client, data, device=device)
        records = await batch(client, vd=1)
        assert [urlsafe_b64decode(each + "==") for each in values(records, "data")] == list(sent.values())


async def test_a_page_ends_before_its_pictures_have_too_many_bytes(database: Database) -> None:
    async with database.autocommit() as connection:
        await add(connection, [row(device=name) for name in "abcde"])  # of 7 bytes each
    lists = PictureLists(database)

    async def pages(max_bytes: int) -> list[str]:
        found: list[str] = []
        cursor: str | None = None
        while True:
            page = await lists.newest(NewestOfEach("images", None, 3, cursor), max_bytes=max_bytes)
            found.append("".join(each.device_id for each in page.rows))
            cursor = page.next_cursor
            if cursor is None:
                return found

    assert await pages(21) == ["abc", "de"]
    assert await pages(20) == ["ab", "cd", "e"]
    assert await pages(6) == list("abcde")


async def test_with_limits_of_time_it_is_a_list(client: httpx.AsyncClient, database: Database) -> None:
    await fill(database, 4, devices=2)
    assert len(values(await batch(client), "device")) == 2
    assert len(values(await batch(client, **{"from": "2024-01-01T00:00:00Z"}), "device")) == 4
    page: Mapping[str, Any] = (await client.get(IMAGES, params={"from": "2024-01-01T00:00:00Z", "limit": 1})).json()
    assert len(values(await batch(client, cursor=page["next_cursor"], limit=9), "device")) == 3


async def test_every_record_has_one_value(client: httpx.AsyncClient) -> None:
    await send(client)
    for vd in (0, 1):
        for record in await batch(client, vd=vd):
            assert len({"v", "vs", "vb", "vd"} & record.keys()) == 1
