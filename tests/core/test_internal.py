"""What other services ask core-collection-service for: pictures as their devices sent them."""

from collections.abc import AsyncIterator

import httpx
import pytest
from support import pictures
from support.asgi import WithState, client_of
from support.collection import AT, DEVICE, TIMESTAMP, send, trusting
from support.gateway import Key
from support.inference import account_headers, service_headers

PATH = "/internal/pictures/images"


@pytest.fixture(scope="module")
def key() -> Key:
    return Key()


@pytest.fixture
async def asking(core: WithState, key: Key) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the token of a service."""
    async with client_of(trusting(core, key), headers=service_headers(key)) as http:
        yield http


@pytest.mark.parametrize("data", [pictures.png(), pictures.dicom()], ids=["as it is", "stored compressed"])
async def test_a_picture_by_id_and_by_device(asking: httpx.AsyncClient, data: bytes) -> None:
    sent = await send(asking, data)
    for path, params in [(f"{PATH}/{sent['id']}", {}), (PATH, AT)]:
        for binding in ({}, {"bound_to": DEVICE}):
            answer = await asking.get(path, params={**params, **binding})
            assert (answer.status_code, answer.content) == (200, data)
            assert answer.headers["content-type"] == sent["mediaType"]
        other = await asking.get(path, params={**params, "bound_to": "another"})
        assert (other.status_code, other.json()["type"]) == (404, "/problems/no-such-picture")
    elsewhere = await asking.get(PATH, params={"deviceId": DEVICE, "timestamp": "2024-08-18T04:04:07+02:00"})
    assert elsewhere.content == data


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{PATH}/1", 404),
        (f"{PATH}/0", 404),
        (f"{PATH}/{2**63}", 404),
        (f"{PATH}/x", 404),
        ("/internal/pictures/other/1", 404),
        (PATH, 400),
        (f"{PATH}?deviceId={DEVICE}", 400),
        (f"{PATH}?deviceId={DEVICE}&timestamp=yesterday", 400),
        (f"{PATH}?deviceId=%00&timestamp={TIMESTAMP}", 400),
        (f"{PATH}?deviceId={DEVICE}&timestamp={TIMESTAMP}", 404),
    ],
)
async def test_what_there_is_not(asking: httpx.AsyncClient, path: str, status: int) -> None:
    assert (await asking.get(path)).status_code == status


async def test_only_services_may_ask(core: WithState, key: Key) -> None:
    async with client_of(trusting(core, key)) as http:
        picture_id = (await send(http))["id"]
        for path in (f"{PATH}/{picture_id}", f"{PATH}?deviceId={DEVICE}&timestamp={TIMESTAMP}"):
            assert (await http.get(path)).status_code == 401
            assert (await http.get(path, headers=account_headers(key, 2, authority=101))).status_code == 403
