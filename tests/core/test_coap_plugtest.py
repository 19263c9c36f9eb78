"""The cases of ETSI's CoAP plugtests (the groups CORE, LINK, BLOCK and OBS of the list of CoAP#4), against the server
over UDP, message by message.

Each row has the id of the list and what it checks. Where the list needs a resource that the collection does not have
(PUT, DELETE, conditional requests, a query in Location), the row checks that the server says so as RFC 7252 wants it.
Rows of proxies (CORE 24 to 30) are not here, except that this server says that it is none.
"""

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from itertools import pairwise

import cbor2
import pytest
from aiocoap import Message
from aiocoap.numbers.codes import EMPTY, Code
from support.asgi import WithState
from support.coap import CBOR, OCTETS, RAW, coap_of, noise, problem
from support.coap_raw import (
    ACCEPT,
    ACK,
    BLOCK1,
    BLOCK2,
    CON,
    CONTENT_FORMAT,
    DELETE,
    ETAG,
    GET,
    NON,
    OBSERVE,
    POST,
    PUT,
    RST,
    SIZE2,
    Options,
    RawClient,
    at,
    by_hand,
)
from support.collection import cbor_document
from support.pictures import png

CORE = at("/.well-known/core")
LINKS = 40
PICTURE = png()
LARGE = noise(40)
"""1.7 kB: two blocks of 1,024 bytes."""


def sent(client: RawClient, kind: int, token: bytes = b"t", second: int = 7) -> Message:
    body = cbor_document(PICTURE, "plug", f"2024-08-18T02:04:{second:02}Z")
    return client.ask(
        POST, [*at("/collections/images"), (CONTENT_FORMAT, bytes((CBOR,)))], body, token=token, kind=kind
    )


def content(client: RawClient, kind: int, token: bytes = b"t") -> None:
    answer = client.ask(GET, CORE, token=token, kind=kind)
    assert (answer.code, int(answer.opt.content_format)) == (Code.CONTENT, LINKS)
    assert answer.payload.startswith(b"</collections/images>")


def created(client: RawClient, kind: int) -> None:
    answer = sent(client, kind)
    assert (answer.code, answer.opt.location_path[:2]) == (Code.CREATED, ("collections", "images"))


def not_allowed(client: RawClient, code: int, kind: int) -> None:
    answer = client.ask(code, at("/collections/images"), b"x" if code == PUT else b"", token=b"t", kind=kind)
    assert answer.code is Code.METHOD_NOT_ALLOWED
    assert problem(answer)[-4] == Code.METHOD_NOT_ALLOWED


def without_token(client: RawClient) -> None:
    content(client, CON, b"")
    content(client, NON, b"12345678")


def duplicate(client: RawClient, kind: int) -> None:
    """CORE_15, 16: a message that arrives again because the network lost the answer is not processed again, and a
    confirmable one is answered in the same way (section 4.2)."""
    options = [*at("/collections/images"), (CONTENT_FORMAT, bytes((CBOR,)))]
    mid = client.send(kind, POST, options, cbor_document(PICTURE, "plug"), token=b"t")
    client.send(kind, POST, options, cbor_document(PICTURE, "plug"), token=b"t", mid=mid)
    answer = client.receive()
    while answer.code is EMPTY:
        answer = client.receive()
    assert answer.code is Code.CREATED  # 2.04 if it had been processed before
    if int(answer.mtype) == CON:
        client.send(ACK, 0, mid=answer.mid)
    assert client.is_quiet()
    mid = client.send(kind, GET, CORE, token=b"u")
    first = client.own.recv(4096)
    client.send(kind, GET, CORE, token=b"u", mid=mid)
    if kind == CON:
        assert client.own.recv(4096) == first
    assert client.is_quiet()


def separate(client: RawClient) -> None:
    """CORE_09, 11 and 17: `ask` checks the acknowledgement, and that both have the same token. Writing a picture takes
    longer than the server waits with its acknowledgement, or not: both are right."""
    for second in range(3):
        assert sent(client, CON, b"separate", second).code is Code.CREATED


def path_and_query(client: RawClient) -> None:
    sent(client, CON)
    listed = client.ask(GET, at("/collections/images", "deviceId=plug", "from=2024-01-01T00:00:00Z", "limit=1"))
    assert len(cbor2.loads(listed.payload)["pictures"]) == 1


def location_path(client: RawClient) -> None:
    location = sent(client, CON).opt.location_path
    assert client.ask(GET, at("/".join(location))).payload == PICTURE
    assert sent(client, CON).opt.location_path == location  # 2.04: it is there already


