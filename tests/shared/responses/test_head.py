"""HEAD wherever GET is answered, without a body (RFC 9110 section 9.1)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import APIRouter, BackgroundTasks, Request, Response
from fastapi.responses import StreamingResponse
from support.asgi import client_of, running
from support.gateway import Server, raw
from support.kit import MakeApp

from lightbox_shared.errors import NotFound
from lightbox_shared.responses.conditional import bytes_response

router = APIRouter()
ended: list[str] = []


@router.get("/thing")
async def thing(background: BackgroundTasks) -> dict[str, str]:
    background.add_task(ended.append, "background")
    return {"name": "Äpfel"}


@router.get("/file")
async def file(request: Request) -> Response:
    return bytes_response(request, b"0123456789", "text/plain", etag="x", headers={})


@router.get("/ranged", include_in_schema=False)
async def ranged(request: Request) -> Response:
    return Response(headers={"X-Range": request.headers.get("range", "none")})


@router.get("/missing")
async def missing() -> None:
    raise NotFound


@router.get("/broken")
async def broken() -> None:
    raise ZeroDivisionError


@router.get("/endless")
async def endless() -> StreamingResponse:
    async def events() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"data: x\n\n"
                await asyncio.sleep(0.01)
        finally:
            ended.append("endless")

    return StreamingResponse(events(), media_type="text/event-stream")


@router.api_route("/own", methods=["GET", "HEAD"], include_in_schema=False)
async def own(request: Request) -> Response:
    return Response(headers={"X-Method": request.method})


@router.post("/only-post")
async def only_post() -> None: ...


@pytest.mark.parametrize("path", ["/thing", "/file", "/missing", "/broken", "/healthz", "/readyz", "/nothing"])
async def test_head_has_the_headers_of_get(make_app: MakeApp, path: str) -> None:
    async with running(make_app(router)) as app, client_of(app) as http:
        got, asked = await http.get(path), await http.head(path)
    assert asked.status_code == got.status_code
    assert asked.content == b""
    assert len(got.content) == int(got.headers["content-length"])
    for headers in (got.headers, asked.headers):
        del headers["x-request-id"]
    assert asked.headers == got.headers


async def test_ranges_are_for_get_alone(make_app: MakeApp) -> None:
    async with running(make_app(router)) as app, client_of(app) as http:
        ranged = {"Range": "bytes=2-4"}
        assert (await http.get("/ranged", headers=ranged)).headers["x-range"] == "bytes=2-4"
        assert (await http.head("/ranged", headers=ranged)).headers["x-range"] == "none"


async def test_what_would_go_on_is_stopped_and_what_comes_after_is_done(make_app: MakeApp) -> None:
    ended.clear()
    async with running(make_app(router)) as app, client_of(app) as http:
        asked = await http.head("/endless")
        assert (asked.status_code, asked.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert ended == ["endless"]
        await http.head("/thing")
    assert ended == ["endless", "background"]


async def test_a_route_may_answer_by_itself(make_app: MakeApp) -> None:
    async with running(make_app(router)) as app, client_of(app) as http:
        assert (await http.head("/own")).headers["x-method"] == "HEAD"
        assert (await http.get("/own")).headers["x-method"] == "GET"


async def test_allow_names_it(make_app: MakeApp) -> None:
    async with running(make_app(router)) as app, client_of(app) as http:
        for path, allowed in (("/thing", "GET, HEAD"), ("/own", "GET, HEAD"), ("/only-post", "POST")):
            refused = await http.put(path)
            assert (refused.status_code, refused.headers["allow"]) == (405, allowed)
        refused = await http.head("/only-post")
        assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


async def test_it_is_counted_as_what_it_is(make_app: MakeApp, capsys: pytest.CaptureFixture[str]) -> None:
    async with running(make_app(router)) as app, client_of(app) as http:
        await http.head("/thing")
        metrics = (await http.get("/metrics")).text
    assert 'lightbox_http_requests_total{method="HEAD",route="/thing",status="200"} 1.0' in metrics
    assert '"method": "HEAD", "path": "/thing", "status": 200' in capsys.readouterr().out


def test_the_document_has_no_more_operations_by_it(make_app: MakeApp) -> None:
    paths = make_app(router).openapi()["paths"]
    assert {path: set(operations) for path, operations in paths.items()} == {
        **{path: {"get"} for path in ("/thing", "/file", "/missing", "/broken", "/endless")},
        "/only-post": {"post"},
    }


async def test_on_the_wire(make_app: MakeApp) -> None:
    """Nothing comes after the head, and the next answer is read as one."""
    server = await asyncio.to_thread(lambda: Server(make_app(router)))
    head = b" HTTP/1.1\r\nHost: x\r\n"
    received = await raw(server.port, b"HEAD /thing" + head + b"\r\nGET /file" + head + b"Connection: close\r\n\r\n")
    await asyncio.to_thread(server.stop)
    first, second, body = received.split(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 200 ")
    assert b"content-length: 17" in first
    assert second.startswith(b"HTTP/1.1 200 ")
    assert body == b"0123456789"
