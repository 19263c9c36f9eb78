"""`multipart/form-data` (RFC 7578): a file and some fields, byte for byte, or an error that says why not."""

import os
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from anyio import to_thread
from blockbuster import BlockBuster
from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.types import Message
from support.asgi import WithState, client_of, running
from support.kit import MakeApp

from lightbox_shared.concurrency.memory_budget import SMALL_BYTES, UploadMemoryBudget
from lightbox_shared.requests.file_sizes import DECIDING_BYTES, MB, FileSizes
from lightbox_shared.requests.forms import read_fields
from lightbox_shared.requests.uploads import MAX_FIELD_BYTES, MAX_FIELDS, open_uploads, read_upload
from lightbox_shared.storage.blobs import sha256

MAX_BYTES = 3 * MB
SIZES = FileSizes(MAX_BYTES, dicom=6 * MB)
MEMORY = UploadMemoryBudget(16 * MB, SIZES.largest)
MAX_FILES = 3
BOUNDARY = "cut-here"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
END = f"--{BOUNDARY}--\r\n".encode()

router = APIRouter()


@router.post("/upload")
async def upload(request: Request) -> dict[str, object]:
    async with read_upload(request, "image", SIZES, MEMORY) as sent:
        return {"sha256": None if sent.data is None else sha256(sent.data).hex(), "fields": sent.fields}


@router.post("/several")
async def several(request: Request) -> dict[str, object]:
    async with open_uploads(request, "image", max_files=MAX_FILES, sizes=SIZES, memory=MEMORY) as sent:
        contents = [await to_thread.run_sync(each.file.read) for each in sent.files]
        files = [
            [each.filename, each.size, sha256(data).hex()] for each, data in zip(sent.files, contents, strict=True)
        ]
        return {"files": files, "fields": sent.fields}


@router.post("/fields")
async def fields(request: Request) -> dict[str, object]:
    return await read_fields(request)


@router.post("/raw")
async def raw(request: Request) -> int:
    return len(await Request(request.scope, request.receive).body())


def too_large(named: str, megabytes: int) -> dict[str, object]:
    """What is said of a file beyond its limit."""
    detail, parameters = f"{named} is larger than {megabytes} MB.", {"bytes": megabytes * MB}
    return {"field": "image", "detail": detail, "code": "file-too-large", "parameters": parameters}


@pytest.fixture
async def app(make_app: MakeApp) -> AsyncIterator[WithState]:
    async with running(make_app(router)) as started:
        yield started


@pytest.fixture
async def client(app: WithState) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as http:
        yield http


def part(name: str, value: bytes, more: str = "") -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + value + b"\r\n"


def file(value: bytes = b"bytes", more: str = '; filename="x.png"') -> bytes:
    return part("image", value, more)


async def send(client: httpx.AsyncClient, body: bytes, content_type: str = MULTIPART) -> tuple[int, dict[str, object]]:
    answer = await client.post("/upload", content=body, headers={"Content-Type": content_type})
    answered: dict[str, object] = answer.json()
    return answer.status_code, answered


def exactly(data: bytes | None, **texts: str) -> tuple[int, dict[str, object]]:
    return 200, {"sha256": None if data is None else sha256(data).hex(), "fields": texts}


BYTES = {
    "none": b"",
    "line ends": b"\r\n\r\n--\r\n",
    "nearly a boundary": f"\r\n--{BOUNDARY[:-1]}x\r\n--{BOUNDARY[:-1]}".encode(),
    "all": bytes(range(256)),
    "on disk": os.urandom(2 * 1024 * 1024),
    "the most": os.urandom(MAX_BYTES),
}


@pytest.mark.parametrize("data", BYTES.values(), ids=BYTES)
async def test_bytes_come_exactly(client: httpx.AsyncClient, data: bytes) -> None:
    body = part("title", b"first") + file(b"first") + file(data) + part("title", "Röntgen".encode()) + END
    assert await send(client, body) == exactly(data, title="Röntgen")


@pytest.mark.parametrize("data", BYTES.values(), ids=BYTES)
async def test_every_other_client_builds_the_same(client: httpx.AsyncClient, data: bytes) -> None:
    answer = await client.post("/upload", data={"title": "t"}, files={"image": ("x.png", data)})
    assert (answer.status_code, answer.json()) == exactly(data, title="t")


WHOLE = part("title", b"t") + file(b"0123456789" * 10) + END


