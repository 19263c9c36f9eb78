"""Pictures over CoAP, with aiocoap's client: sent and read in blocks, the same pictures as over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import cbor2
import httpx
import pytest
from aiocoap.numbers.codes import Code
from support import pictures as drawn
from support.asgi import WithState
from support.coap import CBOR, JSON, OCTETS, PNG, RAW, Device, coap_of, device, noise, problem
from support.collection import AT, IMAGES, cbor_document, send

from core_collection_service.coap.downloads import PART_BYTES, PictureParts, Representation, Transfers
from core_collection_service.pictures.models import PictureKey
from core_collection_service.protocol.timestamps import parse_timestamp
from core_collection_service.state import Services
from lightbox_shared.images import inspect


@pytest.fixture
async def port(core: WithState) -> AsyncIterator[int]:
    async with coap_of(core.state["services"]) as port:
        yield port


@pytest.fixture
async def camera(port: int) -> AsyncIterator[Device]:
    async with device(port) as camera:
        yield camera


async def test_a_picture_goes_up_and_down_in_blocks(camera: Device, client: httpx.AsyncClient) -> None:
    data = noise()
    sent = await camera.post(cbor_document(data), CBOR)
    assert sent.code is Code.CREATED
    metadata = cbor2.loads(sent.payload)
    assert metadata["sha256"] == drawn.sha256_hex(data)
    assert sent.opt.location_path == ("collections", "images", str(metadata["id"]))
    for path, query in (("/" + "/".join(sent.opt.location_path), ()), (IMAGES, RAW)):
        read = await camera.get(path, *query)
        assert (read.code, read.payload == data, int(read.opt.content_format)) == (Code.CONTENT, True, PNG)
        assert read.opt.etag == bytes.fromhex(metadata["sha256"])[:8]
        assert read.opt.size2 == len(data)
    assert (await client.get(IMAGES, params=AT)).content == data


async def test_a_camera_without_cbor_sends_the_picture_as_it_is(camera: Device) -> None:
    data = noise()
    sent = await camera.post(data, PNG, *RAW)
    assert sent.code is Code.CREATED
    again = await camera.post(data, OCTETS, *RAW, accept=JSON)
    assert (again.code, again.opt.location_path) == (Code.CHANGED, sent.opt.location_path)
    assert int(again.opt.content_format) == JSON
    other = await camera.post(noise(seed=2), PNG, *RAW)
    assert other.code is Code.CONFLICT
    assert "overwritten" in problem(other)[-2]
    assert (await camera.get(IMAGES, *RAW)).payload == data


async def test_a_picture_sent_by_http_is_read_by_coap(camera: Device, client: httpx.AsyncClient) -> None:
    data = drawn.dicom()  # it is stored compressed
    await send(client, data)
    read = await camera.get(IMAGES, *RAW)
    assert (read.payload == data, int(read.opt.content_format)) == (True, OCTETS)
    assert (await camera.get("/collections/images/latest", RAW[0])).payload == data


async def test_an_etag_that_matches_is_valid(camera: Device) -> None:
    await camera.post(noise(), PNG, *RAW)
    etag = (await camera.get(IMAGES, *RAW)).opt.etag
    answer = await camera.get(IMAGES, *RAW, etags=[b"another", etag])
    assert (answer.code, answer.payload, answer.opt.etag) == (Code.VALID, b"", etag)


async def test_accept_is_respected(camera: Device) -> None:
    await camera.post(noise(), PNG, *RAW)
    for accept in (PNG, OCTETS):
        assert int((await camera.get(IMAGES, *RAW, accept=accept)).opt.content_format) == accept
    refused = await camera.get(IMAGES, *RAW, accept=22)
    assert refused.code is Code.NOT_ACCEPTABLE
    assert "23" in problem(refused)[-2]
    assert (await camera.post(noise(), PNG, *RAW, accept=PNG)).code is Code.NOT_ACCEPTABLE


async def test_thumbnails_and_pictures_without_one(camera: Device) -> None:
    await camera.post(noise(), PNG, *RAW)
    small = await camera.get(IMAGES, *RAW, "w=32")
    assert (small.code, int(small.opt.content_format)) == (Code.CONTENT, PNG)
    assert inspect(small.payload, max_pixels=10_000).width == 32
    assert (await camera.get(IMAGES, *RAW, "w=0")).code is Code.BAD_REQUEST
    await camera.post(drawn.png_claiming(100, 100), PNG, "deviceId=cut", RAW[1])
    assert (await camera.get(IMAGES, "deviceId=cut", RAW[1], "w=32")).code is Code.UNPROCESSABLE_ENTITY


async def test_fifty_devices_send_at_once(port: int) -> None:
    async with AsyncExitStack() as stack:
        cameras = [await stack.enter_async_context(device(port)) for _ in range(50)]
        data = [noise(seed=number) for number in range(50)]
        sent = await asyncio.gather(
            *(
                camera.post(data[number], PNG, f"deviceId=camera {number}", RAW[1])
                for number, camera in enumerate(cameras)
            )
        )
        assert {each.code for each in sent} == {Code.CREATED}
        paths = ["/" + "/".join(each.opt.location_path) for each in sent]
        read = await asyncio.gather(*(camera.get(path) for camera, path in zip(cameras, paths, strict=True)))
        assert [each.payload for each in read] == data


async def test_both_families_are_served(port: int) -> None:
    async with device(port, "[::1]") as camera:
        assert (await camera.get("/.well-known/core")).code is Code.CONTENT


async def test_small_blocks_and_blocks_that_are_not_there(camera: Device) -> None:
    data = noise()
    await camera.post(data, PNG, *RAW)
    message = camera.message(Code.GET, IMAGES, query=RAW, block2=(3, False, 2))
    one = await camera.context.request(message, handle_blockwise=False).response
    assert (one.payload, one.opt.block2.more, one.opt.block2.block_number) == (data[192:256], True, 3)
    for block, code in (((10_000, False, 2), Code.BAD_REQUEST), ((0, False, 7), Code.BAD_REQUEST)):
        message = camera.message(Code.GET, IMAGES, query=RAW, block2=block)
        assert (await camera.context.request(message, handle_blockwise=False).response).code is code


async def test_the_bytes_of_pictures_are_shared_and_limited(core: WithState) -> None:
    services: Services = core.state["services"]
    parts = PictureParts(services.storage, limit=2 * PART_BYTES)
    large = noise(1800)
    kept = await services.submissions.submit_picture(
        PictureKey("images", "large", parse_timestamp(AT["timestamp"])), large
    )
    read = [await parts.read(kept.record, start, 1024) for start in range(0, len(large), 1024)]
    assert b"".join(read) == large
    assert parts.cached_bytes <= 2 * PART_BYTES < len(large)


def test_transfers_are_remembered_within_a_limit() -> None:
    transfers, small, large = Transfers(limit=10_000), _document(3000), _document(20_000)
    for name in range(20):
        transfers.remember(name, small)
    assert [name for name in range(20) if transfers.get(name)] == [18, 19]
    transfers.forget(19)
    transfers.remember(20, large)
    assert [name for name in range(21) if transfers.get(name)] == [18]  # one that does not fit displaces no other
    transfers.remember(18, large)
    assert transfers.get(18) is None  # nor does it leave the transfer with its earlier representation


def _document(size: int) -> Representation:
    return Representation("application/cbor", b"etag", bytes(size))
