"""The gateway's own errors: on TheYelda's paths all of them have `message`, on the others they are as ever."""

import socket
from contextlib import closing
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Send
from support.gateway import Platform, Seen, Start
from support.rude import Rude

from gateway.routes import AUTH, INFERENCE, TABLE, Route, Routes
from lightbox_shared.errors import NotFound

PROBLEM = "application/problem+json"
YELDA_PATHS = (
    "/jobs",
    "/api/jobs",
    "/label/7",
    "/accounts/7",
    "/api/self",
    "/api/assignments",
    "/api/uploads/photos/x",
)
OTHER_PATHS = ("/api/predictions", "/image/page", "/login", "/collections", "/api/chexray/user", "/alive")
OWN_STATUSES = (404, 405, 408, 413, 429, 431, 500, 502, 503, 504)


def _at_inference(**changes: Any) -> Routes:
    """The table, with every path at one service."""
    return Routes(replace(row, service=INFERENCE, **changes) for row in TABLE)


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Problem details (RFC 9457) whose sentence is in `message` too."""
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
    assert {"type", "title", "status", "detail"} <= body.keys()
    assert body["status"] == status
    assert body["message"] == body["detail"] != ""
    return body


def _of_yelda(row: Route) -> bool:
    prefix = row.prefix.removeprefix("/api")
    parts = ("authorization", "self", "Self", "accounts", "jobs", "images", "labels", "label", "uploads", "download")
    new = ("assignments", "agreement", "exports", "schemes")
    return prefix == "/" or prefix.split("/")[1] in (*parts, *(new if row.prefix.startswith("/api/") else ()))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.prefix} {' '.join(sorted(row.methods))}")
def test_every_status_of_every_row(row: Route) -> None:
    for status in (*OWN_STATUSES, 400, 401, 403):
        named = b'"message":"Why."' in row.dialect.of(status).render(NotFound("Why.")).body
        assert named is _of_yelda(row)


@pytest.mark.parametrize("path", YELDA_PATHS)
def test_refused_before_a_route_is_looked_for(platform: Platform, path: str) -> None:
    unknown = problem(platform.http.get(f"{path}//x"), 404)
    assert unknown["ERROR"]
    problem(platform.http.request("BREW", path), 405)
    problem(platform.http.get(path, headers={"X-Long": "x" * 40_000}), 431)
    with socket.create_connection(("127.0.0.1", platform.port), timeout=5) as connection:
        connection.sendall(f"GET {path}/../x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b'"message":' in received


def test_the_documented_ones(platform: Platform) -> None:
    scoped = {"Authorization": f"Bearer {platform.key.token(scope='collect')}"}
    for path in ("/jobs", "/api/jobs", "/label/7", "/accounts/7", "/api/uploads/photos/x"):
        answer = platform.http.get(path)
        assert (answer.status_code, answer.json()) == (401, {"message": "用户未登录"})
        answer = platform.http.put(path, headers=scoped)
        assert (answer.status_code, answer.json()) == (403, {"message": "用户没有权限"})
    for path in ("/api/assignments", "/api/agreement", "/api/exports", "/api/schemes"):
        problem(platform.http.get(path), 401)
        problem(platform.http.put(path, headers=scoped), 403)


@pytest.mark.parametrize("path", YELDA_PATHS)
def test_too_large(start: Start, path: str) -> None:
    """Of the announced length nothing is sent."""
    platform = start(_at_inference())
    head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {2**40}\r\nConnection: close\r\n"
    with socket.create_connection(("127.0.0.1", platform.port), timeout=5) as connection:
        connection.sendall(f"{head}Authorization: Bearer {platform.key.token()}\r\n\r\n".encode())
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 413 ")
    assert b'"message":"The body is larger' in received


@pytest.mark.parametrize("path", YELDA_PATHS)
def test_too_many(start: Start, path: str) -> None:
    platform = start(_at_inference(), rate_read="1/minute", rate_upload="1/minute")
    assert platform.http.get(path, headers=platform.bearer).status_code == 200
    body = problem(platform.http.get(path, headers=platform.bearer), 429)
    assert body["violated-policies"] in (["read"], ["upload"])
    assert body["type"].startswith("https://iana.org/")


def test_no_service(start: Start) -> None:
    platform = start(services=(AUTH, INFERENCE))
    for path in ("/jobs", "/api/jobs", "/label/7", "/api/assignments", "/accounts/performance/7", "/"):
        body = problem(platform.http.get(path, headers=platform.bearer), 503)
        assert "annotation-service" in body["message"]


def test_a_service_that_cannot_be_reached(start: Start) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    platform = start(_at_inference(), inference_service_url=f"http://127.0.0.1:{port}")
    problem(platform.http.get("/jobs", headers=platform.bearer), 503)
    assert "message" not in platform.http.get("/alive").json()


def test_a_service_that_breaks_off(start: Start) -> None:
    with closing(Rude(10**6, b"SSH-2.0-server\r\n\r\n")) as rude:
        platform = start(_at_inference(), inference_service_url=rude.url)
        for path in YELDA_PATHS:
            assert problem(platform.http.get(path, headers=platform.bearer), 502)["type"] == "/problems/bad-gateway"
        assert "message" not in platform.http.get("/alive").json()


def test_a_service_that_is_silent(start: Start) -> None:
    platform = start(_at_inference(timeout=0.1))

    async def never(_seen: Seen, receive: Receive, _send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    platform.service.behave = never
    for path in ("/jobs", "/api/uploads/photos/x"):
        assert problem(platform.http.get(path, headers=platform.bearer), 504)["type"] == "/problems/upstream-timeout"
    assert "message" not in platform.http.get("/alive").json()


@pytest.mark.parametrize("path", OTHER_PATHS)
def test_other_systems_stay_as_they_were(platform: Platform, path: str) -> None:
    assert platform.http.get(f"{path}//x").json().keys() == {"type", "title", "status", "detail", "ERROR"}
    for answer in (platform.http.request("BREW", path), platform.http.get(path, headers={"X-Long": "x" * 40_000})):
        assert answer.json().keys() == {"type", "title", "status", "detail"}