@pytest.mark.parametrize("length", range(1, len(WHOLE) - 2))  # the line end after the last boundary may be absent
async def test_a_cut_anywhere_is_refused(client: httpx.AsyncClient, length: int) -> None:
    status, body = await send(client, WHOLE[:length])
    assert (status, body["type"]) == (400, "/problems/bad-request")


async def test_the_same_cut_is_refused_in_both_ways_in(client: httpx.AsyncClient) -> None:
    cut = part("title", b"t")
    for path in ("/upload", "/fields"):
        answer = await client.post(path, content=cut, headers={"Content-Type": MULTIPART})
        assert (answer.status_code, answer.json()["detail"]) == (400, "The body ended early.")
        answer = await client.post(path, content=cut + END, headers={"Content-Type": MULTIPART})
        assert answer.status_code == 200


async def test_what_surrounds_the_parts_is_ignored(client: httpx.AsyncClient) -> None:
    """Bytes behind the last boundary are ignored (the epilogue of RFC 2046 section 5.1.1)."""
    assert await send(client, file(b"x") + END + b"epilogue") == exactly(b"x")
    assert await send(client, b"\r\n" + file(b"x") + END[:-2]) == exactly(b"x")
    assert await send(client, b"preamble\r\n--cut\r\n" + file(b"x") + END) == exactly(b"x")


BROKEN: dict[str, tuple[bytes, str, int]] = {
    "no boundary": (WHOLE, "multipart/form-data", 400),
    "empty boundary": (WHOLE, "multipart/form-data; boundary=", 400),
    "other boundary": (WHOLE, "multipart/form-data; boundary=other", 400),
    "long boundary": (WHOLE, f"multipart/form-data; boundary={'b' * 5000}", 400),
    "nothing": (b"", MULTIPART, 400),
    "noise": (os.urandom(1000), MULTIPART, 400),
    "no name": (f"--{BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\nx\r\n".encode() + END, MULTIPART, 400),
    "no disposition": (f"--{BOUNDARY}\r\nA: b\r\n\r\nx\r\n".encode() + END, MULTIPART, 400),
    "no headers": (f"--{BOUNDARY}\r\n\r\nx\r\n".encode() + END, MULTIPART, 400),
    "broken header": (f"--{BOUNDARY}\r\n\0: b\r\n\r\nx\r\n".encode() + END, MULTIPART, 400),
    "too many fields": (part("a", b"1") * (MAX_FIELDS + 1) + END, MULTIPART, 400),
    "too many files": (file() * (MAX_FIELDS + 1) + END, MULTIPART, 400),
    "long field": (part("a", b"1" * (MAX_FIELD_BYTES + 1)) + END, MULTIPART, 400),
    "other charset": (WHOLE, f"{MULTIPART}; charset=utf-16", 415),
    "charset that fails": (WHOLE, f"{MULTIPART}; charset=undefined", 415),
    "charset that is none": (WHOLE, f"{MULTIPART}; charset=hex", 415),
}


@pytest.mark.parametrize(("body", "content_type", "status"), BROKEN.values(), ids=BROKEN)
async def test_broken_bodies(client: httpx.AsyncClient, body: bytes, content_type: str, status: int) -> None:
    answered, problem = await send(client, body, content_type)
    assert answered == status
    assert problem["type"] == {400: "/problems/bad-request", 415: "/problems/unsupported-media-type"}[status]


async def test_as_many_as_are_allowed(client: httpx.AsyncClient) -> None:
    many = b"".join(part(f"f{number}", b"1" * MAX_FIELD_BYTES) for number in range(MAX_FIELDS))
    status, body = await send(client, many + file(b"first") + file(b"second") + END, f"{MULTIPART}; charset=UTF-8")
    assert (status, body["sha256"]) == (200, sha256(b"second").hex())


def dicom(size: int) -> bytes:
    """Bytes that begin like a DICOM file."""
    return bytes(DECIDING_BYTES - 4) + b"DICM" + os.urandom(size - DECIDING_BYTES)


async def test_dicom_has_a_limit_of_its_own(client: httpx.AsyncClient) -> None:
    largest = dicom(SIZES.dicom)
    assert await send(client, file(largest) + END) == exactly(largest)
    for data, limit in ((largest + b"x", 6), (largest[1:], 3), (bytes(4 * MB), 3)):
        for path, named in (("/upload", "The file"), ("/several", "A file")):
            answer = await client.post(path, content=file(data) + END, headers={"Content-Type": MULTIPART})
            assert (answer.status_code, answer.json()["errors"]) == (413, [too_large(named, limit)])
    assert MEMORY.held == 0


