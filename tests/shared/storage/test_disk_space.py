"""The free space of disks, the reserve that uploads leave, and what says that a disk is full."""

import errno
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import asyncpg
import httpx
import pytest
from fastapi import APIRouter, Request
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from support.asgi import client_of, running
from support.full_disk import fill, free_bytes, small_disk
from support.kit import MakeApp

from lightbox_shared.config import Settings
from lightbox_shared.database import Database
from lightbox_shared.errors import InternalError, Unavailable
from lightbox_shared.errors.disk_full import DiskFull, is_disk_full
from lightbox_shared.errors.handlers import is_database_outage, to_lightbox_error
from lightbox_shared.observability.health import Degraded, run_checks
from lightbox_shared.observability.logging import configure_logging
from lightbox_shared.requests.bodies import FilesUpload, NoFields, Upload, file_upload, files_upload
from lightbox_shared.storage import disk_space
from lightbox_shared.storage.blobs import ObjectStoreBlobs, sha256
from lightbox_shared.storage.disk_space import DiskSpace, folders_of
from lightbox_shared.storage.disk_usage import Usage, disk_usage

OneFile = Annotated[Upload[NoFields], file_upload(file="file")]
FileThatIsNotKept = Annotated[Upload[NoFields], file_upload(file="file", is_kept=False)]
SeveralFiles = Annotated[FilesUpload[NoFields], files_upload(file="file", max_files=3)]
GIB = 1024**3
MIB = 1024**2


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@given(st.integers(0, 2**60), st.none() | st.integers(0, 2**50))
def test_the_reserve(size: int, configured: int | None) -> None:
    reserve = Usage(size, 0).reserve(configured)
    if configured is not None:
        assert reserve == configured
    else:
        assert 0 <= reserve <= min(GIB, size / 20)
        assert size < 20 * GIB or reserve == GIB


def test_the_usage_of_a_folder_that_does_not_exist_yet(tmp_path: Path) -> None:
    found, expected = disk_usage(tmp_path / "a" / "b"), os.statvfs(tmp_path)
    assert found.size == expected.f_blocks * expected.f_frsize
    assert disk_usage(Path("not-here")).size == disk_usage(Path.cwd()).size


def test_without_inodes_nothing_is_free(tmp_path: Path) -> None:
    with small_disk(tmp_path, MIB, "nr_inodes=3"):
        assert disk_usage(tmp_path).free > MIB / 2
        (tmp_path / "one").touch()
        (tmp_path / "two").touch()
        with pytest.raises(OSError, match="No space left"):
            (tmp_path / "three").touch()
        assert disk_usage(tmp_path).free == 0


def test_the_folders_of_a_service(tmp_path: Path) -> None:
    store, database = tmp_path / "a b", tmp_path / "db"
    settings = Settings(data_dir=tmp_path, blob_store_url=f"file://{quote(str(store))}", database_folder=database)
    found = folders_of(settings)
    assert {name: found[name] for name in ("data", "database", "objects")} == {
        "data": tmp_path,
        "database": database,
        "objects": store,
    }
    assert set(folders_of(Settings(blob_store_url="s3://bucket"))) == {"data", "temporary"}


def test_the_folder_for_temporary_files_stays_the_same_where_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python looks for one by writing into it, and once it has found none it would say so for each upload."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "none")])
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert folders_of(Settings())["temporary"] == tmp_path
    with tempfile.TemporaryFile() as file:
        file.write(b"x")


