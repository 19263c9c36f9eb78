"""`lightbox collect` with a server, a key or an address that it can't use: one sentence, at once."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cbor2
import pytest
from aiocoap import GET, Context, Message
from aiocoap.resource import ObservableResource, Site
from conftest import SAMPLES
from support.commands import Terminal
from support.gateway import FakeService, Seen, Server, answer

from lightbox.collect.api_key import KEY_VARIABLE
from lightbox.collect.coap import TRANSPORTS
from lightbox.collect.coap_request import CoapRequester
from lightbox.collect.errors import ReadTimeout
from lightbox.commands.collect import app
from lightbox_shared.config import Settings

JPEG = SAMPLES / "covid19-normal.jpg"
NOT_UNDERSTOOD = "The server announced a picture in a way that is not understood here."
EVENT = {"id": 1, "timestamp": "2024-08-18T02:04:07Z", "href": "/collections/images/1"}
NONSENSE: list[dict[str, object]] = [
    {"id": float("inf")},
    {"id": True},
    {"size": "abc"},
    {"mediaType": [1]},
    {"timestamp": 7},
    {"deviceId": None},
    {"sha256": 5},
    {"sha256": "not hexadecimal"},
]


@pytest.fixture
def terminal() -> Terminal:
    return Terminal(Settings())


@contextmanager
def announcing(*events: str) -> Iterator[str]:
    """Run a server whose stream has these events and then ends."""
    body = "".join(f"data: {event}\n\n" for event in events).encode()

    async def behave(_seen: Seen, _receive: Any, send: Any) -> None:
        await answer(send, body, 200, [(b"content-type", b"text/event-stream")])

    server = Server(FakeService(behave=behave))
    try:
        yield server.url
    finally:
        server.stop()


@pytest.mark.parametrize("wrong", [*NONSENSE, {"href": "/\ud800"}], ids=str)
async def test_an_event_of_other_types_ends_the_watch(terminal: Terminal, wrong: dict[str, Any]) -> None:
    with announcing(json.dumps({**EVENT, **wrong})) as url:
        said = await terminal.refused(app, "watch", url, "--count", "1")
    assert said == f"Waiting for pictures; Ctrl-C ends it.\n{NOT_UNDERSTOOD}"


@pytest.mark.parametrize("event", ["[" * 200_000, "no JSON"], ids=["deep", "text"])
async def test_an_event_that_is_no_json_is_skipped(terminal: Terminal, event: str) -> None:
    with announcing(event, json.dumps(EVENT)) as url:
        done = await terminal.run(app, "watch", url, "--count", "1")
    assert (done.exit_code, done.stdout) == (0, "2024-08-18T02:04:07Z  /collections/images/1\n")
    assert done.stderr.splitlines()[1:] == ["The server announced something that is not understood here."]


class Announcing(ObservableResource):  # type: ignore[misc] # the library has no types
    """Answers an observation with these bytes."""

    def __init__(self, payload: bytes) -> None:
        super().__init__()
        self.payload = payload

    async def render_get(self, _request: Message) -> Message:
        return Message(payload=self.payload)


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        *((cbor2.dumps({**EVENT, **wrong}), NOT_UNDERSTOOD) for wrong in NONSENSE),
        (b"\x81" * 1000, "The notification is not understood here."),
    ],
)
async def test_a_notification_of_other_types_ends_the_watch(terminal: Terminal, payload: bytes, sentence: str) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::1", 0))
        port = probe.getsockname()[1]
    site = Site()
    site.add_resource(["collections", "images"], Announcing(payload))
    server = await Context.create_server_context(site, bind=("::1", port), transports=TRANSPORTS)
    try:
        assert await terminal.refused(app, "watch", f"coap://[::1]:{port}") == sentence
    finally:
        await server.shutdown()


@pytest.mark.parametrize("key", ["lbk_s\u00e9cret", "secret\nb: c", "secret secret", "secret" * 1000])
async def test_a_key_that_is_none_is_not_shown(terminal: Terminal, key: str) -> None:
    for url in ("http://127.0.0.1:9", "coap://127.0.0.1:9"):
        done = await terminal.run(app, "get", url, "--device", "12345", "--latest", **{KEY_VARIABLE: key})
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr == f"{KEY_VARIABLE} has no API key in it, alone on one line.\n"


@pytest.mark.parametrize("scheme", ["http", "coap"])
async def test_a_name_without_an_address_is_looked_up_once(terminal: Terminal, scheme: str) -> None:
    """The zone in the address does not exist, so that no name server is asked."""
    said = await terminal.refused(app, "get", f"{scheme}://[fe80::1%25nowhere]", "--device", "12345", "--latest")
    assert said == "The server's name leads to no address."


async def test_who_is_silent_is_asked_once() -> None:
    said = list[str]()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        server = f"coap://127.0.0.1:{silent.getsockname()[1]}"
        context = await Context.create_client_context(transports=TRANSPORTS)
        try:
            requester = CoapRequester(context, server, said.append, notice_seconds=0.05, timeout_seconds=0.1)
            with pytest.raises(ReadTimeout, match=f"^There is no answer from {server}.$"):
                await requester.request(Message(code=GET, uri=server))
        finally:
            await context.shutdown()
    assert said == [f"Waiting for an answer from {server} ..."]
