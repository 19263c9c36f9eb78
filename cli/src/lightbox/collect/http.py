"""A collection over HTTP (RFC 9110) and server-sent events.

Redirects are not followed, since the API key would be sent along to another server.
"""

import json
import re
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Final, Self

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError

from lightbox.collect.address import Address
from lightbox.collect.callbacks import ProgressCallback, StatusCallback, ignore_progress
from lightbox.collect.errors import AccessDenied, CollectError, Conflict, TransientError, problem_sentence
from lightbox.collect.models import DownloadedPicture, Picture, PictureEvent
from lightbox.collect.retry import resubscribing

CHUNK_BYTES: Final = 64 * 1024
TIMEOUT: Final = httpx.Timeout(60, connect=10)
_TRANSIENT: Final = frozenset({408, 429, 502, 503, 504, 507})
_DIGEST: Final = re.compile(r'(?:W/)?"([0-9a-f]{64})\b')


class HttpTransport:
    """A `Transport` for an `http://` or `https://` address."""

    def __init__(self, address: Address, http: httpx.AsyncClient) -> None:
        self._address = address
        self._http = http

    @classmethod
    @asynccontextmanager
    async def open(cls, address: Address, key: str | None) -> AsyncIterator[Self]:
        """A transport whose connections are kept open until the end of the context."""
        headers = {} if key is None else {"X-API-Key": key}
        try:
            base_url = httpx.URL(address.server)
        except httpx.InvalidURL as error:
            raise CollectError(f"{address} is no URL: {error}.") from error
        async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=TIMEOUT) as http:
            yield cls(address, http)

    async def send(self, picture: Picture, on_progress: ProgressCallback) -> bool:
        """See `Transport.send`."""
        body = picture.to_cbor()

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(body), CHUNK_BYTES):
                yield body[start : start + CHUNK_BYTES]
                on_progress(min(start + CHUNK_BYTES, len(body)), len(body))

        headers = {"Content-Type": "application/cbor", "Content-Length": str(len(body))}
        response, _content = await self._request("POST", self._address.path, headers=headers, content=chunks())
        return response.status_code == 201

    async def get(self, device_id: str, timestamp: str | None, on_progress: ProgressCallback) -> DownloadedPicture:
        """See `Transport.get`."""
        path, query = self._address.path, {"deviceId": device_id}
        if timestamp is None:
            path += "/latest"
        else:
            query["timestamp"] = timestamp
        return await self._download(path, on_progress, params=query)

    async def fetch(self, href: str, on_progress: ProgressCallback) -> DownloadedPicture:
        """See `Transport.fetch`."""
        # The API key must not be sent to another server because this one announces it.
        if not href.startswith("/") or href.startswith("//"):
            raise CollectError("The picture is said to be on another server.")
        return await self._download(href, on_progress)

    async def discover(self, query: str | None) -> str:
        """See `Transport.discover`."""
        _response, content = await self._request("GET", "/.well-known/core" + (f"?{query}" if query else ""))
        return content.decode(errors="replace")

    async def watch(
        self, device_id: str | None, on_ready: Callable[[], None], on_status: StatusCallback
    ) -> AsyncGenerator[PictureEvent, None]:
        """See `Transport.watch`. A stream that is opened again continues behind the last event (`Last-Event-ID`)."""
        last_id = ""
        events = resubscribing(
            lambda: self._event_stream(device_id, last_id),
            on_ready=on_ready,
            on_lost=lambda: on_status("The connection was lost; connecting again ..."),
        )
        async with aclosing(events):
            async for event in events:
                last_id = event.id if event.id and event.id.isprintable() else last_id
                body = _decode_json(event.data)
                if body is None and event.data:
                    on_status("The server announced something that is not understood here.")
                if isinstance(body, dict) and "href" in body:
                    yield PictureEvent.from_metadata(body)

    @asynccontextmanager
    async def _event_stream(self, device_id: str | None, last_id: str) -> AsyncIterator[AsyncIterator[ServerSentEvent]]:
        """The events of the collection behind the one with `last_id`. Raises `TransientError` and `CollectError`."""
        query = {} if device_id is None else {"deviceId": device_id}
        headers = {b"Accept": b"text/event-stream", b"Cache-Control": b"no-store"}
        if last_id:
            headers[b"Last-Event-ID"] = last_id.encode()
        try:
            async with self._http.stream(
                "GET", self._address.path + "/events", params=query, headers=headers
            ) as response:
                if response.status_code != 200:
                    raise _status_error(response, await response.aread())
                yield _until_lost(EventSource(response))
        except (httpx.TransportError, httpx.DecodingError, SSEError) as error:
            raise _transport_error(error) from error
        except httpx.InvalidURL as error:
            raise CollectError(f"{self._address} is no URL: {error}.") from error

    async def _download(
        self, path: str, on_progress: ProgressCallback, params: Mapping[str, str] | None = None
    ) -> DownloadedPicture:
        response, content = await self._request("GET", path, on_progress, params=params)
        digest = _DIGEST.match(response.headers.get("etag", ""))
        media_type = response.headers.get("content-type", "").partition(";")[0].strip() or None
        return DownloadedPicture(content, media_type, bytes.fromhex(digest[1]) if digest else None)

    async def _request(
        self,
        method: str,
        path: str,
        on_progress: ProgressCallback = ignore_progress,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: AsyncIterator[bytes] | None = None,
    ) -> tuple[httpx.Response, bytes]:
        """A successful response and its content. Raises `TransientError` and `CollectError`."""
        try:
            async with self._http.stream(method, path, params=params, headers=headers, content=content) as response:
                announced = response.headers.get("content-length", "")
                total = int(announced) if announced.isascii() and announced.isdigit() else None
                chunks = []
                async for chunk in response.aiter_bytes():
                    chunks.append(chunk)
                    if response.is_success:
                        on_progress(response.num_bytes_downloaded, total)
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise _transport_error(error) from error
        except httpx.InvalidURL as error:
            raise CollectError(f"{self._address} is no URL: {error}.") from error
        if not response.is_success:
            raise _status_error(response, b"".join(chunks))
        return response, b"".join(chunks)


