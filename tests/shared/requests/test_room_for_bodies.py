"""Room on disk for bodies: held while they arrive, counted once, given back once however the request ends."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Final

import httpx
import pytest
from fastapi import APIRouter
from support.asgi import client_of, running
from support.full_disk import small_disk
from support.gateway import until
from support.kit import MakeApp

from lightbox_shared.errors import BadRequest
from lightbox_shared.errors.disk_full import DiskFull
from lightbox_shared.requests.bodies import FilesUpload, NoFields, files_upload
from lightbox_shared.storage.disk_space import TIMES_WRITTEN, DiskSpace

MIB: Final = 1024**2
HEAD: Final = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
TAIL: Final = b"\r\n--b--\r\n"
Files = Annotated[FilesUpload[NoFields], files_upload(file="file", max_files=3)]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """8 MiB, of which uploads leave 4."""
    with small_disk(tmp_path, 8 * MIB):
        yield tmp_path


def space_of(disk: Path) -> DiskSpace:
    return DiskSpace(lambda: {"data": disk}, reserve=4 * MIB)


class SlowUpload:
    """A form that sends its head and then waits. Used as its client sends it, from a task of its own."""

    def __init__(self, client: httpx.AsyncClient, size: int, *, address: str, announced: bool = True) -> None:
        self.size = size
        self.sent = 0
        self.go_on = asyncio.Event()
        headers = {"Content-Type": "multipart/form-data; boundary=b", "X-Forwarded-For": address}
        if announced:
            headers["Content-Length"] = str(size)
        self.task = asyncio.create_task(client.post("/", content=self._body(), headers=headers))

    async def _body(self) -> AsyncIterator[bytes]:
        self.sent = len(HEAD)
        yield HEAD
        await self.go_on.wait()
        left = self.size - len(HEAD) - len(TAIL)
        while left:
            yield bytes(min(left, 65536))
            left -= min(left, 65536)
        yield TAIL

    async def status(self) -> int:
        self.go_on.set()
        return (await self.task).status_code

    async def begun(self) -> "SlowUpload":
        await until(lambda: self.sent > 0 or self.task.done())
        await asyncio.sleep(0.05)
        assert not self.task.done()
        return self


@asynccontextmanager
async def serving(make_app: MakeApp, space: DiskSpace) -> AsyncIterator[httpx.AsyncClient]:
    router = APIRouter()

    @router.post("/")
    async def keep(_sent: Files) -> None: ...

    @router.post("/refused")
    async def refuse(_sent: Files) -> None:
        raise BadRequest("No.")

    await space.read()
    async with running(make_app(router, state={"disk_space": space})) as app, client_of(app) as client:
        yield client


async def test_slow_bodies_together_leave_the_reserve(make_app: MakeApp, disk: Path) -> None:
    space = space_of(disk)
    async with serving(make_app, space) as client:
        slow = [await SlowUpload(client, MIB - 4096, address=f"10.0.0.{each}").begun() for each in range(2)]
        await space.read()  # nothing has been written yet, and all of it will be
        await space.read()
        late = SlowUpload(client, MIB, address="10.0.0.9")
        assert await late.status() == 507
        assert late.sent == 0
        small = SlowUpload(client, 4096, address="10.0.0.9")
        assert await small.status() == 200
        assert [await each.status() for each in slow] == [200, 200]
        await space.read()
        assert await SlowUpload(client, 2 * MIB - 4096, address="10.0.0.9").status() == 200


async def test_what_has_arrived_counts_until_the_space_is_read(make_app: MakeApp, disk: Path) -> None:
    space = space_of(disk)
    async with serving(make_app, space) as client:
        assert await SlowUpload(client, 2 * MIB - 4096, address="10.0.0.1").status() == 200
        assert await SlowUpload(client, MIB, address="10.0.0.1").status() == 507
        await space.read()
        assert await SlowUpload(client, MIB, address="10.0.0.1").status() == 200


async def test_what_ends_while_the_space_is_read_is_not_forgotten(disk: Path) -> None:
    space = space_of(disk)
    await space.read()
    upload = space.reserve(2 * MIB - 4096)
    reading = asyncio.create_task(space.read())
    await asyncio.sleep(0)  # it has begun, and may have seen the disk as it was before
    upload.release(written=2 * MIB - 4096)
    await reading
    with pytest.raises(DiskFull):
        space.reserve(MIB)
    await space.read()
    space.reserve(MIB)


async def test_an_upload_that_is_refused_or_broken_off_gives_its_room_back(make_app: MakeApp, disk: Path) -> None:
    space = space_of(disk)
    async with serving(make_app, space) as client:
        headers = {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": str(2 * MIB - 4096)}
        for _ in range(3):
            assert (await client.post("/refused", content=_nothing(), headers=headers)).status_code == 400
        slow = await SlowUpload(client, 2 * MIB - 4096, address="10.0.0.1").begun()
        with pytest.raises(DiskFull):
            space.check_room(MIB)
        slow.task.cancel()
        await asyncio.wait([slow.task])
        assert await SlowUpload(client, MIB, address="10.0.0.1").status() == 200


async def _nothing() -> AsyncIterator[bytes]:
    yield b""


async def test_a_body_without_a_length_takes_room_as_it_arrives(make_app: MakeApp, disk: Path) -> None:
    space = space_of(disk)
    async with serving(make_app, space) as client:
        assert await SlowUpload(client, 3 * MIB, address="10.0.0.1", announced=False).status() == 507
        await space.read()
        waiting = await SlowUpload(client, MIB + 65536, address="10.0.0.1", announced=False).begun()
        assert await SlowUpload(client, MIB, address="10.0.0.2", announced=False).status() == 200
        assert await waiting.status() == 507  # the other one's bytes have not been seen on the disk yet


async def test_one_address_does_not_reserve_all(make_app: MakeApp, disk: Path) -> None:
    space = space_of(disk)
    async with serving(make_app, space) as client:
        slow = await SlowUpload(client, MIB, address="10.0.0.1").begun()
        assert await SlowUpload(client, MIB // 2, address="10.0.0.1").status() == 507
        assert await SlowUpload(client, MIB // 2, address="10.0.0.2").status() == 200
        assert await slow.status() == 200


async def test_an_upload_may_grow_to_what_it_could_have_announced(disk: Path) -> None:
    space = space_of(disk)
    await space.read()
    announced = space.reserve(2 * MIB - 4096, address="10.0.0.1")
    announced.release()
    growing = space.reserve(address="10.0.0.1")
    for size in range(0, 2 * MIB - 4096, 65536):
        growing.grow_to(size)
    with pytest.raises(DiskFull):
        growing.grow_to(3 * MIB)
    growing.release()


async def test_growing_uploads_of_one_address_share_its_part(disk: Path) -> None:
    space = space_of(disk)
    await space.read()
    first, second = (space.reserve(65536, address="10.0.0.1") for _ in range(2))
    first.grow_to(MIB - 65536)
    for upload in (first, second):
        with pytest.raises(DiskFull):
            upload.grow_to(upload.size + 65536)
    other = space.reserve(MIB // 2, address="10.0.0.2")  # for which there is still room
    second.release()
    other.release()
    first.grow_to(2 * MIB - 4096)  # it is the only one now


async def test_room_is_released_once(disk: Path) -> None:
    space = space_of(disk)
    await space.read()
    for _ in range(3):
        upload = space.reserve(2 * MIB - 4096)
        upload.release()
        upload.release(written=2 * MIB)
        upload.grow_to(8 * MIB)
    assert (space._held, space._written, TIMES_WRITTEN) == (0, 0, 2)
