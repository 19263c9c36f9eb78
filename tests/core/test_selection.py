"""A GET of a collection selects one picture, a list by time or the newest pictures by one rule, over HTTP and over
CoAP: each query, with each format that can be asked for, has the same kind of answer with the same content."""

import json
from collections.abc import AsyncIterator, Iterator
from itertools import cycle, product
from typing import Any, NamedTuple

import cbor2
import httpx
import pytest
from aiocoap import Message
from aiocoap.numbers.codes import Code
from support.asgi import WithState
from support.coap import Device, coap_of, device, problem
from support.collection import IMAGES, send
from support.pictures import png

from core_collection_service.protocol.media_types import (
    CBOR,
    CONTENT_FORMATS,
    JSON,
    LINK_FORMAT,
    MEDIA_TYPES,
    OCTET_STREAM,
    PNG,
    PROBLEM_CBOR,
    SENML_CBOR,
    SENML_JSON,
)

Query = list[tuple[str, str]]
TAKEN, UNKNOWN_TIME = "2024-08-18T02:04:07Z", "2024-08-18T03:00:00Z"
ALWAYS = (None, SENML_JSON, PNG)
IN_TURN = (JSON, CBOR, SENML_CBOR, LINK_FORMAT, OCTET_STREAM)
"""The formats that are accepted: with each query all of `ALWAYS`, and one of `IN_TURN`."""
OTHERS: list[Query] = [
    [("deviceId", "a"), ("deviceId", "a"), ("timestamp", TAKEN)],
    [("deviceId", "a"), ("timestamp", TAKEN), ("timestamp", TAKEN)],
    [("deviceId", "a"), ("timestamp", TAKEN), ("from", TAKEN), ("from", TAKEN)],
    [("deviceId", "a"), ("from", TAKEN), ("from", TAKEN)],
    [("limit", "1"), ("limit", "1")],
    [("deviceId", "a"), ("timestamp", "yesterday")],
    [("to", TAKEN), ("limit", "2")],
    [("from", TAKEN), ("to", "yesterday")],
]


class Answer(NamedTuple):
    """An answer, in terms that HTTP and CoAP share."""

    status: int
    """The status of HTTP."""
    media_type: str
    content: Any
    """The value of a document, the bytes of a picture, or the detail of an error."""


def by_http(answer: httpx.Response) -> Answer:
    media_type = answer.headers["content-type"].partition(";")[0]
    if answer.is_error:
        document = cbor2.loads(answer.content)[-2] if media_type == PROBLEM_CBOR else answer.json()["detail"]
        return Answer(answer.status_code, media_type, document)
    return Answer(answer.status_code, media_type, value(media_type, answer.content))


def by_coap(answer: Message) -> Answer:
    media_type = MEDIA_TYPES[int(answer.opt.content_format)]
    if answer.code is Code.CONTENT:
        return Answer(200, media_type, value(media_type, answer.payload))
    status = 100 * (int(answer.code) >> 5) + (int(answer.code) & 31)
    return Answer(status, media_type, problem(answer)[-2])


def value(media_type: str, content: bytes) -> object:
    if media_type in {JSON, SENML_JSON}:
        return json.loads(content)
    return cbor2.loads(content) if media_type in {CBOR, SENML_CBOR} else content


@pytest.fixture
async def camera(core: WithState) -> AsyncIterator[Device]:
    async with coap_of(core.state["services"]) as port, device(port) as camera:
        yield camera


@pytest.fixture
async def cursors(client: httpx.AsyncClient) -> tuple[str, str]:
    """Cursors of a list by time and of the newest pictures, with three pictures of `a` and one of `b`."""
    for number, name in enumerate("aaab"):
        await send(client, png(20, 20 + number), device=name, timestamp=f"2024-08-18T02:04:0{5 + number}Z")
    by_time = await client.get(IMAGES, params={"from": "2024-01-01T00:00:00Z", "limit": 1})
    newest = await client.get(IMAGES, params={"limit": 1}, headers={"Accept": SENML_JSON})
    return by_time.json()["next_cursor"], httpx.URL(newest.links["next"]["url"]).params["cursor"]


def queries(cursors: tuple[str, str]) -> Iterator[Query]:
    """Each combination of the parameters, and some that stand twice or are not valid."""
    values: dict[str, tuple[str | None, ...]] = {
        "deviceId": (None, "a"),
        "timestamp": (None, TAKEN, UNKNOWN_TIME),
        "from": (None, "2024-08-18T02:04:06Z"),
        "cursor": (None, *cursors, "made up"),
    }
    for chosen in product(*values.values()):
        yield [(name, text) for name, text in zip(values, chosen, strict=True) if text is not None]
    yield from OTHERS


