"""The middleware around every request: id, trace, access log, metrics, and unhandled exceptions."""

import contextvars
import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse
from support.asgi import client_of, running
from support.kit import MakeApp

from lightbox_shared.errors import NotFound
from lightbox_shared.errors.dialects import Dialects, FieldMap
from lightbox_shared.observability.context import Trace, context_headers

router = APIRouter()


@router.get("/things/{thing_id}")
async def thing(thing_id: int) -> Mapping[str, str]:
    if not thing_id:
        raise NotFound
    return context_headers()


@router.post("/echo")
async def echo(request: Request) -> Response:
    return Response(await request.body())


@router.get("/broken")
@router.get("/drf/broken")
async def broken() -> None:
    raise KeyError("a detail that is ours alone")


@router.get("/breaks-off")
async def breaks_off() -> Response:
    async def content() -> AsyncIterator[bytes]:
        yield b"half"
        raise KeyError("the other half")

    return StreamingResponse(content())


@pytest.fixture
async def client(make_app: MakeApp) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app(router, dialects=Dialects({"/drf": FieldMap()}))
    async with running(app) as started, client_of(started) as http:
        yield http


def access_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in lines if line["event"] == "request"]


@pytest.mark.parametrize("given", ["a", "abc-1_2.3", "A" * 64])
async def test_a_harmless_request_id_is_kept(client: httpx.AsyncClient, given: str) -> None:
    for path in ("/things/1", "/things/0", "/nowhere", "/broken", "/healthz"):
        answer = await client.get(path, headers={"X-Request-ID": given})
        assert answer.headers.get_list("x-request-id") == [given]
    assert (await client.get("/things/1", headers={"X-Request-ID": given})).json()["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "A" * 65, "a b", 'a"b', "a\nb", "<x>", "é", "a,b", "a/b"])
async def test_any_other_request_id_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get("/things/1", headers={b"X-Request-ID": given.encode()})
    assert re.fullmatch("[0-9a-f]{24}", answer.headers["x-request-id"])
    assert answer.json()["X-Request-ID"] == answer.headers["x-request-id"]


async def test_request_ids_differ(client: httpx.AsyncClient) -> None:
    assert len({(await client.get("/things/1")).headers["x-request-id"] for _ in range(20)}) == 20


TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT_ID = "00f067aa0ba902b7"
EXAMPLE = f"00-{TRACE_ID}-{PARENT_ID}-01"


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        (EXAMPLE, "01"),
        (f"00-{TRACE_ID}-{PARENT_ID}-00", "00"),
        (f"00-{TRACE_ID}-{PARENT_ID}-ff", "03"),  # undefined flags are not passed on
        (f"cc-{TRACE_ID}-{PARENT_ID}-01", "01"),  # a later version
        (f"cc-{TRACE_ID}-{PARENT_ID}-01-what-the-future-will-be-like", "01"),
    ],
)
def test_a_trace_is_continued(given: str, flags: str) -> None:
    """W3C Trace Context, section 3.2.2 and the examples of 3.2.3."""
    trace = Trace.from_header(given.encode())
    assert (trace.trace_id, trace.flags, trace.continued) == (TRACE_ID, flags, True)
    assert re.fullmatch("[0-9a-f]{16}", trace.span_id)
    assert trace.span_id != PARENT_ID
    assert trace.header == f"00-{TRACE_ID}-{trace.span_id}-{flags}"


@pytest.mark.parametrize(
    "given",
    [
        "",
        "junk",
        f"ff-{TRACE_ID}-{PARENT_ID}-01",
        f"00-{'0' * 32}-{PARENT_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        EXAMPLE.upper(),
        f"{EXAMPLE}-more",  # version 00 ends after the flags
        f"{EXAMPLE}.",
        f"cc-{TRACE_ID}-{PARENT_ID}-01.what",
        f"cc-{TRACE_ID}-{PARENT_ID}-011",
        f"00-{TRACE_ID[1:]}-{PARENT_ID}-01",
        f"00-{TRACE_ID}-{PARENT_ID[1:]}-01",
        f"00-{TRACE_ID}-{PARENT_ID}-0x",
        f"00-{TRACE_ID}-{PARENT_ID}",
        f"0-{TRACE_ID}-{PARENT_ID}-01",
        EXAMPLE.replace("-", "_"),
        f"{EXAMPLE}\n",
    ],
)
def test_what_is_no_trace_starts_a_new_one(given: str) -> None:
    trace = Trace.from_header(given.encode())
    assert not trace.continued
    assert trace.trace_id not in {TRACE_ID, "0" * 32}
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", trace.header)


