"""Clients of a drive and of its upload sessions, as a browser is one, and what the tests of drives send."""

import random
import re
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from sqlalchemy import func, select, text
from starlette.types import ASGIApp, Message

from imagehub_service.drives.drive import DriveContents, DriveFile, DriveFolder
from imagehub_service.drives.errors import DriveError
from support.imagehub import Hub

UNIT: Final = 327_680
CHUNK: Final = 10 * UNIT
"""What the published client sends at once."""
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
"""Under which it sends it."""


def some_bytes(size: int, seed: int = 0) -> bytes:
    """Bytes that look like no format."""
    return random.Random(seed).randbytes(size)  # noqa: S311


def range_of(start: int, end: int, total: int) -> dict[str, str]:
    """The header of the chunk from `start` up to `end`, which is not part of it."""
    return {"Content-Range": f"bytes {start}-{end - 1}/{total}", **FORM}


@dataclass
class Drive:
    """The drive of a service under test, by ImageHub's paths."""

    hub: Hub

    async def call(self, path: str, **params: str) -> dict[str, Any]:
        """The answer of a path below `/admin/onedrive/`, which must be 200."""
        answer = await self.hub.http.get(f"/admin/onedrive/{path}", params=params, headers=self.hub.admin)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def folders(self) -> dict[str, Any]:
        """All folders by their ids."""
        found: dict[str, Any] = (await self.call("folders"))["folders"]
        return {key: value for key, value in found.items() if isinstance(value, dict)}

    async def add_folder(self, name: str = "System") -> str:
        """The id of a new folder."""
        before = await self.folders()
        assert (await self.call("add-folder", folder_name=name))["code"] == 1
        (new,) = set(await self.folders()) - set(before)
        return new

    async def session(self, folder: str, name: str = "a.png") -> str:
        """The address of a new upload session."""
        body = await self.call("upload-session", folder_id=folder, file_name=name)
        assert (body["code"], body["hint"]) == (1, "got_session")
        return str(body["sessionUrl"])

    async def send(self, url: str, data: bytes, start: int, end: int, **headers: str) -> httpx.Response:
        """Send one chunk of `data`."""
        return await self.hub.http.put(
            url, content=data[start:end], headers={**range_of(start, end, len(data)), **headers}
        )

    async def upload(self, folder: str, data: bytes, name: str = "a.png") -> dict[str, Any]:
        """Upload a file as the published client does; the item."""
        url = await self.session(folder, name)
        last = (len(data) - 1) // CHUNK * CHUNK
        for start in range(0, last, CHUNK):
            answer = await self.send(url, data, start, start + CHUNK)
            assert answer.status_code == 202, answer.text
        answer = await self.send(url, data, last, len(data))
        assert answer.status_code == 201, answer.text
        item: dict[str, Any] = answer.json()
        return item

    async def stored(self, item_id: str) -> bytes:
        """The bytes of a file."""
        return await self.hub.services.drives.for_account(2).download(item_id, max_bytes=10**9)


async def count(hub: Hub, table: type[Any]) -> int:
    async with hub.database.reading() as session:
        return int((await session.execute(select(func.count()).select_from(table))).scalar_one())


async def execute(hub: Hub, statement: str, **values: Any) -> None:
    async with hub.database.writing() as session:
        await session.execute(text(statement), values)


async def in_parts(data: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    """As a server gets a body."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


def problem(answer: httpx.Response) -> tuple[int, str, str | None]:
    """The status and the two codes of an error in Graph's form."""
    assert set(answer.json()) == {"error"}
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "innerError"}
    assert re.fullmatch(r"[A-Z].*\.", error["message"])
    assert error["innerError"]["request-id"] == answer.headers["x-request-id"]
    return answer.status_code, error["code"], error["innerError"].get("code")


GONE = (404, "itemNotFound", "uploadSessionNotFound")
OVERLAP = (416, "invalidRange", "fragmentOverlap")
OUT_OF_ORDER = (400, "invalidRequest", "fragmentOutOfOrder")
MISMATCH = (400, "invalidRequest", "fragmentLengthMismatch")
NO_RANGE = (400, "invalidRequest", "invalidParameterFormat")


