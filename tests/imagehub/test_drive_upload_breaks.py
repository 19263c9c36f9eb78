"""Uploads that break off, services that restart, and clients that do the same at once: nothing is lost, and nothing is
there twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import anyio
import pytest
from support.asgi import WithState, client_of, running
from support.drives import CHUNK, UNIT, Drive, count, execute, in_parts, problem, put_and_break, range_of, some_bytes
from support.gateway import Key
from support.imagehub import Hub, MakeHubSettings
from support.kit import verifier_of

from imagehub_service.app import create_app
from imagehub_service.drives.built_in.upload_sessions.models import UploadPiece, UploadSession
from imagehub_service.drives.built_in.upload_sessions.service import PIECE_BYTES

DATA = some_bytes(2 * UNIT + 5)


@pytest.fixture
def drive(hub: Hub) -> Drive:
    return Drive(hub)


@pytest.fixture
async def folder(drive: Drive) -> str:
    return await drive.add_folder()


@pytest.mark.parametrize("sent", [0, 1, UNIT - 1, PIECE_BYTES + 1])
async def test_a_connection_that_breaks(drive: Drive, folder: str, sent: int) -> None:
    data = some_bytes(30 * UNIT)
    url = await drive.session(folder)
    end = max(UNIT, 20 * UNIT if sent > UNIT else UNIT)

    headers = {**range_of(0, end, len(data)), "Content-Length": str(end)}
    statuses = await put_and_break(drive.hub.service, url, headers, in_parts(data[:sent]))
    assert all(400 <= status < 500 for status in statuses)
    assert await count(drive.hub, UploadPiece) == 0
    assert (await drive.hub.http.get(url)).json()["nextExpectedRanges"] == ["0-"]
    assert (await drive.send(url, data, 0, end)).status_code == 202


async def test_pieces_of_a_service_that_was_killed(drive: Drive, folder: str) -> None:
    url = await drive.session(folder)
    await drive.send(url, DATA, 0, UNIT)
    for age in (25, 23):
        await execute(
            drive.hub,
            "INSERT INTO upload_pieces (session_id, request_id, start, data, received_at) "
            "SELECT id, gen_random_uuid(), :start, 'lost', now() - CAST(:age AS interval) FROM upload_sessions",
            start=UNIT,
            age=timedelta(hours=age),
        )
    await drive.hub.services.upload_sessions.delete_expired()
    assert await count(drive.hub, UploadPiece) == 2
    answer = await drive.send(url, DATA, UNIT, len(DATA))
    assert await drive.stored(answer.json()["id"]) == DATA
    assert await count(drive.hub, UploadPiece) == 0


@pytest.mark.parametrize("end", [20 * UNIT, 20 * UNIT + 5], ids=["in the middle", "the last one"])
async def test_a_chunk_that_was_lost_in_part(drive: Drive, folder: str, end: int) -> None:
    data = some_bytes(20 * UNIT + 5)
    url = await drive.session(folder)

    async def parts() -> AsyncIterator[bytes]:
        async for part in in_parts(data[: 15 * UNIT]):
            yield part
        await execute(drive.hub, "DELETE FROM upload_pieces")
        yield data[15 * UNIT : end]

    answer = await drive.hub.http.put(url, content=parts(), headers=range_of(0, end, len(data)))
    assert problem(answer) == (503, "serviceNotAvailable", "uploadSessionFailed")
    assert answer.headers["retry-after"] == "1"
    assert await count(drive.hub, UploadPiece) == 0
    answer = await drive.send(url, data, 0, len(data))
    assert await drive.stored(answer.json()["id"]) == data


@asynccontextmanager
async def started(make_settings: MakeHubSettings, key: Key) -> AsyncIterator[Drive]:
    async with running(create_app(make_settings())) as app:
        service = WithState(app.app, {**app.state, "tokens": verifier_of(key)})
        async with client_of(service) as http:
            yield Drive(Hub(service, http, key))


async def test_a_restart_between_the_chunks(make_settings: MakeHubSettings, signing_key: Key) -> None:
    data = some_bytes(2 * CHUNK + 1)
    async with started(make_settings, signing_key) as drive:
        folder = await drive.add_folder()
        url = await drive.session(folder)
        await drive.send(url, data, 0, CHUNK)
    async with started(make_settings, signing_key) as drive:
        assert (await drive.hub.http.get(url)).json()["nextExpectedRanges"] == [f"{CHUNK}-"]
        assert (await drive.send(url, data, CHUNK, 2 * CHUNK)).status_code == 202
    async with started(make_settings, signing_key) as drive:
        answer = await drive.send(url, data, 2 * CHUNK, len(data))
        assert answer.status_code == 201
        assert list((await drive.folders())[folder]["files"]) == [answer.json()["id"]]
        assert await drive.stored(answer.json()["id"]) == data


async def test_the_same_chunk_at_once(drive: Drive, folder: str) -> None:
    url = await drive.session(folder)
    answers = await asyncio.gather(*(drive.send(url, DATA, 0, UNIT) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [202, *[416] * 5]
    assert await count(drive.hub, UploadPiece) == 1
    answers = await asyncio.gather(*(drive.send(url, DATA, UNIT, len(DATA)) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, *[404] * 5]
    (item,) = (await drive.folders())[folder]["files"]
    assert await drive.stored(item) == DATA
    assert await count(drive.hub, UploadPiece) == 0


async def test_different_bytes_for_the_same_chunk_at_once(drive: Drive, folder: str) -> None:
    """One client's chunk is stored as a whole, never a mixture of two."""
    one, other = some_bytes(14 * UNIT, 1), some_bytes(14 * UNIT, 2)
    url = await drive.session(folder)
    answers = await asyncio.gather(*(drive.send(url, data, 0, len(data)) for data in (one, other)))
    assert sorted(answer.status_code for answer in answers) == [201, 404]
    (item,) = (await drive.folders())[folder]["files"]
    assert await drive.stored(item) in {one, other}