@pytest.mark.parametrize(("data", "limit"), [(bytes(100 * MB), SIZES.raster), (dicom(100 * MB), SIZES.dicom)])
@pytest.mark.parametrize("path", ["/upload", "/several"])
async def test_what_is_too_large_is_refused_before_all_of_it_has_arrived(
    client: httpx.AsyncClient, path: str, data: bytes, limit: int
) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        yield file()[:-7]
        for at in range(0, len(data), 64 * 1024):
            sent += 64 * 1024
            yield data[at : at + 64 * 1024]

    answer = await client.post(path, content=chunks(), headers={"Content-Type": MULTIPART})
    assert answer.status_code == 413
    assert limit < sent <= limit + 2 * 64 * 1024


async def test_uploads_share_a_budget_of_memory(client: httpx.AsyncClient) -> None:
    body = file(dicom(5 * MB)) + END
    for left, status in ((5 * MB + 200, 200), (5 * MB - 1, 503)):
        with MEMORY.reserve(14 * MB - left):  # of 16 MB, of which 2 are for small uploads
            answer = await client.post("/upload", content=body, headers={"Content-Type": MULTIPART})
            assert answer.status_code == status
            # Several files wait on disk.
            answer = await client.post("/several", content=body, headers={"Content-Type": MULTIPART})
            assert answer.status_code == 200
    answer = await client.post("/upload", content=file() + END, headers={"Content-Type": MULTIPART})
    assert (answer.status_code, MEMORY.held) == (200, 0)
    with MEMORY.reserve(14 * MB):
        answer = await client.post("/upload", content=body, headers={"Content-Type": MULTIPART})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        small = await client.post("/upload", content=file() + END, headers={"Content-Type": MULTIPART})
        assert small.status_code == 200


async def test_files_of_unknown_length_are_counted_when_they_are_in_memory(client: httpx.AsyncClient) -> None:
    async def chunks(data: bytes) -> AsyncIterator[bytes]:
        yield file()[:-7]
        for at in range(0, len(data), 64 * 1024):
            yield data[at : at + 64 * 1024]
        yield b"\r\n" + END

    with MEMORY.reserve(13 * MB):
        for size, status in ((SMALL_BYTES, 200), (2 * MB, 503)):
            answer = await client.post("/upload", content=chunks(bytes(size)), headers={"Content-Type": MULTIPART})
            assert answer.status_code == status
            assert MEMORY.held == 13 * MB


async def test_a_file_that_is_too_large(client: httpx.AsyncClient) -> None:
    status, body = await send(client, file(b"\xff" * (MAX_BYTES + 1)) + END)
    assert (status, body["type"]) == (413, "/problems/too-large")
    assert body["errors"] == [too_large("The file", 3)]


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain", "multipart/mixed", "", ";"]
)
async def test_another_type_is_an_upload_without_a_file(client: httpx.AsyncClient, content_type: str) -> None:
    assert await send(client, b"image=x", content_type) == exactly(None)


async def test_another_case_is_the_same_type(client: httpx.AsyncClient) -> None:
    assert await send(client, file() + END, f"Multipart/Form-Data; boundary={BOUNDARY}") == exactly(b"bytes")
    assert await send(client, file() + END, f'multipart/form-data; boundary="{BOUNDARY}"') == exactly(b"bytes")


async def test_a_text_under_the_files_name_is_no_file(client: httpx.AsyncClient) -> None:
    assert await send(client, part("image", b"x") + END) == exactly(None, image="x")
    assert await send(client, part("other", b"x", '; filename="x"') + END) == exactly(None, other="x")


@pytest.mark.parametrize(
    "name",
    [
        '; filename="../../etc/passwd"',
        '; filename="/etc/passwd"',
        '; filename="C:\\windows\\x.png"',
        '; filename=""',
        "; filename=x.png",
        '; filename="a\\"b.png"',
        '; filename="x.png\0.exe"',
        f'; filename="{"x" * 2000}"',
        '; filename="Röntgen.png"',
        "; filename*=UTF-8''R%C3%B6ntgen.png",
        "; filename*=UTF-8''%ff",
        '; filename="x.png"; filename*=nonsense',
        '; filename="x.png"; name="other"',
    ],
)
async def test_names_of_files_mean_nothing(client: httpx.AsyncClient, name: str) -> None:
    status, body = await send(client, file(b"x", name) + END)
    assert status in {200, 400}
    assert body.get("sha256") in {sha256(b"x").hex(), None}


