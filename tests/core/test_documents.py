"""Reading JSON and CBOR from clients: which documents are accepted, and the sentences for those that are not."""

import json
import struct

import cbor2
import pytest

from core_collection_service.protocol.documents import MAX_DEPTH, MAX_ITEMS, Epoch, Format, MalformedDocument, read_map

JSON, CBOR = Format.JSON, Format.CBOR
SMALL = cbor2.dumps({"a": 1})
TAG = "The CBOR item has a tag that is not read here; 0 and 1, the date-times, are."
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
        (b'\xef\xbb\xbf{"a": 1}', "The body is not valid JSON."),
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
        (b"\xa1\x61a\x5f" + b"\x41x" * 5_000 + b"\xff", MANY),
        (b"\xd8\x1c\x81\xd8\x1d\x00", TAG),  # a list that contains itself (tags 28 and 29)
        (tagged(28, b"\x80"), TAG),
        (tagged(29, b"\x00"), TAG),
        (tagged(2, b"\x49\x01" + bytes(8)), TAG),  # RFC 8949 appendix A: 2^64
        (tagged(3, b"\x49\x01" + bytes(8)), TAG),
        (tagged(4, b"\x82\x21\x19\x6a\xb3"), TAG),
        (tagged(258, b"\x81\x01"), TAG),
        (tagged(35, b"\x61a"), TAG),
        (tagged(999, b"\x01"), TAG),
        (tagged(0, b"\x01"), "Tag 0 is for a text, tag 1 for a number of seconds."),
        (tagged(1, b"\x61a"), "Tag 0 is for a text, tag 1 for a number of seconds."),
        (tagged(1, b"\xf5"), "Tag 0 is for a text, tag 1 for a number of seconds."),
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