async def test_calls_on_behalf_of_a_request_carry_its_trace(client: httpx.AsyncClient) -> None:
    carried = (await client.get("/things/1", headers={"traceparent": EXAMPLE})).json()["traceparent"]
    assert carried.startswith(f"00-{TRACE_ID}-")
    assert PARENT_ID not in carried
    assert contextvars.Context().run(context_headers) == {}


async def test_a_slash_at_the_end_changes_nothing(client: httpx.AsyncClient) -> None:
    assert (await client.get("/things/1/")).status_code == 200
    answer = await client.post("/echo/", content=b"kept")
    assert (answer.status_code, answer.content) == (200, b"kept")
    assert (await client.get("/")).status_code == 404
    assert (await client.get("/healthz/")).json() == {"status": "ok"}


async def test_an_unexpected_error(client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]) -> None:
    answer = await client.get("/broken", headers={"X-Request-ID": "r-1"})
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.headers["x-request-id"] == "r-1"
    assert answer.json() == {
        "type": "/problems/internal-error",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "Internal server error.",
    }
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (line,) = [each for each in lines if each["event"] == "unexpected error"]
    assert "a detail that is ours alone" in line["exception"]
    assert line["request_id"] == "r-1"


async def test_an_unexpected_error_in_another_dialect(client: httpx.AsyncClient) -> None:
    for path in ("/drf/broken", "/drf/broken/"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()) == (500, {"detail": "Internal server error."})


async def test_an_error_after_the_answer_began_reaches_the_server(client: httpx.AsyncClient) -> None:
    """The server closes the connection, by which the client notices that the response is incomplete."""
    with pytest.raises(KeyError, match="the other half"):
        await client.get("/breaks-off")


async def test_the_access_line(client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]) -> None:
    await client.get("/things/1?password=hunter2&x=1", headers={"X-Request-ID": "r-1", "traceparent": EXAMPLE})
    (line,) = access_lines(capsys)
    assert line.pop("timestamp")
    assert line.pop("ms") >= 0
    assert line == {
        "event": "request",
        "level": "info",
        "service": "kit",
        "request_id": "r-1",
        "trace_id": TRACE_ID,
        "method": "GET",
        "path": "/things/1",
        "status": 200,
    }


async def test_one_access_line_a_request(client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]) -> None:
    for path in ("/things/0", "/nowhere?token=hunter2", "/broken", "/healthz", "/readyz", "/metrics"):
        await client.get(path)
    said = capsys.readouterr()
    assert "hunter2" not in said.out + said.err
    lines = [json.loads(line) for line in said.out.splitlines()]
    seen = [(line["path"], line["status"]) for line in lines if line["event"] == "request"]
    assert seen == [("/things/0", 404), ("/nowhere", 404), ("/broken", 500)]


async def test_metrics_count_by_route_template(client: httpx.AsyncClient) -> None:
    for path in ("/things/1", "/things/2", "/things/0", "/nowhere/1", "/nowhere/2", "/broken"):
        await client.get(path)
    await client.request("BREW", "/things/1")
    text = (await client.get("/metrics")).text
    counted = dict(re.findall(r"^lightbox_http_requests_total\{(.*)\} (.*)$", text, re.MULTILINE))
    assert {name: number for name, number in counted.items() if "/metrics" not in name} == {
        'method="GET",route="/things/{thing_id}",status="200"': "2.0",
        'method="GET",route="/things/{thing_id}",status="404"': "1.0",
        'method="GET",route="unmatched",status="404"': "2.0",
        'method="GET",route="/broken",status="500"': "1.0",
        'method="other",route="/things/{thing_id}",status="405"': "1.0",
    }
    assert 'lightbox_http_request_seconds_count{route="/things/{thing_id}"} 4.0' in text
