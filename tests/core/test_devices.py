"""The list of devices: their summaries, and its pages."""

import cbor2
import httpx
from support.asgi import client_of, running
from support.collection import MakeCoreSettings, send
from support.rows import fill, row

from core_collection_service.access import Access
from core_collection_service.app import create_app
from core_collection_service.pictures.submit.repository import add
from core_collection_service.protocol.cursors import sealed
from lightbox_shared.database import Database

DEVICES = "/collections/devices"


async def test_the_summary_of_a_device(client: httpx.AsyncClient) -> None:
    first = await send(client, device="a", timestamp="2024-08-18T02:04:07Z")
    second = await send(client, device="a", timestamp="2024-08-17T02:04:07.5Z")
    answer = await client.get(DEVICES)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "devices": [
            {
                "deviceId": "a",
                "collection": "images",
                "pictures": 2,
                "bytes": first["size"] + second["size"],
                "storedBytes": first["storedSize"] + second["storedSize"],
                "firstTimestamp": second["timestamp"],
                "lastTimestamp": first["timestamp"],
                "firstSeen": first["receivedAt"],
                "lastSeen": second["receivedAt"],
            }
        ],
        "next_cursor": None,
    }
    in_cbor = await client.get(DEVICES, headers={"Accept": "application/cbor"})
    assert in_cbor.headers["content-type"] == "application/cbor"
    assert cbor2.loads(in_cbor.content) == answer.json()
    assert (await client.head(DEVICES)).status_code == 200


async def test_pages_through_the_collections_that_are_configured(make_core_settings: MakeCoreSettings) -> None:
    settings = make_core_settings(collections={"thermal": "t", "images": "i", "empty": "e"})
    async with running(create_app(settings)) as app, client_of(app) as client:
        database: Database = app.state["database"]
        await fill(database, 30, devices=11)
        await fill(database, 30, devices=7, collection="thermal")
        await fill(database, 30, devices=3, collection="gone")
        expected = [("images", f"camera-{n:04}") for n in range(11)] + [("thermal", f"camera-{n:04}") for n in range(7)]
        for limit in (1, 4, 11, 17, 18, 100):
            found: list[tuple[str, str]] = []
            cursor: dict[str, str] = {}
            while True:
                page = (await client.get(DEVICES, params={"limit": limit, **cursor})).json()
                assert len(page["devices"]) <= limit
                found += [(each["collection"], each["deviceId"]) for each in page["devices"]]
                if page["next_cursor"] is None:
                    break
                cursor = {"cursor": page["next_cursor"]}
            assert found == expected
        one = (await client.get(DEVICES, params={"collection": "thermal", "limit": 2})).json()
        assert {each["collection"] for each in one["devices"]} == {"thermal"}
        refused = await client.get(DEVICES, params={"cursor": one["next_cursor"]})
        assert (refused.status_code, refused.json()["detail"]) == (400, "cursor: This is not a cursor of this list.")
        for name in ("gone", "devices", ""):
            assert (await client.get(DEVICES, params={"collection": name})).status_code == 404


async def test_in_the_order_of_their_bytes(client: httpx.AsyncClient, database: Database) -> None:
    names = ["B", "a", "\u00e9", "\U0001f4f7", "10", "9", " ", "/"]
    async with database.autocommit() as connection:
        await add(connection, [row(device=name) for name in names])
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await client.get(DEVICES, params={"limit": 3, **cursor})).json()
        found += [each["deviceId"] for each in page["devices"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert found == sorted(names, key=str.encode)


async def test_invalid_queries(client: httpx.AsyncClient) -> None:
    for query in ("limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=&limit=2", "limit=1&limit=2"):
        assert (await client.get(f"{DEVICES}?{query}")).status_code == 400


async def test_a_cursor_with_a_valid_seal_is_checked_like_any_input(client: httpx.AsyncClient) -> None:
    for position in (b"", b"images", b"\xff\0a", b"images\0\xed\xa0\x80", b"images\0a\0b", b"gone\0a", b"\0a"):
        answer = await client.get(DEVICES, params={"cursor": sealed(position, "devices", "images")})
        assert (answer.status_code, answer.json()["detail"]) == (400, "cursor: This is not a cursor of this list.")


async def test_devices_is_no_collection(client: httpx.AsyncClient) -> None:
    assert (await client.post(DEVICES, json={})).status_code in {404, 405}
    assert (await client.get(f"{DEVICES}/latest", params={"deviceId": "a"})).status_code == 404


async def test_with_keys_lists_need_a_credential(make_core_settings: MakeCoreSettings) -> None:
    app = create_app(make_core_settings(collection_access=Access.KEYS))
    async with running(app) as started, client_of(started) as client:
        assert (await client.get(DEVICES)).status_code == 401
        assert (await client.get("/collections/images", params={"from": "2024-01-01T00:00:00Z"})).status_code == 401
        assert (await client.get("/collections/images/events")).status_code == 401
