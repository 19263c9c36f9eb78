"""Discovery over HTTP: the line that published clients expect, and the filters."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.types import Message
from support.asgi import WithState, client_of, running
from support.collection import MakeCoreSettings

from core_collection_service.access import Access
from core_collection_service.app import create_app
from core_collection_service.discovery import service
from core_collection_service.protocol.link_format import Link

IMAGES = '</collections/images>;rt="simple.act";if="core.b"'
THERMAL = '</collections/thermal>;rt="camera.thermal camera";if="core.b"'
PATHS = ["/.well-known/core", "/collections"]


@pytest.fixture
async def several(make_core_settings: MakeCoreSettings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service with two collections that takes keys."""
    collections = {"images": "simple.act", "thermal": "camera.thermal camera"}
    settings = make_core_settings(collections=collections, collection_access=Access.KEYS)
    async with running(create_app(settings)) as app, client_of(app) as client:
        yield client


async def test_by_default_there_is_exactly_one_line(client: httpx.AsyncClient) -> None:
    for path in PATHS:
        answer = await client.get(path)
        assert (answer.status_code, answer.text) == (200, IMAGES)
        assert answer.headers["content-type"] == "application/link-format"
        head = await client.head(path)
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(IMAGES)))
        assert (await client.put(path)).status_code == 405


async def test_a_405_names_all_methods_of_the_path(client: httpx.AsyncClient) -> None:
    of_pictures = "DELETE, GET, HEAD"
    for path, allowed in (
        ("/.well-known/core", "GET, HEAD"),
        ("/collections", "GET, HEAD"),
        ("/collections/images", "DELETE, GET, HEAD, POST"),
        ("/collections/images/17", of_pictures),
    ):
        answer = await client.put(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


async def test_it_is_link_format_for_every_accept(client: httpx.AsyncClient) -> None:
    for accept in ("application/json", "text/html", "application/link-format", "*/*"):
        answer = await client.get(PATHS[0], headers={"Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/link-format")


FILTERED = [
    ("", [IMAGES, THERMAL]),
    ("rt=simple.act", [IMAGES]),
    ("rt=simple.*", [IMAGES]),
    ("rt=camera", [THERMAL]),
    ("rt=camera.thermal%20camera", []),
    ("rt=*", [IMAGES, THERMAL]),
    ("if=core.b", [IMAGES, THERMAL]),
    ("if=core.b&rt=camera.thermal", [THERMAL]),
    ("if=core.s", []),
    ("href=/collections/images", [IMAGES]),
    ("href=%2Fcollections%2Fth*", [THERMAL]),
    ("ct=*", []),
    ("nothing", [IMAGES, THERMAL]),
]


async def test_filters_need_no_credential(several: httpx.AsyncClient) -> None:
    for query, expected in FILTERED:
        for path in PATHS:
            answer = await several.get(f"{path}?{query}")
            assert (answer.status_code, answer.text) == (200, ",".join(expected))


async def test_bytes_that_are_not_utf_8_match_nothing(core: WithState) -> None:
    for query, body in ((b"rt=\xff", b""), (b"\xff", IMAGES.encode()), (b"\xff=*", b"")):
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message, sent: list[Message] = sent) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": PATHS[0], "query_string": query, "headers": []}
        await core({**scope, "http_version": "1.1", "scheme": "http", "server": ("s", 80)}, receive, send)
        assert (sent[0]["status"], sent[1]["body"]) == (200, body)


def test_links_over_coap_have_further_attributes() -> None:
    first, *others = service.links({"images": "simple.act"}, coap=True)
    assert str(first) == f'{IMAGES};ct="40 50 60 110 112";obs'
    assert [each.href for each in others] == ["/collections/images/latest", "/collections/devices"]
    assert service.document(others, ["rt=simple.act"]) == ""
    assert service.document([first, Link("/x")], None) == f"{first},</x>"
