"""Reading JSON and CBOR from clients: which documents are accepted, and the sentences for those that are not."""

import json
import struct
import time
import tracemalloc
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_collection_service.protocol.documents import (
    MAX_CHUNKS,
    MAX_DEPTH,
    MAX_ITEMS,
    Epoch,
    Format,
    MalformedDocument,
    is_quick,
    read_map,
)

JSON, CBOR = Format.JSON, Format.CBOR
SMALL = cbor2.dumps({"a": 1})
TAG = (
    "The CBOR item has a tag that is not read here; the date-times (0, 1), those of bytes (21 to 23, 64, 68) and of"
    " base64 (33, 34) are."
)
BYTES_TAG = "The tags 21 to 23, 64 and 68 are for byte strings."
TEXT_TAG = "The tags 0, 33 and 34 are for a text, tag 1 for a number of seconds."
DEEP = f"The CBOR item is nested deeper than {MAX_DEPTH}."
MANY = f"There are more than {MAX_ITEMS} values in the body."


def tagged(number: int, content: bytes) -> bytes:
    """A CBOR map with one value, which has this tag."""
    head = bytes([0xC0 | number]) if number < 24 else b"\xd9" + struct.pack(">H", number)
    return b"\xa1\x61a" + head + content


@pytest.mark.parametrize(
    ("data", "form", "found"),
    [
        (b'{"a": 1}', JSON, {"a": 1}),
        (b' \r\n{"a": "\\u00e9"}\n', JSON, {"a": "é"}),
        (b"{}", JSON, {}),
        (b'\xef\xbb\xbf{"a": 1}', JSON, {"a": 1}),  # RFC 8259 section 8.1
        (b'\xef\xbb\xbf{"a": "\xef\xbb\xbf"}', JSON, {"a": "\ufeff"}),
        (SMALL, CBOR, {"a": 1}),
        (b"\xd9\xd9\xf7" + SMALL, CBOR, {"a": 1}),
        (b"\xbf\x61a\x01\xff", CBOR, {"a": 1}),  # of indefinite length (RFC 8949 section 3.2.2)
        (b"\xa1\x61a\x5f\x41x\x41y\xff", CBOR, {"a": b"xy"}),
        (SMALL.hex().encode(), CBOR, {"a": 1}),
        (SMALL.hex().upper().encode(), CBOR, {"a": 1}),
        (SMALL.hex(" ").encode() + b"\n", CBOR, {"a": 1}),
        (tagged(0, cbor2.dumps("2013-03-21T20:04:00Z")), CBOR, {"a": "2013-03-21T20:04:00Z"}),
        (tagged(1, b"\x1a\x51\x4b\x67\xb0"), CBOR, {"a": Epoch(1363896240)}),  # RFC 8949 appendix A
        (tagged(1, b"\xfb\x41\xd4\x52\xd9\xec\x20\x00\x00"), CBOR, {"a": Epoch(1363896240.5)}),
    ],
)
def test_read(data: bytes, form: Format, found: dict[str, object]) -> None:
    assert read_map(data, form) == found


@pytest.mark.parametrize("number", [21, 22, 23, 64, 68])
def test_a_byte_string_is_one_whatever_its_tag(number: int) -> None:
    assert read_map(tagged(number, b"\x42xy"), CBOR) == {"a": b"xy"}
    assert read_map(tagged(number, b"\x5f\x41x\x41y\xff"), CBOR) == {"a": b"xy"}


@pytest.mark.parametrize("number", [33, 34])
def test_base64_is_a_text(number: int) -> None:
    assert read_map(tagged(number, b"\x64QUI="), CBOR) == {"a": "QUI="}