async def test_a_query_selects_the_same_over_http_and_coap(
    client: httpx.AsyncClient, camera: Device, cursors: tuple[str, str]
) -> None:
    kinds: set[str] = set()
    for query, in_turn in zip(queries(cursors), cycle(IN_TURN), strict=False):
        options = [f"{name}={text}" for name, text in query]
        for accept in (*ALWAYS, in_turn):
            headers = {} if accept is None else {"Accept": accept}
            number = {} if accept is None else {"accept": CONTENT_FORMATS[accept]}
            http = by_http(await client.get(IMAGES, params=httpx.QueryParams(tuple(query)), headers=headers))
            coap = by_coap(await camera.get(IMAGES, *options, **number))
            kinds.add(compared(http, coap, accept))
    assert kinds == {"picture", "picture in another format", "list", "error", "no such format"}


def compared(http: Answer, coap: Answer, accept: str | None) -> str:
    """The kind of both answers. Fails unless they are of one kind and have the same content."""
    if http.media_type == PNG and accept not in {None, PNG, OCTET_STREAM}:
        # HTTP may answer with what there is (RFC 9110 section 12.5.1), CoAP may not (RFC 7252 section 5.10.4).
        assert (http.status, coap.status) == (200, 406)
        return "picture in another format"
    assert http.status == coap.status
    if http.status == 406:
        return "no such format"
    if http.status != 200:
        assert http.content == coap.content
        return "error"
    if http.media_type == PNG:
        assert http.content == coap.content
        return "picture"
    assert (http.media_type, coap.media_type) == ((JSON, CBOR) if accept is None else (accept, accept))
    assert http.content == coap.content
    return "list"


async def test_a_timestamp_selects_a_picture_for_every_accept(
    client: httpx.AsyncClient, camera: Device, cursors: tuple[str, str]
) -> None:
    assert cursors
    query = {"deviceId": "a", "timestamp": TAKEN}
    for accept in (SENML_JSON, SENML_CBOR):
        answer = await client.get(IMAGES, params=query, headers={"Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (200, PNG)
        refused = await camera.get(IMAGES, "deviceId=a", f"timestamp={TAKEN}", accept=CONTENT_FORMATS[accept])
        assert refused.code is Code.NOT_ACCEPTABLE
        assert "Content-Format 23, Content-Format 42" in problem(refused)[-2]


@pytest.mark.parametrize("media_type", [JSON, CBOR])
async def test_documents_have_the_same_limit(client: httpx.AsyncClient, camera: Device, media_type: str) -> None:
    largest = 64 * 1024 * 1024 * 3 // 2 + 64 * 1024  # of DICOM
    for size, is_refused in ((largest, False), (largest + 1, True)):
        headers = {"Content-Type": media_type, "Content-Length": str(size)}
        sent = await client.post(IMAGES, content=b"{}", headers=headers)
        assert sent.status_code == (413 if is_refused else 400)
        block: dict[str, Any] = {"content_format": CONTENT_FORMATS[media_type], "block1": (0, True, 2), "size1": size}
        message = camera.message(Code.POST, IMAGES, payload=bytes(64), **block)
        answer = await camera.context.request(message, handle_blockwise=False).response
        assert answer.code is (Code.REQUEST_ENTITY_TOO_LARGE if is_refused else Code.CONTINUE)


@pytest.mark.parametrize(
    ("beginning", "size", "limit"),
    [
        (bytes(128) + b"DICM", 64 * 1024 * 1024, None),
        (bytes(128) + b"DICM", 64 * 1024 * 1024 + 1, 64 * 1024 * 1024),
        (b"\xff\xd8\xff", 20 * 1024 * 1024, None),
        (b"\xff\xd8\xff", 30 * 1024 * 1024, 20 * 1024 * 1024),
    ],
)
async def test_the_first_block_says_how_large_a_picture_may_be(
    camera: Device, beginning: bytes, size: int, limit: int | None
) -> None:
    block: dict[str, Any] = {"content_format": CONTENT_FORMATS[OCTET_STREAM], "block1": (0, True, 6), "size1": size}
    query = ("deviceId=detector", f"timestamp={TAKEN}")
    message = camera.message(Code.POST, IMAGES, query=query, payload=beginning.ljust(1024, b"\0"), **block)
    answer = await camera.context.request(message, handle_blockwise=False).response
    assert answer.code is (Code.CONTINUE if limit is None else Code.REQUEST_ENTITY_TOO_LARGE)
    assert limit is None or answer.opt.size1 == limit
