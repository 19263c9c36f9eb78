"""Forwarding of requests and answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest
from starlette.types import Receive, Send
from support.gateway import Platform, Seen, Start, answer, raw, until

from gateway.routes import PUBLIC, Route, Routes
from lightbox_shared.requests.file_sizes import MB, FileSizes

PATH = "/api/models"


def test_a_request_arrives_byte_for_byte_and_so_does_its_answer(platform: Platform) -> None:
    async def behave(_seen: Seen, _receive: Receive, send: Send) -> None:
        headers = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"etag", b'"x"'), (b"content-type", b"text/x")]
        await answer(send, b"\x00\xffbytes", 202, headers)

    platform.service.behave = behave
    response = platform.http.get(f"{PATH}/a%20b%2fc?q=%2F&q=ä&empty")
    assert platform.service.last.path == b"/api/models/a%20b%2fc"
    assert platform.service.last.query == b"q=%2F&q=%C3%A4&empty"
    assert (response.status_code, response.content) == (202, b"\x00\xffbytes")
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers.get_list("date") == [response.headers["date"]]


def test_what_a_hop_says_ends_at_the_hop(platform: Platform) -> None:
    async def behave(_seen: Seen, _receive: Receive, send: Send) -> None:
        headers = [
            (b"connection", b"keep-alive, x-hop"),
            (b"x-hop", b"1"),
            (b"keep-alive", b"timeout=5"),
            (b"proxy-authenticate", b"Basic"),
            (b"access-control-allow-origin", b"*"),
            (b"x-end", b"1"),
        ]
        await answer(send, b"{}", 200, headers)

    platform.service.behave = behave
    sent = {
        "Connection": "keep-alive, X-Hop",
        "X-Hop": "1",
        "Keep-Alive": "timeout=5",
        "TE": "trailers",
        "Trailer": "x",
        "Upgrade": "h2c",
        "Proxy-Authorization": "Basic eA==",
        "Proxy-Connection": "keep-alive",
        "Accept": "text/x",
        "X-End": "1",
    }
    response = platform.http.get(PATH, headers=sent)
    arrived = platform.service.last.headers
    gone = {"x-hop", "keep-alive", "te", "trailer", "upgrade", "proxy-authorization", "proxy-connection", "connection"}
    assert not gone & arrived.keys()
    assert (arrived["accept"], arrived["x-end"]) == ("text/x", "1")
    assert not {"x-hop", "keep-alive", "proxy-authenticate", "access-control-allow-origin"} & response.headers.keys()
    assert response.headers["x-end"] == "1"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_bodies_pass_with_their_length_or_in_chunks(platform: Platform, method: str) -> None:
    platform.http.request(method, PATH, content=b"small")
    assert (platform.service.last.body, platform.service.last.headers["content-length"]) == (b"small", "5")
    big = b"x" * 60_000
    platform.http.request(method, PATH, content=iter([big[:100], big[100:]]))
    assert platform.service.last.body == big
    platform.http.request(method, PATH)
    assert platform.service.last.body == b""


def test_a_large_body_keeps_its_length(platform: Platform) -> None:
    body = bytes(range(256)) * 40_000
    response = platform.http.post("/predict", content=body)
    assert response.status_code == 200
    assert platform.service.last.body == body
    assert platform.service.last.headers["content-length"] == str(len(body))
    assert "transfer-encoding" not in platform.service.last.headers


async def test_answers_without_a_body(platform: Platform) -> None:
    async def behave(seen: Seen, _receive: Receive, send: Send) -> None:
        status = int(seen.path.rsplit(b"/", 1)[1])
        headers = [] if status == 204 else [(b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    platform.service.behave = behave
    async with platform.client() as http:
        for _ in range(2):  # the connection is used again
            assert (await http.get(f"{PATH}/204")).status_code == 204
            head = await http.head(f"{PATH}/200")
            assert (head.status_code, head.headers["content-length"], head.content) == (200, "1000", b"")


def test_not_modified(platform: Platform) -> None:
    async def behave(_seen: Seen, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 304, "headers": [(b"etag", b'"x"')]})
        await send({"type": "http.response.body", "body": b""})

    platform.service.behave = behave
    assert platform.http.get(PATH).status_code == 304
    assert platform.http.get(PATH).headers["etag"] == '"x"'


async def test_an_answer_streams(platform: Platform) -> None:
    go_on = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def behave(_seen: Seen, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(go_on.wait(), loop))
        await send({"type": "http.response.body", "body": b"second"})

    platform.service.behave = behave
    async with platform.client() as http, http.stream("GET", PATH) as response:
        chunks = response.aiter_raw()
        assert await anext(chunks) == b"first"
        go_on.set()
        assert await anext(chunks) == b"second"


async def test_a_slow_reader_slows_the_service_down(platform: Platform) -> None:
    chunk, sent = b"x" * 65536, 0

    async def behave(_seen: Seen, _receive: Receive, send: Send) -> None:
        nonlocal sent
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(1600):
            await send({"type": "http.response.body", "body": chunk, "more_body": number < 1599})
            sent += len(chunk)

    platform.service.behave = behave
    async with platform.client() as http, http.stream("GET", PATH) as response:
        await asyncio.sleep(1.0)
        assert sent < 30 * 1024 * 1024  # what the sockets' buffers of both hops and ours hold, out of 100 MB
        size = 0
        async for part in response.aiter_raw():
            size += len(part)
        assert size == 1600 * len(chunk)


async def test_a_slow_service_slows_the_client_down(start: Start) -> None:
    platform = start(Routes([Route(PATH, "inference-service", PUBLIC, max_body=200 * MB)]))
    chunk, sent = b"x" * 65536, 0

    async def behave(seen: Seen, receive: Receive, send: Send) -> None:
        await asyncio.sleep(1.0)
        seen.body = b"%d" % sent
        while (await receive()).get("more_body"):
            pass
        await answer(send, b"{}")

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1600):
            sent += len(chunk)
            yield chunk

    platform.service.behave = behave
    async with platform.client() as http:
        assert (await http.post(PATH, content=body())).status_code == 200
    assert int(platform.service.last.body) < 30 * MB  # as above


async def test_a_client_that_leaves_takes_its_request_along(platform: Platform) -> None:
    async def behave(seen: Seen, receive: Receive, _send: Send) -> None:
        await receive()
        seen.disconnected = (await receive())["type"] == "http.disconnect"

    platform.service.behave = behave
    async with platform.client() as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.get(PATH, timeout=0.3)
    await until(lambda: platform.service.last.disconnected, 2)


async def test_a_client_that_leaves_in_the_middle_of_an_answer(platform: Platform) -> None:
    async def behave(seen: Seen, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await receive()
        seen.disconnected = (await receive())["type"] == "http.disconnect"

    platform.service.behave = behave
    async with platform.client() as http:
        with suppress(httpx.ReadTimeout):
            async with http.stream("GET", PATH, timeout=0.3) as response:
                await response.aread()
    await until(lambda: platform.service.last.disconnected, 2)


async def test_an_upload_that_is_cut_is_cut_at_the_service(platform: Platform) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", platform.port)
    writer.write(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 200_000)
    await writer.drain()
    await until(lambda: bool(platform.service.seen))
    writer.close()
    await until(lambda: platform.service.last.disconnected, 2)
    assert platform.http.get("/alive").status_code == 200


@pytest.mark.parametrize("length", [b"content-length", None])
async def test_an_answer_that_breaks_off_is_never_a_short_200(platform: Platform, length: bytes | None) -> None:
    async def behave(_seen: Seen, _receive: Receive, send: Send) -> None:
        headers = [(length, b"1000000")] if length else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})
        await asyncio.sleep(0.1)
        # uvicorn closes the connection when an application returns before the end of its answer

    platform.service.behave = behave
    with pytest.raises(httpx.RemoteProtocolError):
        platform.http.get(PATH)


async def test_expect_continue(platform: Platform) -> None:
    head = b"POST /api/chexray/anonupload HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", platform.port)
    writer.write(head + b"Content-Length: 5\r\n\r\n")
    assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
    writer.write(b"hello")
    rest = await reader.read()
    writer.close()
    assert b"HTTP/1.1 200 OK" in rest
    assert platform.service.last.body == b"hello"
    assert "expect" not in platform.service.last.headers
    # The refusal comes instead of 100 Continue.
    assert (await raw(platform.port, head + b"Content-Length: 99000000\r\n\r\n")).startswith(b"HTTP/1.1 413 ")


LIMIT = FileSizes(20 * MB, dicom=64 * MB).form


def test_a_body_that_announces_too_much_is_refused_unread(platform: Platform) -> None:
    refused = platform.http.post("/predict", content=b"x" * (LIMIT + 1))
    assert refused.status_code == 413
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["connection"] == "close"
    assert refused.json()["type"] == "/problems/too-large"
    assert platform.service.seen == []
    assert platform.http.post("/predict", content=b"x" * LIMIT).status_code == 200


@pytest.mark.parametrize(("raster", "dicom"), [(MB, MB), (MB, 2 * MB), (3 * MB, MB)])
def test_the_settings_of_the_services_are_those_of_the_gateway(start: Start, raster: int, dicom: int) -> None:
    """Which a service derives from the same two settings: `lightbox_shared.requests.file_sizes`."""
    platform = start(
        max_picture_bytes=raster,
        max_dicom_bytes=dicom,
        services=("auth-service", "inference-service", "core-collection-service"),
    )
    sizes = FileSizes(raster, dicom)
    for path, limit in (
        ("/predict", sizes.form),
        ("/collections/images", max(sizes.json_document, sizes.cbor_document)),
    ):
        assert platform.http.post(path, content=b"x" * limit).status_code == 200
        refused = platform.http.post(path, content=b"x" * (limit + 1))
        assert (refused.status_code, refused.json()["detail"]) == (
            413,
            f"The body is larger than the {limit:,} bytes that are accepted here.",
        )


async def test_a_body_that_grows_too_large_is_cut(start: Start) -> None:
    platform = start(max_dicom_bytes=20 * MB)
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    request = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 330
    received = await raw(platform.port, request, timeout=10)
    assert received.startswith(b"HTTP/1.1 413 ")
    await until(lambda: platform.service.last.disconnected, 2)


def test_errors_of_the_service_pass_untouched(platform: Platform) -> None:
    async def behave(_seen: Seen, _receive: Receive, send: Send) -> None:
        await answer(send, b'{"ERROR":"Internal server error"}', 500)

    platform.service.behave = behave
    response = platform.http.post("/predict")
    assert (response.status_code, response.json()) == (500, {"ERROR": "Internal server error"})