async def _until_lost(events: EventSource) -> AsyncGenerator[ServerSentEvent, None]:
    """Yield events. Raises `TransientError` at the end, since the stream of a collection has none."""
    async for event in events.aiter_sse():
        yield event
    raise TransientError("The server ended the stream of events.")


def _status_error(response: httpx.Response, content: bytes) -> CollectError:
    """The error to raise for a response that is no success."""
    fallback = f"The server answered {response.status_code} {response.reason_phrase}."
    sentence = problem_sentence(_decode_json(content), fallback)
    if response.status_code == 409:
        return Conflict(sentence)
    if response.status_code in {401, 403}:
        return AccessDenied(sentence)
    if response.status_code in _TRANSIENT:
        after = response.headers.get("retry-after", "")
        return TransientError(sentence, retry_after=float(after) if after.isascii() and after.isdigit() else None)
    return CollectError(sentence)


def _decode_json(content: str | bytes) -> object:
    """The value of a JSON text, or None if it is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _transport_error(error: Exception) -> CollectError:
    """The error to raise for one of httpx; `TransientError` where another attempt may succeed.

    What could not be sent is not quoted: it may be the API key.
    """
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
        return CollectError("The request can't be sent: something in it fits into no header or URL.")
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        if _is_unknown_name(error):
            return CollectError("The server's name leads to no address.")
        return TransientError("The server can't be reached.")
    return TransientError(f"There was no whole answer ({str(error) or type(error).__name__}).")


def _is_unknown_name(error: BaseException | None) -> bool:
    """Whether the cause is a host name without an address; a name server that does not answer (EAI_AGAIN) is not."""
    while error is not None:
        if isinstance(error, socket.gaierror):
            return error.errno != socket.EAI_AGAIN
        error = error.__cause__ or error.__context__
    return False
