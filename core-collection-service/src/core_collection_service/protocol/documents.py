"""Maps in JSON (RFC 8259) and CBOR (RFC 8949) from clients that are not trusted, read strictly: one map and nothing
behind it, every key once, no NaN and no infinity, no references, no bignums, limited depth and number of items.

In CBOR the accepted tags are 0 and 1, the two date-times; those that say of a byte string what it is for (21 to 23) or
that it is an array of bytes (64 and 68, RFC 8746 section 2.1); those that say of a text that it is base64 (33 and 34);
and 55799, which says that this is CBOR. A date-time in text becomes that text, one in seconds an `Epoch`, all others
the value that they stand before. A string of indefinite length is one value, in however many chunks it comes (RFC 8949
section 3.2.3). A byte order mark before JSON is ignored (RFC 8259 section 8.1), as everywhere in the platform.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from io import BytesIO
from typing import Any, Final, NoReturn, cast

import cbor2
from cbor2 import CBORDecodeError, CBORDecoder, CBORTag

from lightbox_shared.requests.forms import json_problem

MAX_DEPTH: Final = 8
MAX_ITEMS: Final = 4096
"""About so many values may be in a document: a byte of it can become some hundred bytes in memory."""
MAX_CHUNKS: Final = 1 << 20
"""So many chunks may its strings of indefinite length have, all together. They take half a second."""
SELF_DESCRIBED: Final = b"\xd9\xd9\xf7"
_BREAK: Final = 0xFF
_INDEFINITE: Final = 31
_HEX_DIGITS: Final = frozenset(b"0123456789abcdefABCDEF")
_BYTES_TAGS: Final = (21, 22, 23, 64, 68)
_BASE64_TAGS: Final = (33, 34)
# Bignums, fractions, references, patterns, sets and other objects that the library would construct.
_REFUSED_TAGS: Final = (2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 100, 256, 258, 260, 261, 1004, 43000)


class Format(StrEnum):
    """The two formats of documents; the values are their media types."""

    JSON = "application/json"
    CBOR = "application/cbor"


class MalformedDocument(ValueError):
    """The body is not one map in this format; the text says why, for the client."""


class Epoch(float):
    """Seconds since 1970 that had tag 1 (RFC 8949 section 3.4.2)."""


def read_map(data: bytes, form: Format) -> Mapping[str, Any]:
    """The map in `data`. Raises `MalformedDocument`."""
    if not data:
        raise MalformedDocument("The body is empty.")
    found = read_json(data) if form is Format.JSON else read_cbor(data)
    if not isinstance(found, Mapping):
        raise MalformedDocument(f"The body has to be a {'JSON object' if form is Format.JSON else 'CBOR map'}.")
    return cast("Mapping[str, Any]", found)


def write(body: object, form: Format) -> bytes:
    """The document of a value, in compact form."""
    if form is Format.CBOR:
        return cbor2.dumps(body)
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def read_json(data: bytes) -> object:
    """One JSON text. Raises `MalformedDocument`."""
    if sum(map(data.count, (b",", b"[", b"{"))) > MAX_ITEMS:
        raise MalformedDocument(_TOO_MANY)
    try:
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except MalformedDocument:
        raise
    except UnicodeDecodeError as error:
        raise MalformedDocument("The body is not UTF-8.") from error
    except RecursionError as error:
        raise MalformedDocument("The body is not valid JSON.") from error
    except ValueError as error:
        raise MalformedDocument(json_problem(error)) from error


def is_quick(data: bytes, form: Format) -> bool:
    """Whether reading a document takes time in proportion to its size alone: it is not in thousands of chunks. Takes
    about 1 ms at most."""
    try:
        if form is Format.CBOR:
            _check_number_of_items(_from_any_form(data), max_chunks=MAX_ITEMS)
    except MalformedDocument:
        return False
    return True


def read_cbor(data: bytes) -> object:
    """One CBOR data item, which may be written in hexadecimal digits (no digit is the first byte of a map). Raises
    `MalformedDocument`."""
    data = _from_any_form(data)
    _check_number_of_items(data, max_chunks=MAX_CHUNKS)
    stream = BytesIO(data)
    decoder = CBORDecoder(
        stream,
        tag_hook=_refuse_unknown,
        semantic_decoders=_TAGS,
        max_depth=MAX_DEPTH,
        allow_duplicate_keys=False,
        strict_hashable_types=True,
    )
    try:
        found = decoder.decode()
    except (CBORDecodeError, RecursionError) as error:
        raise MalformedDocument(_sentence(error)) from error
    if stream.tell() != len(data):
        raise MalformedDocument("There are bytes behind the CBOR item.")
    return found


def _from_any_form(data: bytes) -> bytes:
    data = data.removeprefix(SELF_DESCRIBED)
    return _from_hexadecimal(data) if data[:1] and data[0] in _HEX_DIGITS else data


def _check_number_of_items(data: bytes, *, max_chunks: int) -> None:
    """Goes from header to header (RFC 8949 section 3) without interpreting them; what is not CBOR is left to the
    decoder. Raises `MalformedDocument`."""
    at, size, items = 0, len(data), 0
    chunks_of = -1
    """The major type of the string of indefinite length whose chunks come; -1 for none."""
    while at < size:
        head = data[at]
        if chunks_of >= 0:
            if head == _BREAK:
                chunks_of = -1
                at += 1
                continue
            if head >> 5 != chunks_of or head & 31 == _INDEFINITE:
                return  # no chunk
            max_chunks -= 1
            if max_chunks < 0:
                raise MalformedDocument(f"The strings of the body have more than {MAX_CHUNKS} chunks.")
        else:
            items += 1
            if items > MAX_ITEMS:
                raise MalformedDocument(_TOO_MANY)
        major, info = head >> 5, head & 31
        if major in {2, 3}:
            if info < 24:
                at += 1 + info
                continue
            if info == _INDEFINITE:
                chunks_of = major
        following = 1 << info - 24 if 24 <= info <= 27 else 0
        length = int.from_bytes(data[at + 1 : at + 1 + following]) if major in {2, 3} and following else 0
        at += 1 + following + length


def _from_hexadecimal(data: bytes) -> bytes:
    """RFC 8949 has no text form; a published example of this collection's clients sends hexadecimal digits."""
    try:
        return bytes.fromhex(data.decode("ascii"))
    except ValueError as error:
        raise MalformedDocument("The body is neither a CBOR map nor one in hexadecimal digits.") from error


