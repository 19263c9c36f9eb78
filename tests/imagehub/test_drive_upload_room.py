"""Room for uploads to the built-in drive, whose paths anybody may call: held for what is expected, and given back."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest
from sqlalchemy import select, update
from starlette.requests import ClientDisconnect
from support.asgi import WithState, client_of, running
from support.drives import GONE, MISMATCH, OUT_OF_ORDER, UNIT, Drive, problem, range_of
from support.gateway import Key
from support.imagehub import Hub, MakeHubSettings
from support.kit import verifier_of

from imagehub_service.app import create_app
from imagehub_service.drives.built_in.upload_sessions.models import UploadSession
from lightbox_shared.storage.disk_space import TIMES_WRITTEN, DiskSpace


@pytest.fixture
def drive(hub: Hub) -> Drive:
    return Drive(hub)


@pytest.fixture
async def url(drive: Drive) -> str:
    """Of an upload session that has received nothing."""
    return await drive.session(await drive.add_folder())


class SlowChunk:
    """The body of a chunk, which looks at what is reserved on disk before its last byte is sent."""

    def __init__(self, hub: Hub, size: int) -> None:
        self.reserved: int | None = None
        self._space: DiskSpace = hub.service.state["disk_space"]
        self._size = size

    async def sent(self) -> AsyncIterator[bytes]:
        yield bytes(self._size - 1)
        await asyncio.sleep(0.2)
        self.reserved = self._space._held
        yield b"x"


def announced(size: int, range_of_it: Mapping[str, str]) -> dict[str, str]:
    return {**range_of_it, "Content-Length": str(size)}


async def test_room_is_held_for_the_next_chunk_of_a_session(hub: Hub, url: str) -> None:
    chunk = SlowChunk(hub, UNIT)
    answer = await hub.http.put(url, content=chunk.sent(), headers=announced(UNIT, range_of(0, UNIT, 3 * UNIT)))
    assert (answer.status_code, chunk.reserved) == (202, TIMES_WRITTEN * UNIT)


async def test_nothing_is_held_for_a_session_that_never_was(hub: Hub, url: str) -> None:
    chunk = SlowChunk(hub, UNIT)
    unknown = url.rsplit("/", 1)[0] + "/" + "A" * 43
    answer = await hub.http.put(unknown, content=chunk.sent(), headers=announced(UNIT, range_of(0, UNIT, 3 * UNIT)))
    assert (problem(answer), chunk.reserved) == (GONE, 0)


async def test_nothing_is_held_for_a_chunk_that_is_not_the_next_one(hub: Hub, url: str) -> None:
    chunk = SlowChunk(hub, UNIT)
    answer = await hub.http.put(url, content=chunk.sent(), headers=announced(UNIT, range_of(UNIT, 2 * UNIT, 3 * UNIT)))
    assert (problem(answer), chunk.reserved) == (OUT_OF_ORDER, 0)


async def test_what_is_held_is_given_back_when_a_chunk_is_refused_in_the_middle(hub: Hub, url: str) -> None:
    chunk = SlowChunk(hub, UNIT + 10)
    answer = await hub.http.put(url, content=chunk.sent(), headers=range_of(0, UNIT, 3 * UNIT))
    assert (problem(answer), chunk.reserved) == (MISMATCH, 0)


@pytest.fixture
async def small(make_settings: MakeHubSettings, signing_key: Key) -> AsyncIterator[Drive]:
    """A drive with room for four chunks."""
    async with running(create_app(make_settings(drive_bytes=4 * UNIT))) as app:
        service = WithState(app.app, {**app.state, "tokens": verifier_of(signing_key)})
        async with client_of(service) as http:
            yield Drive(Hub(service, http, signing_key))


async def reserved(drive: Drive) -> list[int]:
    """What the sessions reserve of the drive, in the order in which they were opened."""
    async with drive.hub.database.reading() as session:
        return list(await session.scalars(select(UploadSession.reserved).order_by(UploadSession.id)))


async def send_first(drive: Drive, url: str, total: int) -> httpx.Response:
    """Send the first `UNIT` bytes of a file of `total`."""
    return await drive.hub.http.put(url, content=bytes(UNIT), headers=range_of(0, UNIT, total))


async def test_a_first_chunk_that_breaks_off_gives_the_drive_back(small: Drive) -> None:
    folder = await small.add_folder()
    url = await small.session(folder)
    sessions = small.hub.services.upload_sessions

    async def broken() -> AsyncIterator[bytes]:
        yield bytes(UNIT // 2)
        assert await reserved(small) == [4 * UNIT]
        raise ClientDisconnect

    announced = range_of(0, UNIT, 4 * UNIT)["Content-Range"]
    with pytest.raises(ClientDisconnect):
        await sessions.receive(await sessions.expect(url.rsplit("/", 1)[1], announced, None), broken())
    assert await reserved(small) == [0]
    other = await small.session(folder, "other.png")
    assert (await send_first(small, other, 4 * UNIT)).status_code == 202
    assert problem(await send_first(small, url, 2 * UNIT))[0] == 507
    assert await reserved(small) == [0, 4 * UNIT]


async def test_what_a_refused_first_chunk_announced_does_not_bind_the_next_one(small: Drive) -> None:
    url = await small.session(await small.add_folder())
    async with small.hub.database.writing() as session:  # as it is after the process has been killed
        await session.execute(update(UploadSession).values(reserved=4 * UNIT))
    assert (await send_first(small, url, 2 * UNIT)).status_code == 202
    assert await reserved(small) == [2 * UNIT]
    answer = await small.hub.http.put(url, content=b"x", headers=range_of(UNIT, 2 * UNIT, 2 * UNIT))
    assert answer.status_code == 400
    assert await reserved(small) == [2 * UNIT]  # a later chunk that fails changes nothing


@pytest.mark.parametrize("total", [UNIT, 3 * UNIT])
async def test_two_first_chunks_at_once_do_not_fill_more_than_the_drive(small: Drive, total: int) -> None:
    folder = await small.add_folder()
    url, other = await small.session(folder), await small.session(folder, "other.png")
    taken: list[int] = []

    async def slow() -> AsyncIterator[bytes]:
        yield bytes(UNIT - 1)
        await asyncio.create_task(meanwhile())  # with a context of its own, as every request has
        yield b"x"

    async def meanwhile() -> None:
        refused = await small.hub.http.put(url, content=in_two(UNIT + 1), headers=range_of(0, UNIT, 2 * UNIT))
        assert problem(refused) == MISMATCH
        taken.append((await send_first(small, other, 4 * UNIT)).status_code)

    answer = await small.hub.http.put(url, content=slow(), headers=range_of(0, UNIT, total))
    assert (problem(answer)[0], taken) == (507, [202])
    assert await reserved(small) == [0, 4 * UNIT]


async def in_two(size: int) -> AsyncIterator[bytes]:
    """A body whose length is not announced."""
    yield bytes(size - 1)
    yield b"x"
