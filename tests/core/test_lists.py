"""Lists by time over HTTP: their content, formats and pages."""

import json
import struct
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import cbor2
import httpx
import pytest
from support.collection import IMAGES, send
from support.rows import AT, fill, row

from core_collection_service.pictures.submit.repository import add
from core_collection_service.protocol.cursors import sealed
from core_collection_service.protocol.link_format import parse
from core_collection_service.protocol.timestamps import format_timestamp
from lightbox_shared.database import Database

EVER = "0001-01-01T00:00:00Z"
JSON, CBOR = "application/json", "application/cbor"
SENML_JSON, SENML_CBOR, LINKS = "application/senml+json", "application/senml+cbor", "application/link-format"


def at(seconds: int) -> str:
    return format_timestamp(AT + timedelta(seconds=seconds))


async def listed(client: httpx.AsyncClient, **query: str | int) -> dict[str, Any]:
    names = {"start": "from", "end": "to", "device": "deviceId"}
    answer = await client.get(IMAGES, params={names.get(name, name): value for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def times(body: Mapping[str, Any]) -> list[str]:
    return [each["timestamp"] for each in body["pictures"]]


async def test_metadata_as_it_was_answered_when_the_picture_was_kept(client: httpx.AsyncClient) -> None:
    kept = await send(client)
    assert await listed(client, start=EVER) == {"pictures": [kept], "next_cursor": None}


async def test_newest_first_from_inclusively_to_exclusively(client: httpx.AsyncClient, database: Database) -> None:
    await fill(database, 9, devices=3)
    assert times(await listed(client, start=at(3), end=at(6))) == [at(5), at(4), at(3)]
    assert times(await listed(client, start=at(8))) == [at(9), at(8)]
    assert times(await listed(client, end=at(3))) == [at(2), at(1)]
    assert times(await listed(client, start=at(3), end=at(3))) == []
    assert times(await listed(client, device="camera-0001", start=EVER)) == [at(7), at(4), at(1)]
    assert times(await listed(client, device="camera-0001", start=at(2), end=at(7))) == [at(4)]
    assert times(await listed(client, device="unknown", start=EVER)) == []


@pytest.mark.parametrize("device", [None, "camera-0001"])
async def test_pages_have_each_picture_once_while_others_come(
    client: httpx.AsyncClient, database: Database, device: str | None
) -> None:
    await fill(database, 50, devices=2)
    query: dict[str, str | int] = {"limit": 7} | ({} if device is None else {"device": device})
    page = await listed(client, **query, start=at(1), end=at(50))
    found = times(page)
    while page["next_cursor"] is not None:
        await send(client, device=device or "camera-0001", timestamp=at(1000 + len(found)))
        page = await listed(client, **query, cursor=page["next_cursor"])
        found += times(page)
    step = 1 if device is None else 2
    assert found == [at(n) for n in range(49, 0, -step)]


async def test_pictures_of_one_instant_are_ordered_by_id(client: httpx.AsyncClient, database: Database) -> None:
    async with database.autocommit() as connection:
        kept = await add(connection, [row(device=f"{n}") for n in range(5)])
    found: list[int] = []
    page = await listed(client, start=EVER, limit=2)
    while True:
        found += [each["id"] for each in page["pictures"]]
        if page["next_cursor"] is None:
            break
        page = await listed(client, cursor=page["next_cursor"], limit=2)
    assert found == sorted((each.id for each in kept), reverse=True)


async def test_the_next_page_is_a_link(client: httpx.AsyncClient, database: Database) -> None:
    await fill(database, 5, devices=1)
    params: dict[str, str | int] = {"deviceId": "camera-0000", "from": at(2).replace("Z", "+00:00"), "limit": 3}
    for accept in (JSON, CBOR, SENML_JSON, SENML_CBOR, LINKS):
        first = await client.get(IMAGES, params=params, headers={"Accept": accept})
        assert first.headers["link"].endswith('>; rel="next"')
        target = first.links["next"]["url"]
        assert target.startswith(IMAGES + "?")
        second = await client.get(target)
        assert (times(second.json()), "link" in second.headers) == ([at(2)], False)
    everything = await client.get(IMAGES, params={"from": EVER})
    assert "link" not in everything.headers


async def test_every_format_says_the_same(client: httpx.AsyncClient) -> None:
    kept = await send(client, device='a "camera", \\ \u00e9', timestamp="2024-08-18T04:04:07.25+02:00")

    async def asked(accept: str) -> bytes:
        answer = await client.get(IMAGES, params={"from": EVER}, headers={"Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (200, accept)
        assert "Accept" in answer.headers["vary"]
        return answer.content

    assert json.loads(await asked(JSON)) == cbor2.loads(await asked(CBOR)) == {"pictures": [kept], "next_cursor": None}
    (link,) = parse((await asked(LINKS)).decode())
    assert link.href == kept["href"]
    title = f"{kept['deviceId']} 2024-08-18T02:04:07.250000Z"
    assert dict(link.attributes) == {"ct": "23", "sz": str(kept["size"]), "title": title}
    records = json.loads(await asked(SENML_JSON))
    name = f"images/{kept['id']}"
    assert records == [
        {"bn": "collections/", "n": "pictures", "u": "count", "v": 1},
        {"bt": 1723946647.25, "n": f"{name}/device", "vs": kept["deviceId"]},
        {"n": f"{name}/timestamp", "vs": "2024-08-18T02:04:07.250000Z"},
        {"n": f"{name}/href", "vs": kept["href"]},
        {"n": f"{name}/type", "vs": "image/png"},
        {"n": f"{name}/size", "u": "B", "v": kept["size"]},
    ]
    labels = {"bn": -2, "bt": -3, "n": 0, "u": 1, "v": 2, "vs": 3}
    in_numbers = [{labels[label]: value for label, value in record.items()} for record in records]
    assert cbor2.loads(await asked(SENML_CBOR)) == in_numbers


async def test_an_empty_list_in_every_format(client: httpx.AsyncClient) -> None:
    async def asked(accept: str) -> bytes:
        return (await client.get(IMAGES, params={"from": EVER}, headers={"Accept": accept})).content

    assert json.loads(await asked(JSON)) == {"pictures": [], "next_cursor": None}
    assert await asked(LINKS) == b""
    assert json.loads(await asked(SENML_JSON)) == [{"bn": "collections/", "n": "pictures", "u": "count", "v": 0}]


async def test_a_format_that_is_not_offered_is_406(client: httpx.AsyncClient) -> None:
    answer = await client.get(IMAGES, params={"from": EVER}, headers={"Accept": "image/png, text/html"})
    assert answer.status_code == 406
    assert "application/senml+json" in answer.json()["detail"]


async def test_by_default_fifty(client: httpx.AsyncClient, database: Database) -> None:
    await fill(database, 1001, devices=1)
    assert len((await listed(client, start=EVER))["pictures"]) == 50
    assert len((await listed(client, start=EVER, limit=1000))["pictures"]) == 1000
    assert len((await listed(client, start=EVER, limit=1))["pictures"]) == 1


REFUSED = [
    ("from=yesterday", "from"),
    ("to=2024", "to"),
    ("from=2024-08-18T00:00:00Z&to=2024-08-17T00:00:00Z", "to"),
    ("from=2024-08-18T00:00:00Z&from=2024-08-18T00:00:00Z", "from"),
    ("from=2024-08-18T00:00:00Z&limit=0", "limit"),
    ("from=2024-08-18T00:00:00Z&limit=1001", "limit"),
    ("from=2024-08-18T00:00:00Z&limit=ten", "limit"),
    ("from=2024-08-18T00:00:00Z&limit=\u0661", "limit"),
    ("from=2024-08-18T00:00:00Z&deviceId=", "deviceId"),
    ("from=2024-08-18T00:00:00Z&deviceId=a%00", "deviceId"),
    ("from=2024-08-18T00:00:00Z&deviceId=a&deviceId=b", "deviceId"),
    (f"from=2024-08-18T00:00:00Z&deviceId={'a' * 256}", "deviceId"),
    ("cursor=", "cursor"),
    ("cursor=x", "cursor"),
    ("cursor=%C3%A9", "cursor"),
    ("cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "cursor"),
    (f"cursor={'A' * 3000}", "cursor"),
]
"""Query, and the name of the parameter that is not valid."""


async def test_invalid_queries(client: httpx.AsyncClient) -> None:
    for query, field in REFUSED:
        for accept in (JSON, SENML_JSON):
            answer = await client.get(f"{IMAGES}?{query}", headers={"Accept": accept})
            assert answer.status_code == 400
            assert answer.json()["detail"].startswith(f"{field}: ")


async def test_a_cursor_belongs_to_its_list(client: httpx.AsyncClient, database: Database) -> None:
    await fill(database, 20, devices=2)
    limits: dict[str, str | int] = {"from": at(1), "to": at(20), "limit": 2}
    page = await client.get(IMAGES, params={**limits, "deviceId": "camera-0001"})
    cursor: str = page.json()["next_cursor"]
    of_all: str = (await client.get(IMAGES, params=limits)).json()["next_cursor"]
    batch = await client.get(IMAGES, params={"limit": 1}, headers={"Accept": SENML_JSON})
    of_batch = httpx.URL(batch.links["next"]["url"]).params["cursor"]

    async def status(**query: str | int) -> int:
        return (await client.get(IMAGES, params=query)).status_code

    mine = {"deviceId": "camera-0001"}
    assert await status(**mine, cursor=cursor) == 200
    assert await status(**limits, **mine, cursor=cursor) == 200
    assert await status(cursor=cursor) == 400
    assert await status(deviceId="camera-0000", cursor=cursor) == 400
    assert await status(**mine, cursor=of_all) == 400
    assert await status(cursor=of_batch) == 400
    assert await status(**mine, cursor=cursor, **{"from": at(2)}) == 400
    assert await status(**mine, cursor=cursor, to=at(2)) == 400
    for place in range(0, len(cursor), 5):
        changed = "A" if cursor[place] != "A" else "B"
        assert await status(**mine, cursor=cursor[:place] + changed + cursor[place + 1 :]) == 400
    for changed in (cursor[:-1], cursor + "A", cursor + "=", cursor + "\n", cursor[::-1]):
        assert await status(**mine, cursor=changed) == 400


FORGED = [
    b"",
    b"\0" * 31,
    b"\0" * 33,
    struct.pack(">qqqq", 0, 0, 2**63 - 1, 1),
    struct.pack(">qqqq", 0, 0, -(2**63), 1),
    struct.pack(">qqqq", 2**62, 0, 0, 1),
    struct.pack(">qqqq", 0, 253_402_300_800_000_000, 0, 1),
    struct.pack(">qqqq", -62_135_596_800_000_001, 0, 0, 1),
]
"""Invalid positions: of other lengths, and with instants outside of the years 1 to 9999."""


async def test_a_cursor_with_a_valid_seal_is_checked_like_any_input(client: httpx.AsyncClient) -> None:
    for position in FORGED:
        for device in ({}, {"deviceId": "a"}):
            query = {**device, "cursor": sealed(position, "time", "images", *device.values())}
            answer = await client.get(IMAGES, params=query)
            assert answer.status_code == 400, position
            assert answer.json()["detail"] == "cursor: This is not a cursor of this list."
    ends = struct.pack(">qqqq", -62_135_596_800_000_000, 253_402_300_799_999_999, 253_402_300_799_999_999, 2**63 - 1)
    assert await listed(client, cursor=sealed(ends, "time", "images")) == {"pictures": [], "next_cursor": None}


async def test_without_limits_of_time_a_list_is_400(client: httpx.AsyncClient) -> None:
    for query in ("", "?deviceId=12345", "?limit=5"):
        answer = await client.get(IMAGES + query)
        assert (answer.status_code, "required" in answer.json()["detail"]) == (400, True)


async def test_a_collection_that_is_not_there(client: httpx.AsyncClient) -> None:
    assert (await client.get("/collections/paintings", params={"from": EVER})).status_code == 404