def accept(client: RawClient) -> None:
    path = at("/collections/devices")
    for number in (50, 60):
        answer = client.ask(GET, [*path, (ACCEPT, bytes((number,)))])
        assert (answer.code, int(answer.opt.content_format)) == (Code.CONTENT, number)
    assert client.ask(GET, [*path, (ACCEPT, b"\x00")]).code is Code.NOT_ACCEPTABLE


def validation(client: RawClient) -> None:
    path = at("/collections/devices")
    first = client.ask(GET, path)
    valid = client.ask(GET, [*path, (ETAG, b"other"), (ETAG, first.opt.etag)])
    assert (valid.code, valid.payload, valid.opt.etag) == (Code.VALID, b"", first.opt.etag)
    sent(client, CON)
    changed = client.ask(GET, [*path, (ETAG, first.opt.etag)])
    assert changed.code is Code.CONTENT
    assert changed.opt.etag != first.opt.etag


def condition(client: RawClient, options: Options) -> None:
    assert client.ask(PUT, [*at("/collections/images"), *options], b"x").code is Code.BAD_OPTION


def no_proxy(client: RawClient) -> None:
    assert client.ask(GET, [(35, b"coap://example.org/")]).code is Code.PROXYING_NOT_SUPPORTED
    assert client.ask(GET, [*CORE, (39, b"coap")]).code is Code.PROXYING_NOT_SUPPORTED


def ping(client: RawClient) -> None:
    mid = client.send(CON, 0)
    pong = client.receive()
    assert (int(pong.mtype), pong.mid, int(pong.code)) == (RST, mid, 0)


def links(client: RawClient, *query: str) -> list[str]:
    answer = client.ask(GET, at("/.well-known/core", *query))
    assert (answer.code, int(answer.opt.content_format)) == (Code.CONTENT, LINKS)
    text = answer.payload.decode()
    return [each.partition(">")[0][1:] for each in text.split(",<".replace("<", "")) if each.startswith("<")]


def filtered(query: str, *expected: str, without: str = "") -> Callable[[RawClient], None]:
    def check(client: RawClient) -> None:
        found = links(client, query)
        assert set(expected) <= set(found)
        assert without not in found
        assert set(found) <= set(links(client))

    return check


def blocks(client: RawClient, path: Options, exponent: int, *, early: bool) -> bytes:
    """Read a resource block by block; the first request has Block2 only if it is `early`."""
    size, number, etag = 16 << exponent, 0, None
    data = b""
    while True:
        block = (BLOCK2, (number << 4 | exponent).to_bytes(3).lstrip(b"\0"))
        answer = client.ask(GET, [*path, block] if early or number else path)
        assert answer.code is Code.CONTENT
        assert (answer.opt.block2.block_number, answer.opt.block2.size) == (number, size)
        assert etag in {None, answer.opt.etag}
        assert number or answer.opt.size2 is not None
        etag = answer.opt.etag
        data += bytes(answer.payload)
        if not answer.opt.block2.more:
            return data
        assert len(answer.payload) == size
        number += 1


def stored(client: RawClient) -> Options:
    """A large picture, sent in blocks of 256 bytes, by its path."""
    return at("/".join(in_blocks(client).opt.location_path))


def in_blocks(client: RawClient, *more: tuple[int, bytes]) -> Message:
    options = [*at("/collections/images", *RAW), (CONTENT_FORMAT, bytes((OCTETS,))), *more]
    parts = [LARGE[start : start + 256] for start in range(0, len(LARGE), 256)]
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        block = number << 4 | (0 if is_last else 8) | 4
        answer = client.ask(POST, [*options, (BLOCK1, bytes((block,)))], part, token=bytes((number,)))
        assert (answer.opt.block1.block_number, answer.opt.block1.size_exponent) == (number, 4)
        assert answer.code is (Code.CREATED if is_last else Code.CONTINUE)
        if is_last:
            break
    else:
        pytest.fail("there was no block")
    return answer


def two_way(client: RawClient) -> None:
    """BLOCK_05: the body in blocks, and an answer that fits into one block of the size that the client names."""
    answer = in_blocks(client, (BLOCK2, b"\x06"))
    assert cbor2.loads(answer.payload)["size"] == len(LARGE)


def observed(client: RawClient, token: bytes = b"o", kind: int = CON) -> Message:
    options = [*at("/collections/images", "deviceId=plug"), (OBSERVE, b"")]
    answer = client.ask(GET, options, token=token, kind=kind)
    assert (answer.code, answer.opt.observe is not None) == (Code.CONTENT, True)
    return answer


def notified(client: RawClient, token: bytes = b"o") -> Message:
    """The next notification, acknowledged."""
    message = client.receive()
    assert (int(message.mtype), message.token, message.code) == (CON, token, Code.CONTENT)
    client.send(ACK, 0, mid=message.mid)
    return message


