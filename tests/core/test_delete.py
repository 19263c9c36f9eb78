"""Deleting pictures, by administrators alone, with the counts of the device; and permissions over HTTP where the
collection takes keys."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from support import pictures
from support.asgi import client_of, running
from support.collection import AT, DEVICE, IMAGES, MakeCoreSettings, document, send, trusting
from support.collection_audit import KeptAudit, with_audit
from support.gateway import Key

from core_collection_service.access import Access
from core_collection_service.app import create_app
from lightbox_shared.auth.principal import Authority

OTHER = {**AT, "deviceId": "67890"}


@pytest.fixture(scope="module")
def key() -> Key:
    return Key()


def bearer(key: Key, **claims: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {key.token(**claims)}"}


@pytest.fixture
def audit() -> KeptAudit:
    return KeptAudit()


@pytest.fixture
def admin(key: Key) -> dict[str, str]:
    return bearer(key, authority=int(Authority.ADMIN))


@pytest.fixture
async def client(
    make_core_settings: MakeCoreSettings, key: Key, audit: KeptAudit, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service that accepts the tokens of `key` and stores pictures above 2,000 bytes in a folder."""
    settings = make_core_settings(blob_store_url=(tmp_path / "objects").as_uri(), blob_row_limit=2000)
    async with running(create_app(settings)) as app, client_of(trusting(with_audit(app, audit), key)) as client:
        yield client


async def devices(client: httpx.AsyncClient) -> dict[str, tuple[int, int, str, str]]:
    """Device -> its number of pictures, bytes, and first and last timestamp."""
    listed = (await client.get("/collections/devices")).json()["devices"]
    names = ("pictures", "bytes", "firstTimestamp", "lastTimestamp")
    return {each["deviceId"]: tuple(each[name] for name in names) for each in listed}


async def test_deletions_are_in_the_audit_trail(
    client: httpx.AsyncClient, admin: dict[str, str], audit: KeptAudit
) -> None:
    first, second = await send(client), await send(client, device=OTHER["deviceId"])
    audit.is_down = True
    for answer in (
        await client.delete(IMAGES, params=AT, headers=admin),
        await client.delete(second["href"], headers=admin),
    ):
        assert answer.status_code == 503
    assert len(await devices(client)) == 2
    audit.is_down = False
    assert (await client.delete(IMAGES, params=AT, headers=admin)).status_code == 204
    for status in (204, 404):
        assert (await client.delete(second["href"], headers=admin)).status_code == status
    assert audit.entries == [
        ("collection-picture-deleted", 7, {"collection": "images", "picture": each["id"]}) for each in (first, second)
    ]


async def test_by_device_and_time(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    body = await send(client)
    answer = await client.delete(IMAGES, params={**AT, "timestamp": "2024-08-18T04:04:07+02:00"}, headers=admin)
    assert (answer.status_code, answer.content) == (204, b"")
    for method in ("GET", "DELETE"):
        assert (await client.request(method, IMAGES, params=AT, headers=admin)).status_code == 404
        assert (await client.request(method, body["href"], headers=admin)).status_code == 404
    assert await devices(client) == {}
    assert (await send(client, pictures.png(10, 10)))["id"] > body["id"]


async def test_by_id_with_the_counts_and_the_objects(
    client: httpx.AsyncClient, admin: dict[str, str], tmp_path: Path
) -> None:
    large = pictures.encoded(Image.effect_noise((80, 80), 90), "PNG")
    times = ["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z", "2024-01-03T00:00:00Z"]
    sent = [await send(client, large, timestamp=time) for time in times]
    await send(client, large, device="67890")

    def objects() -> int:
        return len([each for each in (tmp_path / "objects").rglob("*") if each.is_file()])

    assert objects() == 4
    size = len(large)
    untouched = (1, size, AT["timestamp"], AT["timestamp"])
    assert await devices(client) == {DEVICE: (3, 3 * size, times[0], times[2]), "67890": untouched}
    assert (await client.delete(sent[2]["href"], headers=admin)).status_code == 204
    assert await devices(client) == {DEVICE: (2, 2 * size, times[0], times[1]), "67890": untouched}
    assert (await client.delete(sent[0]["href"], headers=admin)).status_code == 204
    assert await devices(client) == {DEVICE: (1, size, times[1], times[1]), "67890": untouched}
    assert (await client.delete(sent[0]["href"], headers=admin)).status_code == 404
    assert objects() == 2
    assert (await client.get(sent[1]["href"])).content == large


async def test_deletions_that_select_no_picture(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    await send(client)
    for path, status in {
        IMAGES: 400,
        f"{IMAGES}?deviceId={DEVICE}": 400,
        f"{IMAGES}?timestamp={AT['timestamp']}": 400,
        f"{IMAGES}?deviceId={DEVICE}&timestamp=soon": 400,
        f"{IMAGES}?deviceId={DEVICE}&from=2024-01-01T00:00:00Z": 400,
        f"{IMAGES}/{2**63}": 404,
        f"{IMAGES}/latest?deviceId={DEVICE}": 404,
        "/collections/other/1": 404,
        "/collections": 405,
    }.items():
        assert ((await client.delete(path, headers=admin)).status_code, path) == (status, path)
    assert (await client.get(IMAGES, params=AT)).status_code == 200


async def test_only_administrators_delete(client: httpx.AsyncClient, key: Key) -> None:
    href = (await send(client))["href"]
    admin = int(Authority.ADMIN)
    for status, headers in (
        (401, {}),
        (401, {"Authorization": "Bearer x"}),
        (403, bearer(key, authority=int(Authority.DOCTOR))),
        (403, bearer(key, authority=admin, scope="collect")),
        (403, bearer(key, authority=admin, scope="collect", device_id=DEVICE)),
        (403, bearer(key, authority=admin, scope="read")),
    ):
        assert (await client.delete(href, headers=headers)).status_code == status
        assert (await client.delete(IMAGES, params=AT, headers=headers)).status_code == status
    assert (await client.get(href)).status_code == 200


async def test_with_keys(make_core_settings: MakeCoreSettings, key: Key) -> None:
    settings = make_core_settings(collection_access=Access.KEYS)
    mine = bearer(key, authority=int(Authority.DOCTOR), scope="collect", device_id=DEVICE)
    async with running(create_app(settings)) as app, client_of(trusting(app, key)) as client:
        assert (await client.post(IMAGES, json=document())).status_code == 401
        assert (await client.post(IMAGES, content=b"x")).status_code == 401  # before the body is read
        body = await client.post(IMAGES, json=document(), headers=mine)
        assert body.status_code == 201
        assert (await client.post(IMAGES, json=document(device="67890"), headers=mine)).status_code == 403
        theirs = bearer(key, authority=int(Authority.DOCTOR), scope="collect", device_id="67890")
        paths = [f"{IMAGES}/1", f"{IMAGES}/2", f"{IMAGES}?deviceId={DEVICE}&timestamp=2024-08-18T02:04:07Z"]
        paths.append(f"{IMAGES}/latest?deviceId={DEVICE}")
        answers = {
            who: [(await client.get(path, headers=headers)).status_code for path in paths]
            for who, headers in (("anonymous", {}), ("mine", mine), ("theirs", theirs))
        }
        assert answers == {
            "anonymous": [401, 401, 401, 401],
            "mine": [200, 404, 200, 200],
            "theirs": [404, 404, 403, 403],
        }