@given(st.lists(st.binary(max_size=300), max_size=50), st.booleans(), st.sampled_from([1, 100, 1000]))
@settings(deadline=None, max_examples=50)
def test_a_string_in_chunks_is_one_value(chunks: list[bytes], is_text: bool, times: int) -> None:
    """RFC 8949 section 3.2.3, against the same library's reading of the string of definite length."""
    values: list[Any] = [each.hex() if is_text else each for each in chunks] * times
    whole: Any = "".join(values) if is_text else b"".join(values)
    head = b"\x7f" if is_text else b"\x5f"
    data = b"\xa2\x61a" + head + b"".join(map(cbor2.dumps, values)) + b"\xff\x61b\x01"
    assert read_map(data, CBOR) == {"a": whole, "b": 1}
    assert read_map(data.hex().encode(), CBOR) == {"a": whole, "b": 1}


def test_chunks_take_time_and_memory_in_proportion() -> None:
    count = MAX_CHUNKS // 8
    data = b"\xa1\x61a\x5f" + b"\x41x" * count + b"\xff"
    tracemalloc.start()
    try:
        started = time.process_time()
        assert not is_quick(data, CBOR)
        assert time.process_time() - started < 0.2
        assert read_map(data, CBOR) == {"a": b"x" * count}
        assert time.process_time() - started < 5  # tracing makes it ten times slower
        assert tracemalloc.get_traced_memory()[1] < 128 * count
    finally:
        tracemalloc.stop()


def test_what_is_quick() -> None:
    assert is_quick(SMALL, CBOR)
    assert is_quick(b"{}" * 100_000, JSON)
    assert is_quick(b"\xa1\x61a\x5f" + b"\x41x" * 4_000 + b"\xff", CBOR)
    assert not is_quick(b"\xa1\x61a\x5f" + b"\x41x" * 5_000 + b"\xff", CBOR)