async def test_uploads_leave_the_reserve(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    with small_disk(tmp_path, 8 * MIB):
        space = DiskSpace(lambda: {"data": tmp_path}, reserve=4 * MIB, registry=registry)
        space.check_room(100 * MIB)  # nothing has been read yet
        await space.read()
        await space.check()
        space.check_room(MIB)
        space.check_room(MIB - 4096)  # each is written twice
        with pytest.raises(DiskFull, match="little room"):
            space.check_room(MIB)
        with pytest.raises(DiskFull):
            space.check_room(8192)
        await space.read()  # what was let in is on the disk by now, or was not written
        space.check_room(MIB)
        (tmp_path / "file").write_bytes(bytes(5 * MIB))
        await space.read()
        with pytest.raises(DiskFull) as refused:
            space.check_room()
        assert int(refused.value.headers["Retry-After"]) > 0
        with pytest.raises(Degraded, match="no room for pictures"):
            await space.check()
        assert registry.get_sample_value("lightbox_disk_free_bytes", {"folder": "data"}) == free_bytes(tmp_path)
        assert registry.get_sample_value("lightbox_disk_reserve_bytes", {"folder": "data"}) == 4 * MIB
        (tmp_path / "file").unlink()
        async with space.watched():
            space.check_room(MIB)
            await space.check()


async def test_without_a_reserve_uploads_are_tried(tmp_path: Path) -> None:
    with small_disk(tmp_path, MIB):
        space = DiskSpace(lambda: {"data": tmp_path}, reserve=0)
        fill(tmp_path)
        await space.read()
        space.check_room(5 * MIB)
        await space.check()


async def test_a_folder_that_can_not_be_read_keeps_its_space(tmp_path: Path) -> None:
    folders: dict[str, Path] = {"data": tmp_path}
    space = DiskSpace(lambda: folders, reserve=10**18)
    await space.read()
    (tmp_path / "file").touch()
    folders["data"] = tmp_path / "file" / "x"
    await space.read()
    with pytest.raises(DiskFull):
        space.check_room()


async def test_a_file_system_that_hangs_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one over the network does whose server is gone."""
    monkeypatch.setattr(disk_space, "FIRST_READ_SECONDS", 0.05)
    answers = threading.Event()

    def folders() -> Mapping[str, Path]:
        answers.wait(10)
        return {}

    async with DiskSpace(folders).watched() as space:
        space.check_room(MIB)
    answers.set()


async def test_a_database_that_is_full_stops_uploads_for_some_seconds() -> None:
    clock = Clock()
    space = DiskSpace(dict, clock=clock)
    space.check_room(MIB)
    space.database_is_full()
    with pytest.raises(DiskFull):
        space.check_room()
    with pytest.raises(Degraded):
        await space.check()
    clock.now += disk_space.PAUSE_SECONDS
    space.check_room()
    await space.check()


async def test_the_database_tells_that_it_is_full(database: Database) -> None:
    configure_logging("kit", "info", "json")
    told: list[int] = []
    database.on_disk_full(lambda: told.append(1))
    fails = text("DO $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$")
    with pytest.raises(DBAPIError) as raised:
        async with database.writing() as session:
            await session.execute(fails)
    assert told == [1]
    assert is_disk_full(raised.value)
    assert is_database_outage(raised.value)
    assert isinstance(to_lightbox_error(raised.value), DiskFull)
    with pytest.raises(DBAPIError) as other:
        async with database.writing() as session:
            await session.execute(text("SELECT 1 / 0"))
    assert told == [1]
    assert isinstance(to_lightbox_error(other.value), InternalError)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_what_the_system_says(number: int) -> None:
    error = OSError(number, os.strerror(number))
    assert isinstance(to_lightbox_error(error), DiskFull)
    caused = RuntimeError()
    caused.__cause__ = error
    assert is_disk_full(caused)
    assert not is_disk_full(OSError(errno.EACCES, "no"))
    assert not is_disk_full(RuntimeError("No space left on device"))


@pytest.mark.parametrize(
    "kind", [asyncpg.CrashShutdownError, asyncpg.AdminShutdownError, asyncpg.CannotConnectNowError]
)
def test_a_database_that_has_no_room_for_its_log_is_away(kind: type[asyncpg.PostgresError]) -> None:
    """It ends all connections, and starts again."""
    found = to_lightbox_error(DBAPIError("SELECT 1", None, kind("because of crash of another server process")))
    assert isinstance(found, Unavailable)
    assert found.headers["Retry-After"]


async def test_the_object_store_says_it(tmp_path: Path) -> None:
    data = os.urandom(2 * MIB)
    with small_disk(tmp_path, MIB):
        store = ObjectStoreBlobs.at(f"file://{tmp_path}/store")
        with pytest.raises(DiskFull):
            await store.put(sha256(data), data)
        await store.put(sha256(data[:1000]), data[:1000])
        assert await store.get(sha256(data[:1000])) == data[:1000]


async def test_uploads_are_refused_before_their_body_is_read(make_app: MakeApp, tmp_path: Path) -> None:
    router = APIRouter()

    @router.post("/one")
    async def one(_sent: OneFile) -> None: ...

    @router.post("/several")
    async def several(_sent: SeveralFiles) -> None: ...

    @router.post("/not-kept")
    async def not_kept(_sent: FileThatIsNotKept) -> None: ...

    @router.post("/small")
    async def small(request: Request) -> None:
        await request.body()

    space = DiskSpace(lambda: {"data": tmp_path}, reserve=10**18)
    await space.read()
    asked: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        asked.append(b"x")
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nx\r\n--b--\r\n'

    async with running(make_app(router, state={"disk_space": space})) as app, client_of(app) as client:

        async def post(path: str) -> httpx.Response:
            headers = {"Content-Type": "multipart/form-data; boundary=b"}
            return await client.post(path, content=body(), headers=headers)

        for path in ("/one", "/several"):
            answer = await post(path)
            assert (answer.status_code, answer.json()["type"]) == (507, "/problems/insufficient-storage")
            assert asked == []
        for path in ("/not-kept", "/small"):
            assert (await post(path)).status_code == 200


async def test_a_temporary_file_without_room(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files above 1 MB wait on disk."""
    router = APIRouter()

    @router.post("/one")
    async def one(_sent: OneFile) -> None: ...

    @router.post("/several")
    async def several(_sent: SeveralFiles) -> None: ...

    with small_disk(tmp_path, MIB):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        async with running(make_app(router)) as app, client_of(app) as client:
            for path in ("/one", "/several"):
                answer = await client.post(path, files={"file": ("x", bytes(3 * MIB))})
                assert (answer.status_code, answer.json()["detail"]) == (507, DiskFull.default_detail)
                small = await client.post(path, files={"file": ("x", bytes(MIB // 2))})
                assert small.status_code == 200
            assert free_bytes(tmp_path) == MIB


async def test_degraded_is_ready() -> None:
    async def works() -> None: ...

    async def in_part() -> None:
        raise Degraded("no room for pictures")

    async def fails() -> None:
        raise ConnectionError("host and user")

    found = await run_checks({"database": works, "disk": in_part})
    assert (found.status, found.status_code) == ("degraded", 200)
    assert found.results == {"database": "ok", "disk": "no room for pictures"}
    found = await run_checks({"database": fails, "disk": in_part})
    assert (found.status, found.status_code) == ("not ready", 503)
    found = await run_checks({"database": works})
    assert (found.status, found.status_code) == ("ready", 200)
