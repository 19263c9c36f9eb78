"""Entity tags (RFC 9110 sections 8.8.3 and 13.1.2)."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, Request, Response
from support.asgi import client_of, running
from support.kit import MakeApp

from lightbox_shared.responses.conditional import bytes_response, etag_matches

HITS = ('"abc"', 'W/"abc"', "*", '"x", "abc"', '"x","abc","y"', 'W/"x" , W/"abc"', ' "abc" ')
MISSES = (None, "", "abc", '"ABC"', '"abcd"', '"ab"', '"x"', "'abc'", ",", '"*"', "W/abc", '"abc')


@pytest.mark.parametrize("header", HITS)
def test_hits(header: str) -> None:
    assert etag_matches(header, "abc")


@pytest.mark.parametrize("header", MISSES)
def test_misses(header: str | None) -> None:
    assert not etag_matches(header, "abc")


router = APIRouter()


@router.get("/picture")
async def picture(request: Request) -> Response:
    return bytes_response(request, b"\x89PNG", "image/png", etag="abc", headers={"Cache-Control": "private"})


@pytest.fixture
async def client(make_app: MakeApp) -> AsyncIterator[httpx.AsyncClient]:
    async with running(make_app(router)) as app, client_of(app) as http:
        yield http


async def test_the_bytes(client: httpx.AsyncClient) -> None:
    for headers in ({}, {"If-None-Match": '"other"'}):
        answer = await client.get("/picture", headers=headers)
        assert (answer.status_code, answer.content) == (200, b"\x89PNG")
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["etag"] == '"abc"'
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "private"


@pytest.mark.parametrize("header", HITS)
async def test_nothing_new(client: httpx.AsyncClient, header: str) -> None:
    answer = await client.get("/picture", headers={"If-None-Match": header})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == '"abc"'
    assert answer.headers["cache-control"] == "private"
    assert "content-type" not in answer.headers
