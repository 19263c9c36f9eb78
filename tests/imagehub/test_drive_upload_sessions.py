"""Upload sessions of the built-in drive: what Microsoft Graph answers, and what is left after something went wrong."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from support import pictures
from support.drives import (
    CHUNK,
    FORM,
    GONE,
    MISMATCH,
    NO_RANGE,
    OUT_OF_ORDER,
    OVERLAP,
    UNIT,
    Drive,
    count,
    execute,
    in_parts,
    problem,
    range_of,
    some_bytes,
)
from support.imagehub import Hub

from imagehub_service.drives.built_in.upload_sessions.models import UploadPiece, UploadSession
from imagehub_service.drives.built_in.upload_sessions.service import PIECE_BYTES

DATA = some_bytes(2 * UNIT + 5)


@pytest.fixture
def drive(hub: Hub) -> Drive:
    return Drive(hub)


@pytest.fixture
async def folder(drive: Drive) -> str:
    return await drive.add_folder()


async def test_a_file_in_chunks(drive: Drive, folder: str) -> None:
    url = await drive.session(folder, "a.png")
    assert re.fullmatch(r"http://testserver/image/upload-sessions/[\w-]{43}", url)
    for start, end in [(0, UNIT), (UNIT, 2 * UNIT)]:
        state = await drive.hub.http.get(url)
        assert (state.status_code, state.json()["nextExpectedRanges"]) == (200, [f"{start}-"])
        answer = await drive.send(url, DATA, start, end)
        assert (answer.status_code, answer.headers["cache-control"]) == (202, "no-store")
        assert set(answer.json()) == {"expirationDateTime", "nextExpectedRanges"}
        assert answer.json()["nextExpectedRanges"] == [f"{end}-"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answer.json()["expirationDateTime"])
        left = datetime.fromisoformat(answer.json()["expirationDateTime"]) - datetime.now(UTC)
        assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)
        assert not (await drive.folders())[folder]["files"]
    answer = await drive.send(url, DATA, 2 * UNIT, len(DATA))
    item = answer.json()
    assert answer.status_code == 201
    assert (item["name"], item["size"], item["parentReference"]) == ("a.png", len(DATA), {"id": folder})
    assert item["file"] == {
        "mimeType": "application/octet-stream",
        "hashes": {"sha256Hash": pictures.sha256_hex(DATA).upper()},
    }
    times = {"createdDateTime": item["createdDateTime"], "lastModifiedDateTime": item["lastModifiedDateTime"]}
    assert item["fileSystemInfo"] == times
    assert await drive.stored(item["id"]) == DATA
    assert (await count(drive.hub, UploadSession), await count(drive.hub, UploadPiece)) == (0, 0)
    for method in ("GET", "PUT", "DELETE"):
        assert problem(await drive.hub.http.request(method, url)) == GONE


@pytest.mark.parametrize("size", [1, 2, UNIT - 1, UNIT, UNIT + 1, CHUNK, CHUNK + 1, PIECE_BYTES, 2 * CHUNK])
async def test_the_chunks_of_the_published_client(drive: Drive, folder: str, size: int) -> None:
    data = some_bytes(size)
    item = await drive.upload(folder, data)
    assert (item["size"], await drive.stored(item["id"]) == data) == (size, True)


async def test_a_chunk_of_several_pieces(drive: Drive, folder: str) -> None:
    data = some_bytes(3 * PIECE_BYTES)  # 12 MB, of which the first chunk has 11
    url, end = await drive.session(folder), 36 * UNIT
    answer = await drive.hub.http.put(url, content=in_parts(data[:end]), headers=range_of(0, end, len(data)))
    assert (answer.status_code, await count(drive.hub, UploadPiece)) == (202, 3)
    answer = await drive.send(url, data, end, len(data))
    assert answer.status_code == 201
    assert await drive.stored(answer.json()["id"]) == data


async def test_the_media_type_is_that_of_the_bytes(drive: Drive, folder: str) -> None:
    item = await drive.upload(folder, pictures.png(), "a.jpg")
    assert item["file"]["mimeType"] == "image/png"


@pytest.mark.parametrize(
    "media_type",
    ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json", "", "nonsense"],
)
async def test_any_media_type(drive: Drive, folder: str, media_type: str) -> None:
    data = b"a=1&b=%ff&--x\r\n{"
    headers = {"Content-Range": f"bytes 0-{len(data) - 1}/{len(data)}", "Content-Type": media_type}
    answer = await drive.hub.http.put(await drive.session(folder), content=data, headers=headers)
    assert answer.status_code == 201
    assert await drive.stored(answer.json()["id"]) == data


async def test_a_token_is_not_looked_at(drive: Drive, folder: str) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}, drive.hub.admin):
        url = await drive.session(folder)
        assert (await drive.send(url, b"x", 0, 1, **headers)).status_code == 201


async def test_the_name_is_taken_when_the_file_is_complete(drive: Drive, folder: str) -> None:
    first, same = await drive.upload(folder, b"one", "a.png"), await drive.upload(folder, b"one", "A.png")
    second, third = await drive.upload(folder, b"two", "A.PNG"), await drive.upload(folder, b"three", "a.png")
    again = await drive.upload(folder, b"two", "a.png")
    assert [each["name"] for each in (first, second, third)] == ["a.png", "A 1.PNG", "a 2.png"]
    assert (same["id"], again["id"]) == (first["id"], second["id"])
    for item, data in [(first, b"one"), (second, b"two"), (third, b"three")]:
        assert await drive.stored(item["id"]) == data


@pytest.mark.parametrize(
    "value",
    [
        None, "", "bytes", "bytes 0-1", "bytes 0-1/*", "bytes */2", "0-1/2", "bytes=0-1/2", "items 0-1/2",
        "bytes 1-0/2", "bytes 0-2/2", "bytes -1/2", "bytes 0-/2", "bytes a-b/c", "bytes 0-1/2, 0-1/2", "bytes ٠-١/٢",
        "bytes 0-1/2x",
        f"bytes 0-1/{'9' * 19}", f"bytes {'1' * 5000}-1/2", "bytes 0.0-1/2", "bytes +0-1/2", "bytes 0-1/0",
    ],
)  # fmt: skip
async def test_ranges_that_are_none(drive: Drive, folder: str, value: str | None) -> None:
    url = await drive.session(folder)
    headers = {} if value is None else {"Content-Range": value.encode()}
    answer = await drive.hub.http.put(url, content=b"xx", headers=headers)  # type: ignore[arg-type]
    assert problem(answer) == NO_RANGE
    assert (await drive.send(url, b"xx", 0, 2)).status_code == 201


async def test_chunks_in_another_order(drive: Drive, folder: str) -> None:
    url = await drive.session(folder)
    assert problem(await drive.send(url, DATA, UNIT, 2 * UNIT)) == OUT_OF_ORDER
    assert problem(await drive.send(url, DATA, 2 * UNIT, len(DATA))) == OUT_OF_ORDER
    assert (await drive.send(url, DATA, 0, UNIT)).status_code == 202
    for start, end in [(0, UNIT), (0, 2 * UNIT), (0, len(DATA)), (5, UNIT + 5)]:
        assert problem(await drive.send(url, DATA, start, end)) == OVERLAP
    assert problem(await drive.send(url, DATA, 2 * UNIT, len(DATA))) == OUT_OF_ORDER
    assert (await drive.hub.http.get(url)).json()["nextExpectedRanges"] == [f"{UNIT}-"]
    answer = await drive.send(url, DATA, UNIT, len(DATA))
    assert answer.status_code == 201
    assert await drive.stored(answer.json()["id"]) == DATA


async def test_chunks_of_a_wrong_length(drive: Drive, folder: str) -> None:
    url = await drive.session(folder)

    async def put(content: Any, content_range: str, **headers: str) -> httpx.Response:
        return await drive.hub.http.put(url, content=content, headers={"Content-Range": content_range, **headers})

    async def parts(*each: bytes) -> AsyncIterator[bytes]:
        for part in each:
            yield part

    for answer in (
        await put(b"", f"bytes 0-{UNIT - 1}/{len(DATA)}"),
        await put(DATA[: UNIT - 1], f"bytes 0-{UNIT - 1}/{len(DATA)}"),
        await put(DATA[: UNIT + 1], f"bytes 0-{UNIT - 1}/{len(DATA)}"),
        await put(parts(DATA[: UNIT - 1]), f"bytes 0-{UNIT - 1}/{len(DATA)}"),
        await put(parts(DATA[:UNIT], b"x"), f"bytes 0-{UNIT - 1}/{len(DATA)}"),
        await put(parts(), f"bytes 0-{UNIT - 1}/{len(DATA)}"),
        await put(DATA[:5], f"bytes 0-4/{len(DATA)}"),
        await put(DATA[: UNIT + 1], f"bytes 0-{UNIT}/{len(DATA)}"),
    ):
        assert problem(answer) == MISMATCH
    assert await count(drive.hub, UploadPiece) == 0
    assert (await put(parts(DATA[:100], DATA[100:UNIT]), f"bytes 0-{UNIT - 1}/{len(DATA)}")).status_code == 202
    assert problem(await put(DATA[UNIT:], f"bytes {UNIT}-{len(DATA) - 1}/{len(DATA) + 1}")) == MISMATCH
    assert problem(await put(DATA[UNIT : 2 * UNIT], f"bytes {UNIT}-{2 * UNIT - 1}/{2 * UNIT}")) == MISMATCH
    assert (await drive.hub.http.get(url)).json()["nextExpectedRanges"] == [f"{UNIT}-"]
    answer = await drive.send(url, DATA, UNIT, len(DATA))
    assert await drive.stored(answer.json()["id"]) == DATA


async def test_what_is_too_large(drive: Drive, folder: str) -> None:
    url = await drive.session(folder)
    limit = drive.hub.services.settings.max_drive_file_bytes
    for content_range, inner in [
        (f"bytes 0-{60 * 1024 * 1024}/{limit}", "maxFragmentLengthExceeded"),
        (f"bytes 0-{UNIT - 1}/{limit + 1}", "maxFileSizeExceeded"),
        (f"bytes 0-{UNIT - 1}/{'9' * 18}", "maxFileSizeExceeded"),
    ]:
        headers = {"Content-Range": content_range, "Content-Length": content_range.split("-")[1].split("/")[0]}
        headers["Content-Length"] = str(int(headers["Content-Length"]) + 1)
        answer = await drive.hub.http.put(url, content=b"", headers=headers)
        assert problem(answer) == (413, "invalidRequest", inner)


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "%00", "%ff", "a%2fb", "x" * 5000, "🩻"])
async def test_sessions_that_never_were(hub: Hub, token: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = await hub.http.request(method, f"/image/upload-sessions/{token}")
        assert answer.status_code == 404
        if token not in {"", "a%2fb"}:
            assert problem(answer) == GONE


async def test_other_methods(drive: Drive, folder: str) -> None:
    url = await drive.session(folder)
    for method in ("POST", "PATCH"):
        answer = await drive.hub.http.request(method, url, content=b"x")
        assert (answer.status_code, answer.json()["error"]["code"]) == (405, "notAllowed")
        assert answer.headers["allow"] == "DELETE, GET, HEAD, PUT"


async def test_giving_up(drive: Drive, folder: str) -> None:
    url = await drive.session(folder)
    await drive.send(url, DATA, 0, UNIT)
    assert (await drive.hub.http.delete(url)).status_code == 204
    assert problem(await drive.send(url, DATA, UNIT, len(DATA))) == GONE
    assert problem(await drive.hub.http.delete(url)) == GONE
    assert (await count(drive.hub, UploadSession), await count(drive.hub, UploadPiece)) == (0, 0)
    assert not (await drive.folders())[folder]["files"]


async def test_the_end_is_put_off_by_chunks_and_comes(drive: Drive, folder: str) -> None:
    url = await drive.session(folder)
    other = await drive.session(folder, "other.png")
    await execute(drive.hub, "UPDATE upload_sessions SET expires_at = now() + interval '5 seconds'")
    answer = await drive.send(url, DATA, 0, UNIT)
    left = datetime.fromisoformat(answer.json()["expirationDateTime"]) - datetime.now(UTC)
    assert left > timedelta(hours=23)
    await execute(drive.hub, "UPDATE upload_sessions SET expires_at = now() WHERE received = 0")
    for answer in (
        await drive.hub.http.get(other),
        await drive.send(other, DATA, 0, UNIT),
        await drive.hub.http.delete(other),
    ):
        assert problem(answer) == GONE
    await drive.hub.services.upload_sessions.delete_expired()
    assert (await count(drive.hub, UploadSession), await count(drive.hub, UploadPiece)) == (1, 1)
    await execute(drive.hub, "UPDATE upload_sessions SET expires_at = now()")
    await drive.hub.services.upload_sessions.delete_expired()
    assert (await count(drive.hub, UploadSession), await count(drive.hub, UploadPiece)) == (0, 0)


async def test_many_expired_sessions(drive: Drive, folder: str) -> None:
    await execute(
        drive.hub,
        "INSERT INTO upload_sessions (token_sha256, folder_id, name, expires_at) "
        "SELECT int4send(i), :folder, 'a', now() FROM generate_series(1, 151) i",
        folder=folder,
    )
    await drive.hub.services.upload_sessions.delete_expired()
    assert await count(drive.hub, UploadSession) == 0


async def test_the_token_is_neither_stored_nor_logged(
    drive: Drive, folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = await drive.session(folder)
    token = url.rpartition("/")[2]
    for path in (url, f"{url}/", f"{url}/more", f"/image/upload-sessions//{token}"):
        for method in ("GET", "PUT", "POST", "DELETE"):
            await drive.hub.http.request(method, path, headers=FORM)
    written = capsys.readouterr()
    assert "/image/upload-sessions/[redacted]" in written.out
    assert token not in written.out + written.err
    url = await drive.session(folder)
    async with drive.hub.database.reading() as session:
        row = str((await session.execute(text("SELECT upload_sessions::text FROM upload_sessions"))).all())
    assert url.rpartition("/")[2] not in row