def another(client: RawClient, second: int) -> None:
    """A picture of the same device, sent from another socket."""
    with RawClient(client.port) as camera:
        assert sent(camera, CON, second=second).code is Code.CREATED


def observing(client: RawClient, kind: int) -> None:
    first = observed(client, kind=kind)
    numbers = [first.opt.observe]
    for second in (1, 2):
        another(client, second)
        message = notified(client)
        assert message.opt.etag != first.opt.etag
        assert cbor2.loads(message.payload)["timestamp"].endswith(f":0{second}Z")
        numbers.append(message.opt.observe)
    assert all(0 < (later - earlier) % (1 << 24) < 1 << 23 for earlier, later in pairwise(numbers))


def deregistered(client: RawClient) -> None:
    observed(client)
    options = [*at("/collections/images", "deviceId=plug"), (OBSERVE, b"\x01")]
    assert client.ask(GET, options, token=b"o").opt.observe is None
    another(client, 1)
    assert client.is_quiet()


def reset(client: RawClient) -> None:
    observed(client)
    another(client, 1)
    client.send(RST, 0, mid=client.receive().mid)
    another(client, 2)
    assert client.is_quiet()


def retransmitted(client: RawClient) -> None:
    """OBS_05: a notification that is not acknowledged comes again, with its id; meanwhile no other is sent (NSTART)."""
    observed(client)
    another(client, 1)
    first = client.receive()
    another(client, 2)
    started = time.monotonic()
    again = client.receive()
    assert (again.mid, again.payload) == (first.mid, first.payload)
    assert 1 < time.monotonic() - started < 4  # ACK_TIMEOUT * ACK_RANDOM_FACTOR, section 4.8
    client.send(ACK, 0, mid=again.mid)
    assert cbor2.loads(notified(client).payload)["timestamp"].endswith(":02Z")


def reregistered(client: RawClient) -> None:
    """A second registration with the same token takes the place of the first (RFC 7641 section 4.1)."""
    observed(client)
    observed(client)
    another(client, 1)
    notified(client)
    assert client.is_quiet()


def two_tokens(client: RawClient) -> None:
    observed(client, b"1")
    observed(client, b"2")
    another(client, 1)
    first, second = client.receive(), client.receive()
    assert {first.token, second.token} <= {b"1", b"2"}


def not_observable(client: RawClient) -> None:
    answer = client.ask(GET, [*CORE, (OBSERVE, b"")], token=b"t")
    assert (answer.code, answer.opt.observe) == (Code.CONTENT, None)


def unknown_observed(client: RawClient) -> None:
    answer = client.ask(GET, [*at("/collections/none"), (OBSERVE, b"")], token=b"t")
    assert (answer.code, answer.opt.observe) == (Code.NOT_FOUND, None)


def _entry_point(client: RawClient) -> None:
    assert client.ask(GET, at("/collections")).payload == client.ask(GET, CORE).payload
    assert all(link.startswith("/collections") for link in links(client))


def _large(client: RawClient, exponent: int, *, early: bool) -> None:
    assert blocks(client, stored(client), exponent, early=early) == LARGE


def _put_block(client: RawClient) -> None:
    options = [*at("/collections/images", *RAW), (BLOCK1, b"\x0c"), (SIZE2, b"")]
    assert client.ask(PUT, options, LARGE[:256]).code is Code.METHOD_NOT_ALLOWED


@dataclass(frozen=True)
class Case:
    """A row of the list."""

    id: str
    checks: str
    run: Callable[[RawClient], object]


