"""A collection over HTTP (RFC 9110). Redirects are not followed: they could carry a key elsewhere."""

import json
import re
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, Self

import anyio
import httpx
from httpx_sse import EventSource, SSEError

from lightbox.collect.address import Address
from lightbox.collect.errors import CollectError, Conflict, Lost, NotAllowed, problem_sentence
from lightbox.collect.transport import Advance, Arrived, Fetched, Picture

CHUNK_BYTES: Final = 64 * 1024
TIMEOUT: Final = httpx.Timeout(60, connect=10)
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
_TRY_AGAIN: Final = frozenset({408, 429, 502, 503, 504})
_DIGEST: Final = re.compile(r'(?:W/)?"([0-9a-f]{64})\b')


class HttpTransport:
    """A collection at an `http://` or `https://` address."""

    def __init__(self, address: Address, http: httpx.AsyncClient) -> None:
        self._address = address
        self._http = http

    @classmethod
    @asynccontextmanager
    async def open(cls, address: Address, key: str | None) -> AsyncIterator[Self]:
        """With connections that are kept until the end of the context."""
        headers = {} if key is None else {"X-API-Key": key}
        try:
            base_url = httpx.URL(address.server)
        except httpx.InvalidURL as error:
            raise CollectError(f"{address} is no URL: {error}.") from error
        async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=TIMEOUT) as http:
            yield cls(address, http)

    async def send(self, picture: Picture, advance: Advance) -> bool:
        """See `Transport`."""
        body = picture.document()

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(body), CHUNK_BYTES):
                yield body[start : start + CHUNK_BYTES]
                advance(min(start + CHUNK_BYTES, len(body)), len(body))

        headers = {"Content-Type": "application/cbor", "Content-Length": str(len(body))}
        answer, _content = await self._ask("POST", self._address.path, headers=headers, content=pieces())
        return answer.status_code == 201

    async def get(self, device_id: str, timestamp: str | None, advance: Advance) -> Fetched:
        """See `Transport`."""
        path, query = self._address.path, {"deviceId": device_id}
        if timestamp is None:
            path += "/latest"
        else:
            query["timestamp"] = timestamp
        return await self._picture(path, advance, params=query)

    async def fetch(self, href: str, advance: Advance) -> Fetched:
        """See `Transport`."""
        # What a server says is no reason to send the key to another one.
        if not href.startswith("/") or href.startswith("//"):
            raise CollectError("The picture is said to be on another server.")
        return await self._picture(href, advance)

    async def discover(self, query: str | None) -> str:
        """See `Transport`."""
        _answer, content = await self._ask("GET", "/.well-known/core" + (f"?{query}" if query else ""))
        return content.decode(errors="replace")

    async def watch(
        self, device_id: str | None, ready: Callable[[], None], say: Callable[[str], None]
    ) -> AsyncGenerator[Arrived, None]:
        """See `Transport`: server-sent events, continued behind the last one that was seen."""
        last_id, pause, was_connected = "", FIRST_PAUSE_SECONDS, False
        query = {} if device_id is None else {"deviceId": device_id}
        while True:
            headers = {b"Accept": b"text/event-stream", b"Cache-Control": b"no-store"}
            if last_id:
                headers[b"Last-Event-ID"] = last_id.encode()
            try:
                path = self._address.path + "/events"
                async with self._http.stream("GET", path, params=query, headers=headers) as answer:
                    if answer.status_code != 200:
                        await answer.aread()
                        raise _failure(answer, answer.content)
                    if not was_connected:
                        ready()
                    was_connected, pause = True, FIRST_PAUSE_SECONDS
                    async for event in EventSource(answer).aiter_sse():
                        last_id = event.id if event.id and event.id.isprintable() else last_id
                        body = _json(event.data)
                        if body is None and event.data:
                            say("The server announced something that is not understood here.")
                        if isinstance(body, dict) and "href" in body:
                            yield Arrived.of_metadata(body)
            except (httpx.TransportError, SSEError, Lost) as error:
                if not was_connected:
                    raise CollectError(str(_trouble(error))) from error
            except httpx.InvalidURL as error:
                raise CollectError(f"{self._address} is no URL: {error}.") from error
            say("The connection was lost; connecting again ...")
            await anyio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _picture(self, path: str, advance: Advance, params: Mapping[str, str] | None = None) -> Fetched:
        answer, content = await self._ask("GET", path, advance, params=params)
        digest = _DIGEST.match(answer.headers.get("etag", ""))
        media_type = answer.headers.get("content-type", "").partition(";")[0].strip() or None
        return Fetched(content, media_type, bytes.fromhex(digest[1]) if digest else None)

    async def _ask(
        self,
        method: str,
        path: str,
        advance: Advance | None = None,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: AsyncIterator[bytes] | None = None,
    ) -> tuple[httpx.Response, bytes]:
        """A success and its body. Raises `Lost` and `CollectError`."""
        try:
            async with self._http.stream(method, path, params=params, headers=headers, content=content) as answer:
                announced = answer.headers.get("content-length", "")
                total = int(announced) if announced.isascii() and announced.isdigit() else None
                pieces = []
                async for piece in answer.aiter_bytes():
                    pieces.append(piece)
                    if advance is not None and answer.is_success:
                        advance(answer.num_bytes_downloaded, total)
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise _trouble(error) from error
        except httpx.InvalidURL as error:
            raise CollectError(f"{self._address} is no URL: {error}.") from error
        if not answer.is_success:
            raise _failure(answer, b"".join(pieces))
        return answer, b"".join(pieces)


def _failure(answer: httpx.Response, content: bytes) -> CollectError:
    fallback = f"The server answered {answer.status_code} {answer.reason_phrase}."
    sentence = problem_sentence(_json(content), fallback)
    if answer.status_code == 409:
        return Conflict(sentence)
    if answer.status_code in {401, 403}:
        return NotAllowed(sentence)
    if answer.status_code in _TRY_AGAIN:
        after = answer.headers.get("retry-after", "")
        return Lost(sentence, retry_after=float(after) if after.isascii() and after.isdigit() else None)
    return CollectError(sentence)


def _json(content: str | bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _trouble(error: Exception) -> CollectError:
    """What went wrong on the way, as something to repeat or not. What can't be sent may be a key: it is not quoted."""
    if isinstance(error, CollectError):
        return error
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
        return CollectError("The request can't be sent: something in it fits into no header or URL.")
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        if _no_such_name(error):
            return CollectError("The server's name leads to no address.")
        return Lost("The server can't be reached.")
    return Lost(f"There was no whole answer ({str(error) or type(error).__name__}).")


def _no_such_name(error: BaseException | None) -> bool:
    """Whether it comes of a name that can't be resolved; one whose name servers do not answer may be tried again."""
    while error is not None:
        if isinstance(error, socket.gaierror):
            return error.errno != socket.EAI_AGAIN
        error = error.__cause__ or error.__context__
    return False
