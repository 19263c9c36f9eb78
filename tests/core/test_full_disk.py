"""Without room for pictures: 507 over HTTP, 5.03 with Max-Age over CoAP, and reading goes on."""

from collections.abc import AsyncIterator

import cbor2
import httpx
import pytest
from aiocoap.numbers.codes import Code
from sqlalchemy import text
from support.asgi import WithState, running
from support.coap import CBOR, OCTETS, RAW, coap_of, device, noise, problem
from support.collection import AT, IMAGES, MakeCoreSettings, cbor_document, document, send

from core_collection_service.app import create_app
from core_collection_service.state import Services
from lightbox_shared.database import Database
from lightbox_shared.errors.disk_full import RETRY_AFTER_SECONDS
from lightbox_shared.storage.disk_space import DiskSpace
from lightbox_shared.storage.disk_usage import Usage

MIB = 1024**2
RESERVE = 4096
IN_CBOR = {"Content-Type": "application/cbor", "Accept": "application/cbor"}
FULL = """
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
"""
ON_PICTURES = "CREATE TRIGGER no_room BEFORE INSERT ON pictures EXECUTE FUNCTION no_room()"


@pytest.fixture
async def core(make_core_settings: MakeCoreSettings) -> AsyncIterator[WithState]:
    async with running(create_app(make_core_settings(disk_reserve_bytes=RESERVE))) as app:
        yield app


@pytest.fixture
def services(core: WithState) -> Services:
    found: Services = core.state["services"]
    return found


@pytest.fixture
def disk_space(services: Services) -> DiskSpace:
    """That of the service; `nearly_full` makes it what the name says."""
    return services.disk_space


async def nearly_full(disk_space: DiskSpace) -> None:
    disk_space._reserve = 10**18
    await disk_space.read()


async def refused(client: httpx.AsyncClient) -> None:
    in_json = await client.post(IMAGES, json=document(device="other"))
    assert (in_json.status_code, in_json.headers["content-type"]) == (507, "application/problem+json")
    assert in_json.json()["title"] == "Insufficient Storage"
    in_cbor = await client.post(IMAGES, content=cbor_document(device="other"), headers=IN_CBOR)
    assert in_cbor.status_code == 507
    assert cbor2.loads(in_cbor.content)[-2].startswith("The server has")
    for answer in (in_json, in_cbor):
        assert answer.headers["retry-after"] == str(RETRY_AFTER_SECONDS)


async def test_a_reserve_over_http(client: httpx.AsyncClient, disk_space: DiskSpace) -> None:
    await send(client)
    await nearly_full(disk_space)
    await refused(client)
    assert (await client.get(IMAGES, params=AT)).status_code == 200
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]["disk"]) == (200, "no room for pictures")
    disk_space._reserve = 0
    await disk_space.read()
    await send(client, device="other")


async def test_a_reserve_over_coap(client: httpx.AsyncClient, services: Services, disk_space: DiskSpace) -> None:
    """Of a body in blocks the first one is refused."""
    await send(client)
    async with coap_of(services) as port, device(port) as camera:
        await nearly_full(disk_space)
        for answer in (
            await camera.post(cbor_document(device="other"), CBOR),
            await camera.post(noise(16), OCTETS, *RAW),
            await camera.block(0, True, bytes(64)),
        ):
            assert (answer.code, answer.opt.max_age) == (Code.SERVICE_UNAVAILABLE, RETRY_AFTER_SECONDS)
            assert problem(answer)[-2].startswith("The server has little room")
        assert services.upload_memory.held == 0
        assert (await camera.get(IMAGES, *RAW)).code is Code.CONTENT


async def test_bodies_in_blocks_hold_room_until_they_end(
    client: httpx.AsyncClient, services: Services, disk_space: DiskSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    await send(client)
    # What is really free changes with all that else this machine writes meanwhile.
    monkeypatch.setattr("lightbox_shared.storage.disk_space.disk_usage", lambda _: Usage(10 * MIB, MIB))
    await disk_space.read()
    taken = disk_space.reserve((MIB - RESERVE - 400_000) // 2)
    async with coap_of(services) as port, device(port) as camera, device(port) as other:
        assert (await camera.block(0, True, bytes(64), size1=100_000)).code is Code.CONTINUE
        assert (await camera.block(0, True, bytes(64), size1=100_000)).code is Code.CONTINUE  # the same block again
        assert disk_space._held == 2 * (taken.size + 64)  # what has come
        assert (await camera.block(1, True, bytes(64))).code is Code.CONTINUE
        assert disk_space._held == 2 * (taken.size + 100_000)  # what was announced
        await disk_space.read()
        taken.grow_to(taken.size + 90_000)
        held = disk_space._held
        assert (await other.block(0, True, bytes(64), size1=100_000)).code is Code.SERVICE_UNAVAILABLE
        assert (await camera.block(3, True, bytes(64))).code is Code.REQUEST_ENTITY_INCOMPLETE
        assert disk_space._held == held
        assert (await camera.block(2, True, bytes(10))).code is Code.BAD_REQUEST  # which ends the upload
        assert disk_space._held == held - 200_000
        assert (await other.block(0, True, bytes(64), size1=100_000)).code is Code.CONTINUE


async def test_a_database_that_is_full(
    client: httpx.AsyncClient, services: Services, disk_space: DiskSpace, database: Database
) -> None:
    """Of pictures that are written together none is lost, and none makes another one's error."""
    async with database.autocommit() as connection:
        await connection.execute(text(FULL))
        await connection.execute(text(ON_PICTURES))
    async with coap_of(services) as port, device(port) as camera:
        answer = await camera.post(cbor_document(device="other"), CBOR)
        assert (answer.code, answer.opt.max_age) == (Code.SERVICE_UNAVAILABLE, RETRY_AFTER_SECONDS)
    await refused(client)
    async with database.autocommit() as connection:
        await connection.execute(text("DROP TRIGGER no_room ON pictures"))
    await refused(client)  # for some seconds nothing is tried
    disk_space._full_until = 0
    await send(client)