async def test_many_files_of_one_name_at_once(drive: Drive, folder: str) -> None:
    files = [some_bytes(UNIT, seed) for seed in range(5)] * 2
    urls = [await drive.session(folder) for _ in files]
    answers = await asyncio.gather(*(drive.send(url, data, 0, UNIT) for url, data in zip(urls, files, strict=True)))
    assert {answer.status_code for answer in answers} == {201}
    found = (await drive.folders())[folder]["files"]
    assert sorted(file["file_name"] for file in found.values()) == ["a 1.png", "a 2.png", "a 3.png", "a 4.png", "a.png"]
    for answer, data in zip(answers, files, strict=True):
        assert await drive.stored(answer.json()["id"]) == data


async def test_a_folder_that_is_deleted_meanwhile(drive: Drive, folder: str) -> None:
    urls = [await drive.session(folder, f"{number}.png") for number in range(8)]
    statuses: list[int] = []

    async def send(url: str) -> None:
        statuses.append((await drive.send(url, DATA, 0, len(DATA))).status_code)

    async with anyio.create_task_group() as tasks:
        for url in urls:
            tasks.start_soon(send, url)
        tasks.start_soon(lambda: drive.call("delete-folder", folder_id=folder))
    assert set(statuses) <= {201, 404}
    assert await drive.folders() == {}
    assert (await count(drive.hub, UploadSession), await count(drive.hub, UploadPiece)) == (0, 0)


async def test_giving_up_while_the_last_chunk_is_on_its_way(drive: Drive, folder: str) -> None:
    url = await drive.session(folder)
    sent, given_up = await asyncio.gather(drive.send(url, DATA, 0, len(DATA)), drive.hub.http.delete(url))
    assert (sent.status_code, given_up.status_code) in {(201, 404), (404, 204)}
    assert len((await drive.folders())[folder]["files"]) == (sent.status_code == 201)
