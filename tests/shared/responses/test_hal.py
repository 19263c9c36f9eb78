"""HAL links, and the media type of resources."""

from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from support.asgi import client_of

from lightbox_shared.responses.hal import (
    HAL_TYPE,
    JSON_TYPE,
    Resource,
    hal_response,
    http_date,
    link,
    media_type,
    page_links,
    self_link,
    template,
)

FIND = "/things{?name,offset,limit}"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON_TYPE),
        ("", JSON_TYPE),
        ("*/*", JSON_TYPE),
        ("application/*", JSON_TYPE),
        ("application/json", JSON_TYPE),
        ("text/html", JSON_TYPE),
        ("application/hal+json", HAL_TYPE),
        ("Application/HAL+JSON; charset=utf-8", HAL_TYPE),
        ("application/hal+json, application/json;q=0.9", HAL_TYPE),
        ("application/json;q=0.9,application/hal+json", HAL_TYPE),
        ("application/json, application/hal+json", HAL_TYPE),
        ("application/hal+json;q=0.5, application/json", JSON_TYPE),
        ("application/hal+json; q=0.5 , application/json ; q=0.4", HAL_TYPE),
        ("application/hal+json;q=0", JSON_TYPE),
        ("application/hal+json;q=0, */*", JSON_TYPE),
        ("application/hal+json;q=0.000, application/json;q=0.001", JSON_TYPE),
        ("application/hal+json;q=0.3, */*", JSON_TYPE),
        ("application/hal+json, */*;q=0.1", HAL_TYPE),
        ("application/json;q=0.1, */*", HAL_TYPE),
        ("application/hal+json;q=nan, application/json;q=0.1", JSON_TYPE),
        ("application/hal+json;q=infinity, application/json;q=0.1", JSON_TYPE),
        ("application/hal+json;q=-1, application/json;q=0.1", JSON_TYPE),
        ("application/hal+json;q=7", JSON_TYPE),  # malformed: no preference
        (",;,q=1", JSON_TYPE),
    ],
)
def test_negotiation(accept: str | None, expected: str) -> None:
    assert media_type(accept) == expected


def test_a_resource_may_prefer_hal() -> None:
    for accept in (None, "*/*", "text/html"):
        assert media_type(accept, default=HAL_TYPE) == HAL_TYPE
    assert media_type("application/json", default=HAL_TYPE) == JSON_TYPE
    assert media_type("application/hal+json;q=0, */*", default=HAL_TYPE) == JSON_TYPE


@pytest.mark.parametrize(
    ("offset", "limit", "total", "following", "previous"),
    [
        (0, 10, 0, None, None),
        (0, 10, 10, None, None),
        (0, 10, 11, "offset=10&limit=10", None),
        (10, 10, 11, None, "offset=0&limit=10"),
        (4, 10, 20, "offset=14&limit=10", "offset=0&limit=4"),
        (50, 10, 20, None, "offset=40&limit=10"),
    ],
)
def test_pages(offset: int, limit: int, total: int, following: str | None, previous: str | None) -> None:
    links = page_links("/things", {"name": None}, offset=offset, limit=limit, total=total, find=FIND)
    assert links.pop("self") == {"href": f"/things?offset={offset}&limit={limit}"}
    assert links.pop("find") == {"href": FIND, "templated": True}
    found = {relation: each["href"].partition("?")[2] for relation, each in links.items()}
    assert found == {name: query for name, query in (("next", following), ("prev", previous)) if query is not None}


def test_pages_keep_what_the_list_is_filtered_by() -> None:
    links = page_links("/things", {"name": "ä & b", "kind": 7, "x": None}, offset=0, limit=1, total=2, find=FIND)
    assert links["next"]["href"] == "/things?name=%C3%A4+%26+b&kind=7&offset=1&limit=1"


def test_links() -> None:
    assert self_link("/a", up="/") == {"self": {"href": "/a"}, "up": {"href": "/"}}
    assert link("/a") == {"href": "/a"}
    assert template("/a{?b}") == {"href": "/a{?b}", "templated": True}


def test_dates_are_in_gmt() -> None:
    at = datetime(2018, 4, 17, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert http_date(at) == "Mon, 16 Apr 2018 23:30:00 GMT"


class Thing(Resource):
    message: str


@pytest.mark.parametrize("accept", [HAL_TYPE, "*/*"])
async def test_a_response(accept: str) -> None:
    app = FastAPI()

    @app.get("/thing", response_model=Thing)
    async def read(request: Request) -> Response:
        thing = Thing(message="成功", _links=self_link("/thing"))
        return hal_response(request, thing, status=201, modified=datetime(2018, 4, 17, tzinfo=UTC))

    async with client_of(app, headers={"Accept": accept}) as client:
        answer = await client.get("/thing")
        description = (await client.get("/openapi.json")).json()
    assert answer.status_code == 201
    assert answer.json() == {"message": "成功", "_links": {"self": {"href": "/thing"}}}
    assert "成功".encode() in answer.content
    assert answer.headers["content-type"] == (HAL_TYPE if accept == HAL_TYPE else JSON_TYPE)
    assert answer.headers["last-modified"] == "Tue, 17 Apr 2018 00:00:00 GMT"
    assert (answer.headers["cache-control"], answer.headers["vary"]) == ("private, no-cache", "Accept")
    assert set(description["components"]["schemas"]["Thing"]["properties"]) == {"_links", "message"}


async def test_headers_of_the_caller_win() -> None:
    app = FastAPI()

    @app.get("/thing")
    async def read(request: Request) -> Response:
        thing = Thing(message="", _links=self_link("/thing"))
        return hal_response(request, thing, headers={"Cache-Control": "no-store", "Location": "/thing"})

    async with client_of(app) as client:
        answer: httpx.Response = await client.get("/thing")
    assert (answer.headers["cache-control"], answer.headers["location"]) == ("no-store", "/thing")
    assert "last-modified" not in answer.headers