_TOO_MANY: Final = f"There are more than {MAX_ITEMS} values in the body."


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedDocument("A key stands twice in a JSON object.")
    return found


def _no_constant(name: str) -> NoReturn:
    raise MalformedDocument(f"{name} is not a JSON value.")


def _refuse(_value: object, _immutable: bool) -> NoReturn:
    raise CBORDecodeError("a tag that is not read here")


def _refuse_unknown(_tag: CBORTag, _immutable: bool) -> NoReturn:
    raise CBORDecodeError("a tag that is not read here")


def _text(value: object, _immutable: bool) -> str:
    if not isinstance(value, str):
        raise CBORDecodeError("tag 0 is for text")
    return value


def _epoch(value: object, _immutable: bool) -> Epoch:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise CBORDecodeError("tag 1 is for numbers")
    return Epoch(value)


def _bytes(value: object, _immutable: bool) -> bytes:
    if not isinstance(value, bytes):
        raise CBORDecodeError("this tag is for byte strings")
    return value


_TAGS: Final[Mapping[int, Any]] = {
    0: _text,
    1: _epoch,
    **dict.fromkeys(_BYTES_TAGS, _bytes),
    **dict.fromkeys(_BASE64_TAGS, _text),
    **dict.fromkeys(_REFUSED_TAGS, _refuse),
}


_UNKNOWN_TAG: Final = (
    "The CBOR item has a tag that is not read here; the date-times (0, 1), those of bytes (21 to 23, 64, 68) and of"
    " base64 (33, 34) are."
)
_SENTENCES: Final = {
    "Duplicate map key": "A key stands twice in a CBOR map.",
    "nesting depth": f"The CBOR item is nested deeper than {MAX_DEPTH}.",
    "end of stream": "The CBOR item is incomplete.",
    "map key must be": "A key of a CBOR map is not a text.",
    "this tag is for": "The tags 21 to 23, 64 and 68 are for byte strings.",
    "is for": "The tags 0, 33 and 34 are for a text, tag 1 for a number of seconds.",
    "semantic tag": _UNKNOWN_TAG,
    "not read here": _UNKNOWN_TAG,
}
"""Words in the library's messages -> the sentence for the client. The first match counts."""


def _sentence(error: Exception) -> str:
    text = "nesting depth" if isinstance(error, RecursionError) else str(error)
    return next((sentence for words, sentence in _SENTENCES.items() if words in text), "The body is not valid CBOR.")