CASES = (
    Case("TD_COAP_CORE_01", "GET, confirmable: 2.05, piggybacked, same token and id", lambda c: content(c, CON)),
    Case("TD_COAP_CORE_02", "DELETE, confirmable: not over CoAP, 4.05", lambda c: not_allowed(c, DELETE, CON)),
    Case("TD_COAP_CORE_03", "PUT, confirmable: nothing is overwritten, 4.05", lambda c: not_allowed(c, PUT, CON)),
    Case("TD_COAP_CORE_04", "POST, confirmable: 2.01", lambda c: created(c, CON)),
    Case("TD_COAP_CORE_05", "GET, non-confirmable: 2.05, same token", lambda c: content(c, NON)),
    Case("TD_COAP_CORE_06", "DELETE, non-confirmable: 4.05", lambda c: not_allowed(c, DELETE, NON)),
    Case("TD_COAP_CORE_07", "PUT, non-confirmable: 4.05", lambda c: not_allowed(c, PUT, NON)),
    Case("TD_COAP_CORE_08", "POST, non-confirmable: 2.01", lambda c: created(c, NON)),
    Case("TD_COAP_CORE_09", "a response by itself, after an empty acknowledgement", separate),
    Case("TD_COAP_CORE_10", "a request with a token has it in its response", lambda c: content(c, CON, b"\x01\x02")),
    Case("TD_COAP_CORE_12", "a request without a token, and with the longest", without_token),
    Case("TD_COAP_CORE_13", "several segments of a path", location_path),
    Case("TD_COAP_CORE_14", "several parameters of a query", path_and_query),
    Case("TD_COAP_CORE_15", "a confirmable request that arrives twice is done once", lambda c: duplicate(c, CON)),
    Case("TD_COAP_CORE_16", "a non-confirmable request that arrives twice", lambda c: duplicate(c, NON)),
    Case("TD_COAP_CORE_18", "POST whose response has Location-Path", location_path),
    Case("TD_COAP_CORE_20", "Accept: each format, and 4.06", accept),
    Case("TD_COAP_CORE_21", "ETag: 2.03, and 2.05 with another after a change", validation),
    Case("TD_COAP_CORE_22", "If-Match is critical and not supported: 4.02", lambda c: condition(c, [(1, b"x")])),
    Case("TD_COAP_CORE_23", "If-None-Match is critical and not supported: 4.02", lambda c: condition(c, [(5, b"")])),
    Case("TD_COAP_CORE_24", "no proxy: 5.05", no_proxy),
    Case("TD_COAP_CORE_31", "ping: a reset with the id", ping),
    Case("TD_COAP_LINK_01", "/.well-known/core in link format", filtered("", "/collections/images")),
    Case("TD_COAP_LINK_02", "rt, complete", filtered("rt=simple.act", "/collections/images")),
    Case("TD_COAP_LINK_03", "rt=*: every link with a type", filtered("rt=*", "/collections/images")),
    Case("TD_COAP_LINK_04", "rt, one of several types", filtered("rt=simple*", "/collections/images")),
    Case("TD_COAP_LINK_05", "if, by its beginning", filtered("if=core.*", "/collections/images")),
    Case("TD_COAP_LINK_06", "sz=*: no link says a size", filtered("sz=*", without="/collections/images")),
    Case(
        "TD_COAP_LINK_07",
        "href, complete",
        filtered("href=/collections/images", "/collections/images", without="/collections/images/latest"),
    ),
    Case(
        "TD_COAP_LINK_08",
        "href, by its beginning",
        filtered("href=/collections/images*", "/collections/images", "/collections/images/latest"),
    ),
    Case("TD_COAP_LINK_09", "links of a level below, at their own entry point", _entry_point),
    Case("TD_COAP_BLOCK_01", "GET of a large resource, size named by the client", lambda c: _large(c, 6, early=True)),
    Case("TD_COAP_BLOCK_02", "GET of a large resource, size named by the server", lambda c: _large(c, 6, early=False)),
    Case("TD_COAP_BLOCK_03", "PUT in blocks: 4.05 at the first", _put_block),
    Case("TD_COAP_BLOCK_04", "POST in blocks: 2.31 until 2.01", in_blocks),
    Case("TD_COAP_BLOCK_05", "POST in blocks, a block of the answer named", two_way),
    Case("TD_COAP_BLOCK_06", "GET in the smallest blocks, 16 bytes", lambda c: _large(c, 0, early=True)),
    Case("TD_COAP_OBS_01", "observing, confirmable", lambda c: observing(c, CON)),
    Case("TD_COAP_OBS_02", "observing, registered by a non-confirmable request", lambda c: observing(c, NON)),
    Case("TD_COAP_OBS_03", "Observe 1 ends it", deregistered),
    Case("TD_COAP_OBS_04", "a second registration takes the place of the first", reregistered),
    Case("TD_COAP_OBS_05", "a client that does not acknowledge: again, with its id", retransmitted),
    Case("TD_COAP_OBS_06", "a reset ends it", reset),
    Case("TD_COAP_OBS_07", "a resource that does not exist can't be observed: 4.04", unknown_observed),
    Case("TD_COAP_OBS_08", "a resource that can't be observed: 2.05 without Observe", not_observable),
    Case("TD_COAP_OBS_09", "two observations of one client", two_tokens),
)


@pytest.fixture
async def port(core: WithState) -> AsyncIterator[int]:
    async with coap_of(core.state["services"]) as port:
        yield port


@pytest.mark.parametrize("case", CASES, ids=[each.id for each in CASES])
async def test_case(port: int, case: Case) -> None:
    await by_hand(port, case.run)


def test_no_id_stands_twice() -> None:
    assert len({each.id for each in CASES}) == len(CASES)
