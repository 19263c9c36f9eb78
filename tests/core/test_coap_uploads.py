"""Bodies in blocks (RFC 7959): limits apply before memory is used, uploads are not mixed, and those that stop are
forgotten."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import cbor2
import pytest
from aiocoap.numbers.codes import Code
from support.asgi import WithState, client_of, running
from support.coap import CBOR, OCTETS, RAW, Device, coap_of, device, noise, problem
from support.collection import IMAGES, MakeCoreSettings, cbor_document
from support.full_disk import small_disk

from core_collection_service.app import create_app
from core_collection_service.coap.errors import IncompleteUpload
from core_collection_service.coap.uploads import OVERHEAD_BYTES, Block, Uploads
from core_collection_service.state import Services
from lightbox_shared.concurrency.memory_budget import UploadMemoryBudget
from lightbox_shared.errors import BadRequest, TooLarge, Unavailable
from lightbox_shared.errors.disk_full import DiskFull
from lightbox_shared.storage.disk_space import DiskSpace

SMALL = noise(16)
"""About 300 bytes, five blocks of 64."""
BLOCKS = [SMALL[start : start + 64] for start in range(0, len(SMALL), 64)]
LAST = len(BLOCKS) - 1
FIRST = Block(0, 16, True, bytes(16))
MIB = 1024**2


@pytest.fixture
async def core(make_core_settings: MakeCoreSettings) -> AsyncIterator[WithState]:
    async with running(create_app(make_core_settings(max_picture_bytes=100_000, max_dicom_bytes=100_000))) as app:
        yield app


@pytest.fixture
def services(core: WithState) -> Services:
    found: Services = core.state["services"]
    return found


@pytest.fixture
async def camera(services: Services) -> AsyncIterator[Device]:
    async with coap_of(services) as port, device(port) as camera:
        yield camera


async def test_too_large_as_announced_and_as_received(camera: Device, services: Services) -> None:
    announced = await camera.block(0, True, BLOCKS[0], size1=100_001)
    assert (announced.code, announced.opt.size1) == (Code.REQUEST_ENTITY_TOO_LARGE, 100_000)
    assert "100,000" in problem(announced)[-2]
    assert services.upload_memory.held == 0
    came = await camera.post(bytes(101_000), OCTETS, *RAW)
    assert (came.code, came.opt.size1) == (Code.REQUEST_ENTITY_TOO_LARGE, 100_000)
    document = await camera.post(bytes(400_000), CBOR)
    assert document.code is Code.REQUEST_ENTITY_TOO_LARGE
    assert services.upload_memory.held == 0


async def test_a_datagram_that_does_not_fit_is_refused_and_not_cut(camera: Device) -> None:
    message = camera.message(Code.POST, IMAGES, query=RAW, payload=noise(100), content_format=OCTETS)
    answer = await camera.context.request(message, handle_blockwise=False).response
    assert (answer.code, answer.opt.block1.size) == (Code.REQUEST_ENTITY_TOO_LARGE, 1024)
    assert (await camera.get(IMAGES, *RAW)).code is Code.NOT_FOUND


async def test_a_block_that_is_sent_again_is_no_error(camera: Device) -> None:
    for number, payload in enumerate(BLOCKS[:LAST]):
        for _ in range(2):
            assert (await camera.block(number, True, payload)).code is Code.CONTINUE
    assert (await camera.block(LAST, False, BLOCKS[LAST])).code is Code.CREATED
    assert (await camera.get(IMAGES, *RAW)).payload == SMALL


async def test_blocks_out_of_order_are_incomplete(camera: Device) -> None:
    assert (await camera.block(1, True, BLOCKS[1])).code is Code.REQUEST_ENTITY_INCOMPLETE
    await camera.block(0, True, BLOCKS[0])
    skipped = await camera.block(2, True, BLOCKS[2])
    assert (skipped.code, problem(skipped)[-4]) == (Code.REQUEST_ENTITY_INCOMPLETE, 136)
    answers = [await camera.block(number, number < LAST, BLOCKS[number]) for number in range(1, LAST + 1)]
    assert answers[-1].code is Code.CREATED  # the block that came too early has changed nothing


async def test_uploads_by_query_and_by_request_tag_do_not_mix(camera: Device) -> None:
    pictures = [noise(16, seed=seed) for seed in range(6)]
    queries = [(f"deviceId={number // 2}", f"timestamp=2024-08-18T02:04:0{number % 2}Z") for number in range(6)]
    # The last two have the same query and differ in their tags; the second is another picture with the same key.
    queries[5] = queries[4]
    answers = {}
    for start in range(0, len(pictures[0]), 64):
        for number, (data, query) in enumerate(zip(pictures, queries, strict=True)):
            more = start + 64 < len(data)
            tag = {"request_tag": (bytes([number]),)} if number >= 4 else {}
            answers[number] = await camera.block(start // 64, more, data[start : start + 64], *query, **tag)
    assert [each.code for each in answers.values()] == [Code.CREATED] * 5 + [Code.CONFLICT]
    for data, query in zip(pictures[:5], queries[:5], strict=True):
        assert (await camera.get(IMAGES, *query)).payload == data


async def test_two_uploads_with_the_same_identity_are_refused(camera: Device) -> None:
    other = noise(16, seed=2)
    assert other[64:128] != BLOCKS[1]
    await camera.block(0, True, BLOCKS[0], "deviceId=x", RAW[1])
    await camera.block(0, True, bytes(64), "deviceId=x", RAW[1])
    answer = await camera.block(1, True, BLOCKS[1], "deviceId=x", RAW[1])
    assert (answer.code, "Request-Tag" in problem(answer)[-2]) == (Code.REQUEST_ENTITY_INCOMPLETE, True)
    for number, payload in enumerate(BLOCKS[:3]):
        assert (await camera.block(number, True, payload)).code is Code.CONTINUE
    assert (await camera.block(2, True, other[128:192])).code is Code.REQUEST_ENTITY_INCOMPLETE
    assert (await camera.block(3, True, BLOCKS[3])).code is Code.REQUEST_ENTITY_INCOMPLETE


async def test_an_upload_that_stops_is_forgotten(services: Services) -> None:
    async with coap_of(services, forget_after_seconds=0.05) as port, device(port) as camera:
        await camera.block(0, True, BLOCKS[0])
        async with asyncio.timeout(10):
            while services.upload_memory.held:
                await camera.get("/.well-known/core")
        assert (await camera.block(1, True, BLOCKS[1])).code is Code.REQUEST_ENTITY_INCOMPLETE


async def test_without_free_memory_uploads_are_unavailable(camera: Device, services: Services) -> None:
    with ExitStack() as stack:
        for _ in range(256):
            stack.enter_context(services.upload_memory.reserve(1024 * 1024))
        answer = await camera.block(0, True, BLOCKS[0])
        assert (answer.code, answer.opt.max_age) == (Code.SERVICE_UNAVAILABLE, 2)
    assert (await camera.post(cbor_document(SMALL), CBOR)).code is Code.CREATED
    assert services.upload_memory.held == 0


async def test_the_body_is_refused_at_its_first_block(camera: Device, services: Services) -> None:
    await camera.block(0, True, BLOCKS[0], "deviceId=x", "timestamp=yesterday")
    assert services.upload_memory.held == 0
    message = camera.message(Code.POST, IMAGES, payload=BLOCKS[0], block1=(0, True, 2))
    answer = await camera.context.request(message, handle_blockwise=False).response
    assert answer.code is Code.UNSUPPORTED_CONTENT_FORMAT


async def test_a_first_block_can_be_the_whole_body() -> None:
    memory = UploadMemoryBudget(64 * 1024)
    uploads = Uploads(memory)
    whole = uploads.begin("a", "host", Block(0, 16, False, b"short"), 100, DiskSpace(dict))
    assert whole is not None
    assert (whole.body(), memory.held) == (b"short", OVERHEAD_BYTES + 5)
    assert whole.body() is whole.body()  # no copy, which would not be counted
    with whole:
        pass
    assert (len(uploads), memory.held) == (0, 0)
    with pytest.raises(BadRequest):
        uploads.begin("a", "host", Block(0, 16, True, b"short"), 100, DiskSpace(dict))
    with pytest.raises(TooLarge):
        uploads.begin("a", "host", Block(0, 128, True, bytes(128)), 100, DiskSpace(dict))
    with pytest.raises(BadRequest):
        uploads.begin("a", "host", Block(0, 16, False, bytes(17)), 100, DiskSpace(dict))
    assert memory.held == 0


async def test_many_first_blocks_do_not_fill_the_memory() -> None:
    memory = UploadMemoryBudget(64 * 1024)
    uploads = Uploads(memory, unfinished_bytes=32 * 1024)
    for number in range(100):
        assert uploads.begin(number, f"host {number}", FIRST, 100, DiskSpace(dict)) is None
    assert (len(uploads), memory.held) == (7, 7 * (OVERHEAD_BYTES + 16))  # the others were dropped
    with pytest.raises(IncompleteUpload):
        uploads.append(92, Block(16, 16, False, b"end"))
    finished = uploads.append(93, Block(16, 16, False, b"end"))
    assert finished is not None
    assert finished.body() == bytes(16) + b"end"
    finished.release()
    uploads.close()
    assert (len(uploads), memory.held) == (0, 0)


async def test_uploads_that_continue_are_not_dropped() -> None:
    memory = UploadMemoryBudget(64 * 1024)
    uploads = Uploads(memory, unfinished_bytes=32 * 1024)
    for number in range(7):
        uploads.begin(number, "host", FIRST, 100, DiskSpace(dict))
        assert uploads.append(number, Block(16, 16, True, bytes(16))) is None
    with pytest.raises(Unavailable):
        uploads.begin("one more", "another host", FIRST, 100, DiskSpace(dict))
    for number in range(7):
        done = uploads.append(number, Block(32, 16, False, b"end"))
        assert done is not None
        done.release()
    assert memory.held == 0
    with pytest.raises(TooLarge):  # it does not fit even without others
        uploads.begin("large", "host", Block(0, 1 << 16, True, bytes(1 << 16)), 1 << 20, DiskSpace(dict))


async def test_uploads_of_one_address_are_limited() -> None:
    uploads = Uploads(UploadMemoryBudget(1 << 20), max_uploads_of_host=3)
    uploads.begin("other", "another host", FIRST, 100, DiskSpace(dict))
    for number in range(5):
        uploads.begin(number, "host", FIRST, 100, DiskSpace(dict))
    assert len(uploads) == 4
    for name, is_there in ((0, False), (1, False), (2, True), ("other", True)):
        if is_there:
            assert uploads.append(name, Block(16, 16, True, bytes(16))) is None
        else:
            with pytest.raises(IncompleteUpload):
                uploads.append(name, Block(16, 16, True, bytes(16)))
    uploads.close()


@pytest.fixture
async def space(tmp_path: Path) -> AsyncIterator[DiskSpace]:
    """A disk with 8 MiB, of which uploads leave 4; each byte counts twice."""
    with small_disk(tmp_path, 8 * MIB):
        space = DiskSpace(lambda: {"data": tmp_path}, reserve=4 * MIB)
        await space.read()
        yield space


def room_of(space: DiskSpace) -> int:
    """The largest upload that there is room for, to a KiB."""
    size = 0
    for step in (1 << bit for bit in range(22, 9, -1)):
        try:
            space.reserve(size + step).release()
        except DiskFull:
            continue
        size += step
    return size


async def test_an_announcement_alone_reserves_nothing(space: DiskSpace) -> None:
    before = room_of(space)
    uploads = Uploads(UploadMemoryBudget(1 << 24))
    for number in range(200):  # from many addresses, as somebody writes them who need not have them
        assert uploads.begin(number, f"host {number}", FIRST._replace(announced=MIB), MIB, space) is None
    assert room_of(space) >= before - 200 * 16 - 1024
    with pytest.raises(DiskFull):
        uploads.begin("large", "host", FIRST._replace(announced=3 * MIB), 8 * MIB, space)
    assert uploads.append(0, Block(16, 16, True, bytes(16))) is None  # this client has seen the answer
    assert room_of(space) < before - MIB + 1024
    done = uploads.append(0, Block(32, 16, False, b"end"))
    assert done is not None
    done.release()
    uploads.close()
    assert room_of(space) == before


async def test_what_is_announced_is_limited_together(space: DiskSpace) -> None:
    before = room_of(space)
    uploads = Uploads(UploadMemoryBudget(1 << 24), unfinished_bytes=MIB // 2)
    for number in range(10):
        uploads.begin(number, f"host {number}", FIRST._replace(announced=MIB // 5), MIB, space)
        assert uploads.append(number, Block(16, 16, True, bytes(16))) is None  # also those that reserve no more
    assert room_of(space) >= before - MIB // 2
    for number in range(10):
        done = uploads.append(number, Block(32, 16, False, b"end"))
        assert done is not None
        done.release()
    uploads.begin("next", "host", FIRST._replace(announced=MIB // 5), MIB, space)
    uploads.append("next", Block(16, 16, True, bytes(16)))
    assert room_of(space) < before - MIB // 6
    uploads.close()
    assert room_of(space) == before


async def test_without_room_uploads_of_one_block_are_dropped_first(space: DiskSpace) -> None:
    uploads = Uploads(UploadMemoryBudget(1 << 24))
    large = Block(0, MIB // 4, True, bytes(MIB // 4))
    uploads.begin("begun", "host", large, MIB, space)
    uploads.begin("first", "host of a flood", large, MIB, space)
    uploads.append("begun", Block(MIB // 4, MIB // 4, True, bytes(MIB // 4)))
    with ExitStack() as stack:
        rest = space.reserve(room_of(space))
        stack.callback(rest.release)
        assert uploads.append("begun", Block(MIB // 2, MIB // 4, True, bytes(MIB // 4))) is None
        with pytest.raises(IncompleteUpload):
            uploads.append("first", Block(MIB // 4, MIB // 4, True, bytes(MIB // 4)))
        with pytest.raises(DiskFull):
            uploads.append("begun", Block(3 * MIB // 4, MIB // 4, False, bytes(MIB // 4)))
    assert len(uploads) == 0
    uploads.close()


async def test_many_datagrams_leave_the_disk_to_others(services: Services, space: DiskSpace) -> None:
    own = replace(services, disk_space=space)
    before = room_of(space)
    async with coap_of(own) as port, device(port) as camera:
        for number in range(60):
            answer = await camera.block(0, True, BLOCKS[0], request_tag=(number.to_bytes(2),), size1=100_000)
            assert answer.code is Code.CONTINUE
        assert room_of(space) > before - 8192
        assert (await camera.post(SMALL, OCTETS, *RAW)).code is Code.CREATED


async def test_many_unfinished_uploads_leave_memory_for_http(core: WithState, services: Services) -> None:
    megabyte = 1024 * 1024
    async with (
        coap_of(services, unfinished_bytes=megabyte // 2) as port,
        device(port) as camera,
        client_of(core) as web,
    ):
        with ExitStack() as stack:
            for _ in range(255):
                stack.enter_context(services.upload_memory.reserve(megabyte))
            for number in range(300):
                answer = await camera.block(0, True, BLOCKS[0], request_tag=(number.to_bytes(2),))
                assert answer.code is Code.CONTINUE
            sent = await web.post(IMAGES, content=cbor_document(SMALL), headers={"Content-Type": "application/cbor"})
            assert sent.status_code == 201, sent.text
            assert (await camera.post(SMALL, OCTETS, RAW[0], "timestamp=2024-08-18T03:04:07Z")).code is Code.CREATED


async def test_a_block_sent_again_as_the_last_one_is_refused(camera: Device, services: Services) -> None:
    await camera.block(0, True, BLOCKS[0])
    await camera.block(1, True, BLOCKS[1])
    answer = await camera.block(1, False, BLOCKS[1])
    assert answer.code is Code.REQUEST_ENTITY_INCOMPLETE
    assert services.upload_memory.held == 0


async def test_a_last_block_that_is_too_large(camera: Device, services: Services) -> None:
    await camera.block(0, True, BLOCKS[0])
    assert (await camera.block(1, False, SMALL[64:])).code is Code.BAD_REQUEST
    assert services.upload_memory.held == 0


async def test_the_metadata_of_a_long_device_id_fit_into_a_message(camera: Device) -> None:
    answer = await camera.post(cbor_document(SMALL, device="é" * 255), CBOR)
    assert (answer.code, len(answer.payload) <= 1024) == (Code.CREATED, True)
    answer = await camera.post(cbor_document(SMALL, device="🩻" * 255), CBOR)
    assert (answer.code, answer.payload, len(answer.opt.location_path)) == (Code.CREATED, b"", 3)
    assert cbor2.loads((await camera.get("/collections/devices")).payload)["devices"][0]["pictures"] == 1