async def put_and_break(app: ASGIApp, url: str, headers: Mapping[str, str], parts: AsyncIterator[bytes]) -> list[int]:
    """Send the beginning of a body, and then break the connection. The statuses of answers, which nobody reads."""
    path = urlsplit(url).path
    statuses: list[int] = []

    async def receive() -> Message:
        async for part in parts:
            return {"type": "http.request", "body": part, "more_body": True}
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "PUT",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "server": ("testserver", 80),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }
    await app(scope, receive, send)
    return statuses


def cut_upload(url: str, data: bytes, start: int, end: int, *, sent: int) -> None:
    """Send `sent` bytes of a chunk over a real connection, and cut it."""
    parts = urlsplit(url)
    head = f"PUT {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {end - start}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in range_of(start, end, len(data)).items()) + "\r\n"
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=10) as connection:
        connection.sendall(head.encode() + data[start : start + sent])


@dataclass
class UploadClient:
    """A browser that uploads a file in chunks, and goes on where it was after something went wrong."""

    url: str
    data: bytes
    chunk: int = CHUNK

    def send(self, start: int) -> httpx.Response:
        """Send the chunk that begins at `start`."""
        end = min(start + self.chunk, len(self.data))
        headers = range_of(start, end, len(self.data))
        return httpx.put(self.url, content=self.data[start:end], headers=headers, timeout=60)

    def next_byte(self) -> int:
        """The first byte that the server does not have."""
        answer = httpx.get(self.url, timeout=60)
        assert answer.status_code == 200, answer.text
        (missing,) = answer.json()["nextExpectedRanges"]
        return int(missing.partition("-")[0])

    def finish(self, start: int = 0) -> dict[str, Any]:
        """Send everything from `start` on; the item."""
        answer = self.send(start)
        while answer.status_code == 202:
            start = int(answer.json()["nextExpectedRanges"][0].partition("-")[0])
            answer = self.send(start)
        assert answer.status_code == 201, answer.text
        item: dict[str, Any] = answer.json()
        return item


MOMENT: Final = datetime(2024, 1, 29, 9, 21, 55, 523_000, tzinfo=UTC)
SHOWN: Final = DriveContents(
    folders=(
        DriveFolder("F1", "System", 7, MOMENT, MOMENT, (DriveFile("X1", "a.png", 7, MOMENT, MOMENT),)),
        DriveFolder("F2", "", 0, MOMENT, MOMENT, ()),
    ),
    used_bytes=3 * 1024**3 // 2,
    total_bytes=5 * 1024**3,
    as_of=MOMENT,
)


@dataclass
class DriveThatSays:
    """A drive that answers everything, or raises `error`."""

    error: DriveError | None = None
    shown: DriveContents = SHOWN
    calls: list[tuple[object, ...]] = field(default_factory=list)

    def _say(self, *call: object) -> None:
        self.calls.append(call)
        if self.error is not None:
            raise self.error

    async def connect(self) -> None:
        self._say("connect")

    async def finish_consent(self, auth_code: str, state: str | None) -> None:
        self._say("finish_consent", auth_code, state)

    async def is_connected(self) -> bool:
        self._say("is_connected")
        return True

    async def disconnect(self) -> bool:
        self._say("disconnect")
        return True

    async def contents(self) -> DriveContents:
        self._say("contents")
        return self.shown

    async def create_folder(self, name: str) -> DriveFolder:
        self._say("create_folder", name)
        return self.shown.folders[0]

    async def rename(self, item_id: str, name: str) -> None:
        self._say("rename", item_id, name)

    async def delete(self, item_id: str) -> None:
        self._say("delete", item_id)

    async def open_upload_session(self, folder_id: str, filename: str, *, public_base: str) -> str:
        self._say("open_upload_session", folder_id, filename)
        return f"{public_base}/put/here"

    async def download(self, file_id: str, *, max_bytes: int) -> bytes:
        self._say("download", file_id, max_bytes)
        return b""