def test_an_epoch_differs_from_a_number() -> None:
    assert isinstance(read_map(tagged(1, b"\x01"), CBOR)["a"], Epoch)
    assert not isinstance(read_map(SMALL, CBOR)["a"], Epoch)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The body is empty."),
        (b"[]", "The body has to be a JSON object."),
        (b'"text"', "The body has to be a JSON object."),
        (b"null", "The body has to be a JSON object."),
        (b"{", "The body is not valid JSON."),
        (b"{} {}", "The body is not valid JSON."),
        (b'\xef\xbb\xbf\xef\xbb\xbf{"a": 1}', "The body is not valid JSON."),
        (b'{"a": \xef\xbb\xbf1}', "The body is not valid JSON."),
        (b'{"a": 1} x', "The body is not valid JSON."),
        (b"deviceId=12345", "The body is not valid JSON."),
        (b'{"a": "QUJD\nREVG"}', "The body is not valid JSON: a string has a control character in it, U+000A."),
        (b'{"a\x1f": ""}', "The body is not valid JSON: a string has a control character in it, U+001F."),
        (b'{\x00"a": ""}', "The body is not valid JSON."),
        (b'{"a": "\xff"}', "The body is not UTF-8."),
        ('{"a": 1}'.encode("utf-16"), "The body is not UTF-8."),
        (b'{"a": 1, "a": 1}', "A key stands twice in a JSON object."),
        (b'{"a": 1, "\\u0061": 1}', "A key stands twice in a JSON object."),
        (b'{"a": {"b": 1, "b": 2}}', "A key stands twice in a JSON object."),
        (b'{"a": NaN}', "NaN is not a JSON value."),
        (b'{"a": -Infinity}', "-Infinity is not a JSON value."),
        (b"[" * 4_000 + b"]" * 4_000, "The body is not valid JSON."),
        (b"[" * 10_000 + b"]" * 10_000, MANY),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, MANY),
        (b"[" + b"{}," * 5_000 + b"{}]", MANY),
        (b'{"a": ' + b"9" * 10_000 + b"}", "The body is not valid JSON."),
    ],
)
def test_bad_json(data: bytes, sentence: str) -> None:
    with pytest.raises(MalformedDocument) as caught:
        read_map(data, JSON)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The body is empty."),
        (b"\xd9\xd9\xf7", "The CBOR item is incomplete."),
        (b"\x80", "The body has to be a CBOR map."),
        (b"\xf6", "The body has to be a CBOR map."),
        (json.dumps({"a": 1}).encode(), "The CBOR item is incomplete."),  # the brace begins a long text
        (SMALL + b"\x00", "There are bytes behind the CBOR item."),
        (SMALL + SMALL, "There are bytes behind the CBOR item."),
        (SMALL[:-1], "The CBOR item is incomplete."),
        (b"\xa1\x61a\x5b\x80" + bytes(7), "The CBOR item is incomplete."),  # a byte string of 2^63 bytes
        (b"\xbb\x80" + bytes(7), "The CBOR item is incomplete."),  # a map of 2^63 pairs
        (b"\xa1\x61a\x9b\x80" + bytes(7), "The CBOR item is incomplete."),  # a list of 2^63 items
        (b"\xa2\x61a\x01\x61a\x01", "A key stands twice in a CBOR map."),
        (b"\xa1\x81\x01\x01", "A key of a CBOR map is not a text."),
        (b"\x81" * 100 + b"\x01", DEEP),
        (b"\xa1\x61a" * 100 + b"\x01", DEEP),
        (b"\xc0" * 100 + b"\x01", DEEP),
        (b"\x81" * 10_000 + b"\x01", MANY),
        (b"\xa1\x61a\x9a\x00\x01\x00\x00" + b"\x80" * 65_536, MANY),
        (
            b"\xa1\x61a\x5f" + b"\x40" * (MAX_CHUNKS + 1) + b"\xff",
            f"The strings of the body have more than {MAX_CHUNKS} chunks.",
        ),
        (b"\xa1\x61a\x9f" + b"\x5f\xff" * 5_000 + b"\xff", MANY),
        (b"\xa1\x61a\x5f\x41x\x61y\xff", "The body is not valid CBOR."),  # a chunk of another type
        (b"\xa1\x61a\x5f\x5f\x41x\xff\xff", "The body is not valid CBOR."),  # a chunk of indefinite length
        (b"\xa1\x61a\x5f" + b"\x41x" * 5_000, "The CBOR item is incomplete."),
        *(
            (tagged(number, content), BYTES_TAG)
            for number in (21, 22, 23, 64, 68)
            for content in (b"\x61a", b"\x01", b"\x80")
        ),
        *((tagged(number, content), TEXT_TAG) for number in (33, 34) for content in (b"\x41a", b"\x01")),
        *((tagged(number, b"\x41a"), TAG) for number in (24, 65, 66, 72, 80, 63)),
        (b"\xd8\x1c\x81\xd8\x1d\x00", TAG),  # a list that contains itself (tags 28 and 29)
        (tagged(28, b"\x80"), TAG),
        (tagged(29, b"\x00"), TAG),
        (tagged(2, b"\x49\x01" + bytes(8)), TAG),  # RFC 8949 appendix A: 2^64
        (tagged(3, b"\x49\x01" + bytes(8)), TAG),
        (tagged(4, b"\x82\x21\x19\x6a\xb3"), TAG),
        (tagged(258, b"\x81\x01"), TAG),
        (tagged(35, b"\x61a"), TAG),
        (tagged(999, b"\x01"), TAG),
        (tagged(0, b"\x01"), TEXT_TAG),
        (tagged(1, b"\x61a"), TEXT_TAG),
        (tagged(1, b"\xf5"), TEXT_TAG),
        (b"\xa1\x61a\x61\xff", "The body is not valid CBOR."),  # a text that is not UTF-8
        (b"\xff", "The body is not valid CBOR."),
        (b"a1616101f", "The body is neither a CBOR map nor one in hexadecimal digits."),
        (b"a1 hello", "The body is neither a CBOR map nor one in hexadecimal digits."),
        (b"abc\xff", "The body is neither a CBOR map nor one in hexadecimal digits."),
        (
            SMALL.hex().encode().hex().encode(),
            "There are bytes behind the CBOR item.",
        ),  # hexadecimal digits of hexadecimal digits
    ],
)
def test_bad_cbor(data: bytes, sentence: str) -> None:
    with pytest.raises(MalformedDocument) as caught:
        read_map(data, CBOR)
    assert str(caught.value) == sentence