@pytest.mark.parametrize("name", ["; filename*=nonsense''x", "; filename*=undefined''x", "; filename*=hex''zz"])
async def test_names_in_encodings_that_are_none(client: httpx.AsyncClient, name: str) -> None:
    assert (await send(client, file(b"x", name) + END))[0] in {200, 400}


@pytest.mark.parametrize("path", ["/upload", "/fields", "/raw"])
async def test_a_client_that_leaves_is_no_error_of_ours(
    app: WithState, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    incoming: list[Message] = [
        {"type": "http.request", "body": file()[:-4], "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return incoming.pop(0)

    async def send_message(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "scheme": "http", "http_version": "1.1", "server": ("127.0.0.1", 1), "client": None,
        "headers": [(b"content-type", MULTIPART.encode())], "asgi": {"version": "3.0"},
    }  # fmt: skip
    await app(scope, receive, send_message)
    assert sent[0]["status"] == 400
    assert b"The body ended early." in sent[1]["body"]
    assert "unexpected" not in capsys.readouterr().out


async def test_files_are_closed(client: httpx.AsyncClient, no_blocking_calls: BlockBuster) -> None:  # noqa: ARG001
    """No file stays open: an unclosed one is a `ResourceWarning`, and warnings are errors."""
    large = b"\xff" * (2 * 1024 * 1024)
    for body in (file(large) + END, file(large), file(large) + part("x", b"1" * (MAX_FIELD_BYTES + 1)) + END):
        await send(client, body)


async def send_several(client: httpx.AsyncClient, body: bytes, media_type: str = MULTIPART) -> tuple[int, Any]:
    answer = await client.post("/several", content=body, headers={"Content-Type": media_type})
    return answer.status_code, answer.json()


async def test_several_files_come_in_their_order(client: httpx.AsyncClient) -> None:
    sent = [("a.png", b"first"), ("", b""), ("ä/b.png", BYTES["the most"])]
    body = b"".join(file(data, f'; filename="{name}"') for name, data in sent)
    other = part("another", b"x", '; filename="left-out.png"')
    expected = [[name, len(data), sha256(data).hex()] for name, data in sent]
    texts = part("title", b"t") + part("title", b"second")
    assert await send_several(client, texts + body + END) == (200, {"files": expected, "fields": {"title": "second"}})
    two = b"".join(file(data) for _, data in sent[:2])
    assert len((await send_several(client, other + two + END))[1]["files"]) == 2


async def test_too_many_files(client: httpx.AsyncClient) -> None:
    status, body = await send_several(client, file() * (MAX_FILES + 1) + END)
    assert (status, "Too many files" in body["detail"]) == (400, True)


@pytest.mark.parametrize("before", [0, 1, MAX_FILES - 1])
async def test_one_file_that_is_too_large(client: httpx.AsyncClient, before: int) -> None:
    body = file() * before + file(bytes(MAX_BYTES + 1)) + file() * (MAX_FILES - 1 - before) + END
    status, answered = await send_several(client, body)
    assert (status, answered["errors"]) == (413, [too_large("A file", 3)])


async def test_a_file_that_is_too_large_is_not_stored(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    original = UploadFile.write

    async def write(self: UploadFile, data: bytes) -> None:
        written.append(len(data))
        await original(self, data)

    monkeypatch.setattr(UploadFile, "write", write)

    async def chunks() -> AsyncIterator[bytes]:
        yield file()[:-7]
        for _ in range(40):
            yield bytes(256 * 1024)
        yield b"\r\n" + END

    answer = await client.post("/several", content=chunks(), headers={"Content-Type": MULTIPART})
    assert answer.status_code == 413
    assert sum(written) <= MAX_BYTES + 10


async def test_several_of_none(client: httpx.AsyncClient) -> None:
    empty: dict[str, object] = {"files": [], "fields": {}}
    assert await send_several(client, b"{}", "application/json") == (200, empty)
    assert await send_several(client, END) == (200, empty)
    assert (await send_several(client, file()))[0] == 400
    assert (await send_several(client, file() + END, f"{MULTIPART}; charset=utf-16"))[0] == 415
