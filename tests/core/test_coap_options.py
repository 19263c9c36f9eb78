"""Options that are there too often, or whose values are too short or too long, over CoAP (RFC 7252 sections 5.4.1,
5.4.3 and 5.4.5): a critical one is 4.02, an elective one is ignored."""

from collections.abc import AsyncIterator

import pytest
from aiocoap import Message
from aiocoap.numbers.codes import Code
from hypothesis import given, settings
from hypothesis import strategies as st
from support.asgi import WithState
from support.coap import coap_of, problem
from support.coap_raw import (
    ACCEPT,
    BLOCK1,
    BLOCK2,
    CONTENT_FORMAT,
    ETAG,
    GET,
    MAX_AGE,
    NON,
    OBSERVE,
    POST,
    SIZE1,
    SIZE2,
    URI_HOST,
    URI_PATH,
    URI_PORT,
    URI_QUERY,
    Options,
    RawClient,
    at,
    by_hand,
    written,
)

from core_collection_service.coap.errors import CoapError
from core_collection_service.coap.options import check_options, note_lengths
from lightbox_shared.errors import BadRequest

CORE = at("/.well-known/core")
# Table 4 of RFC 7252, and those of RFC 7641, 7959, 8768, 9175 and 7967: number -> shortest, longest, repeatable.
TABLE = {
    URI_HOST: (1, 255, False),
    ETAG: (1, 8, True),
    OBSERVE: (0, 3, False),
    URI_PORT: (0, 2, False),
    8: (0, 255, True),
    URI_PATH: (0, 255, True),
    CONTENT_FORMAT: (0, 2, False),
    MAX_AGE: (0, 4, False),
    URI_QUERY: (0, 255, True),
    16: (1, 1, False),
    ACCEPT: (0, 2, False),
    20: (0, 255, True),
    BLOCK2: (0, 3, False),
    BLOCK1: (0, 3, False),
    SIZE2: (0, 4, False),
    SIZE1: (0, 4, False),
    252: (1, 40, False),
    258: (0, 1, False),
    292: (0, 8, True),
}
VALUES = {ACCEPT: b"\x28", BLOCK2: b"\x06", BLOCK1: b"\x06", URI_HOST: b"localhost", OBSERVE: b"\x01", 258: b"\x00"}
"""Values with which a GET of the links succeeds; of others it is a byte of one."""
WRONG: list[tuple[str, int, Options]] = [
    *((f"{n} too long", n, [(n, bytes(longest) + b"\x28")]) for n, (_, longest, _) in TABLE.items()),
    *((f"{n} too short", n, [(n, b"")]) for n, (shortest, _, _) in TABLE.items() if shortest),
    *(
        (f"{n} twice", n, [(n, VALUES.get(n, b"\x01"))] * 2)
        for n, (_, _, repeatable) in TABLE.items()
        if not repeatable
    ),
]


@pytest.fixture
async def port(core: WithState) -> AsyncIterator[int]:
    async with coap_of(core.state["services"]) as port:
        yield port


async def test_wrong_options(port: int) -> None:
    def ask(client: RawClient) -> None:
        for case, number, options in WRONG:
            answer = client.ask(GET, [*CORE, *options], token=b"t")
            if number & 1:
                assert (case, answer.code) == (case, Code.BAD_OPTION)
                assert f"option {number} " in problem(answer)[-2], case
                client.send(NON, GET, [*CORE, *options])  # rejected, which is silence (section 4.3)
                assert client.is_quiet(), case
            else:
                assert (case, answer.code) == (case, Code.CONTENT)
                assert answer.payload.startswith(b"</collections/images>"), case

    await by_hand(port, ask)


async def test_right_options(port: int) -> None:
    """The longest value of each, and as many as may be; a number may have leading zeros (section 3.2)."""

    def ask(client: RawClient) -> None:
        for options in (
            [(ACCEPT, b"\x00\x28")],
            [(BLOCK2, b"\x00\x00\x06")],
            [(URI_HOST, b"h" * 255), (URI_PORT, b"\x16\x33")],
            [(ETAG, bytes(8)), (ETAG, b"\x01"), (292, b""), (292, bytes(8))],
        ):
            assert client.ask(GET, [*CORE, *options]).code is Code.CONTENT, options
        assert client.ask(GET, at("/" + "p" * 255)).code is Code.NOT_FOUND
        assert client.ask(GET, [*CORE, (URI_QUERY, b"rt=" + b"x" * 252)]).payload == b""

    await by_hand(port, ask)


async def test_the_first_of_an_elective_option_counts(port: int) -> None:
    def ask(client: RawClient) -> list[Message]:
        path = at("/collections/images")
        both = [(CONTENT_FORMAT, b"\x3c"), (CONTENT_FORMAT, b"\x00")]
        return [
            client.ask(POST, [*path, *both], b"\xa0"),
            client.ask(POST, [*path, *both[::-1]], b"\xa0"),
            client.ask(POST, [*path, (CONTENT_FORMAT, b"\x00\x00\x3c")], b"\xa0"),
        ]

    first, second, too_long = await by_hand(port, ask)
    assert (first.code, problem(first)[-2]) == (Code.BAD_REQUEST, "deviceId: This field is required.")
    assert second.code is too_long.code is Code.UNSUPPORTED_CONTENT_FORMAT


@pytest.mark.parametrize("value", [b"\x07", b"\x0f", b"\x17", b"\x00\x07", b"\xff\xff\xff"])
@pytest.mark.parametrize(("code", "option"), [(GET, BLOCK2), (POST, BLOCK2), (POST, BLOCK1), (GET, BLOCK1)])
async def test_the_reserved_block_size(port: int, code: int, option: int, value: bytes) -> None:
    def ask(client: RawClient) -> Message:
        return client.ask(code, [*at("/collections/images"), (option, value)], b"x" if code == POST else b"")

    answer = await by_hand(port, ask)
    assert (answer.code, "RFC 7959" in problem(answer)[-2]) == (Code.BAD_REQUEST, True)


OPTION = st.tuples(
    st.one_of(st.sampled_from(sorted(TABLE)), st.integers(0, 600)),
    st.one_of(st.binary(max_size=5), st.sampled_from([b"a", b"aa", b"a" * 14, b"a" * 256, b"a" * 300])),
)


@given(st.lists(OPTION, max_size=6), st.sampled_from([b"", b"t", b"12345678"]), st.binary(max_size=3))
@settings(max_examples=400, deadline=None)
def test_the_rule(options: Options, token: bytes, payload: bytes) -> None:
    """What is left of any options, against the table."""
    data = bytes((0x40 | len(token), GET, 0, 1)) + token + written(options) + (b"\xff" + payload if payload else b"")
    try:
        message = Message.decode(data)
    except UnicodeDecodeError:
        return
    note_lengths(message, data)
    critical = False
    expected: list[tuple[int, bytes]] = []
    for number, value in sorted(options, key=lambda each: each[0]):
        shortest, longest, repeatable = TABLE.get(number, (0, 65535, True))
        fits = shortest <= len(value) <= longest and (repeatable or number not in dict(expected))
        critical = critical or (number & 1 == 1 and (not fits or number not in TABLE))
        if fits:
            expected.append((number, value))
    reserved = any(value and value[-1] & 7 == 7 for number, value in expected if number in {BLOCK1, BLOCK2})
    if critical or reserved:
        with pytest.raises(CoapError if critical else BadRequest):
            check_options(message)
        return
    check_options(message)
    assert [int(each.number) for each in message.opt.option_list()] == [number for number, _ in expected]
