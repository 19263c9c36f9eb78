"""The CoRE collection over CoAP on a running platform, which is the same collection as over HTTP."""

from collections.abc import AsyncIterator

import cbor2
import httpx
import pytest
from aiocoap.numbers.codes import Code
from support.coap import CBOR, PNG, Device, device, noise, problem
from support.collection import IMAGES, cbor_document, document

from lightbox.run.platform import Platform
from lightbox_shared.process.ports import coap_port


@pytest.fixture
async def gateway(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=platform.url, timeout=60) as client:
        yield client


@pytest.fixture
async def camera(platform: Platform) -> AsyncIterator[Device]:
    async with device(coap_port(platform.settings.port)) as camera:
        yield camera


async def test_discovery(camera: Device) -> None:
    answer = await camera.get("/.well-known/core", "rt=simple.act")
    assert (answer.code, int(answer.opt.content_format)) == (Code.CONTENT, 40)
    assert answer.payload.startswith(b'</collections/images>;rt="simple.act";if="core.b"')


async def test_what_is_sent_by_coap_is_read_through_the_gateway(camera: Device, gateway: httpx.AsyncClient) -> None:
    data = noise(seed=11)
    at = {"deviceId": "coap camera", "timestamp": "2024-08-18T02:04:07.5Z"}
    sent = await camera.post(cbor_document(data, *at.values()), CBOR)
    assert sent.code is Code.CREATED
    read = await gateway.get(IMAGES, params=at)
    assert (read.status_code, read.content == data) == (200, True)
    assert (await gateway.get("/" + "/".join(sent.opt.location_path))).content == data
    again = await gateway.post(IMAGES, json=document(data, *at.values()))
    assert (again.status_code, again.json()["sha256"]) == (200, cbor2.loads(sent.payload)["sha256"])
    other = await gateway.post(IMAGES, json=document(noise(seed=12), *at.values()))
    assert other.status_code == 409


async def test_what_is_sent_through_the_gateway_is_read_by_coap(camera: Device, gateway: httpx.AsyncClient) -> None:
    data = noise(seed=13)
    query = ("deviceId=http camera", "timestamp=2024-08-18T02:04:07Z")
    sent = await gateway.post(IMAGES, json=document(data, "http camera"))
    assert sent.status_code == 201, sent.text
    read = await camera.get(IMAGES, *query)
    assert (read.payload == data, int(read.opt.content_format)) == (True, PNG)
    assert (await camera.get(IMAGES, *query, etags=[read.opt.etag])).code is Code.VALID
    assert (await camera.post(noise(seed=14), PNG, *query)).code is Code.CONFLICT


async def test_failures_are_problem_details(camera: Device) -> None:
    assert problem(await camera.get(IMAGES))[-4] == 128
    assert problem(await camera.get(IMAGES, "deviceId=unknown", "timestamp=2024-08-18T02:04:07Z"))[-4] == 132
    assert (await camera.post(b"text", 0)).code is Code.UNSUPPORTED_CONTENT_FORMAT
