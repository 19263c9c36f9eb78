"""Reading small request bodies: JSON, urlencoded and multipart forms all become one dictionary.

Bodies that no endpoint can use are refused here: those that are cut short, texts that are not UTF-8, lone surrogates
(which JSON can express and UTF-8 can't) and U+0000 (which PostgreSQL can't store). A byte order mark before JSON is
ignored, as RFC 8259 section 8.1 allows, here and wherever the platform reads JSON. Uploads of files are read by
`lightbox_shared.requests.uploads`.
"""

import json
from collections.abc import AsyncGenerator, Iterator
from typing import Final, NoReturn
from urllib.parse import parse_qsl

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect

from lightbox_shared.errors import BadRequest, FieldError, InvalidRequest, TooLarge, UnsupportedMediaType
from lightbox_shared.errors.sentences import NOT_A_STRING, NULL_CHARACTERS
from lightbox_shared.requests.content_length import content_length
from lightbox_shared.requests.multipart import ENDED_EARLY, UTF8, read_multipart

MAX_BYTES: Final = 64 * 1024
MAX_FIELDS: Final = 100

JSON_TYPE: Final = "application/json"
URLENCODED_TYPE: Final = "application/x-www-form-urlencoded"
MULTIPART_TYPE: Final = "multipart/form-data"

_MEDIA_TYPES: Final = f"Send {JSON_TYPE}, {URLENCODED_TYPE} or {MULTIPART_TYPE}, in UTF-8."


async def read_fields(request: Request, *, max_bytes: int = MAX_BYTES, any_text: bool = False) -> dict[str, object]:
    """The members of a JSON object or the fields of a form; the last one of several with the same name.

    An empty body has no fields. Raises `UnsupportedMediaType`, `TooLarge` above `max_bytes`, `BadRequest` for a body
    that can't be parsed, and `InvalidRequest` for texts that can't be stored. With `any_text` those are returned, and
    the caller has to check them by `is_storable`.
    """
    media_type, parameters = parse_options_header(request.headers.get("content-type", ""))
    charset = parameters.get(b"charset", b"utf-8").lower()
    known = media_type in {JSON_TYPE.encode(), URLENCODED_TYPE.encode(), MULTIPART_TYPE.encode()}
    if charset not in UTF8 or (media_type and not known):
        raise UnsupportedMediaType(_MEDIA_TYPES)
    body = await _read_body(request, max_bytes)
    if not body:
        return {}
    match media_type:
        case b"application/json":
            fields = _parse_json(_text(body))
        case b"application/x-www-form-urlencoded":
            fields = dict(_parse_urlencoded(_text(body)))
        case b"multipart/form-data":
            fields = await _parse_multipart(body, request.headers)
        case _:
            raise UnsupportedMediaType("The body has no Content-Type.")
    if not any_text:
        _refuse_unstorable(fields)
    return fields


async def read_pairs(request: Request, *, max_bytes: int = MAX_BYTES) -> list[tuple[str, str]]:
    """The fields of an urlencoded form in their order, for protocols in which a repeated field is an error.

    Raises the same exceptions as `read_fields`.
    """
    media_type, parameters = parse_options_header(request.headers.get("content-type", ""))
    if media_type != URLENCODED_TYPE.encode() or parameters.get(b"charset", b"utf-8").lower() not in UTF8:
        raise UnsupportedMediaType(f"Send {URLENCODED_TYPE}, in UTF-8.")
    pairs = _parse_urlencoded(_text(await _read_body(request, max_bytes)))
    for name, value in pairs:
        _refuse_unstorable({name: value})
    return pairs


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRequest("The body is not valid UTF-8.") from error


async def _read_body(request: Request, max_bytes: int) -> bytes:
    if (content_length(request.headers.get("content-length")) or 0) > max_bytes:
        raise TooLarge(f"The body may have at most {max_bytes} bytes.")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_bytes:
                raise TooLarge(f"The body may have at most {max_bytes} bytes.")
    except ClientDisconnect as error:
        raise BadRequest(ENDED_EARLY) from error
    return bytes(body)


def _parse_json(text: str) -> dict[str, object]:
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise BadRequest("The JSON is nested too deeply.") from error
    except ValueError as error:  # also raised for numbers with thousands of digits
        raise BadRequest(json_problem(error)) from error
    if not isinstance(value, dict):
        raise BadRequest("The body must be a JSON object.")
    return value


def json_problem(error: ValueError) -> str:
    """A sentence for what `json.loads` raised. A control character inside a string is named: most of them are the line
    ends that some tools put into base64 (RFC 8259 section 7)."""
    if isinstance(error, json.JSONDecodeError) and error.msg.startswith("Invalid control character"):
        character = ord(error.doc[error.pos])
        return f"The body is not valid JSON: a string has a control character in it, U+{character:04X}."
    return "The body is not valid JSON."


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)  # Python's parser accepts NaN and Infinity, which are not JSON


def _parse_urlencoded(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:  # too many fields, or escapes that are not UTF-8
        raise BadRequest("The body is not a valid form.") from error


async def _parse_multipart(body: bytes, headers: Headers) -> dict[str, object]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    form = await read_multipart(
        headers, stream(), file=None, max_files=0, max_fields=MAX_FIELDS, max_part_bytes=len(body)
    )
    return dict(form.multi_items())


def _refuse_unstorable(fields: dict[str, object]) -> None:
    if any(_unstorable(name) for name in fields):
        raise BadRequest("A field's name has characters that are not allowed.")
    wrong = [
        FieldError(name, problem)
        for name, value in fields.items()
        if (problem := next((each for text in _texts(value) if (each := _unstorable(text))), None))
    ]
    if wrong:
        raise _invalid(wrong)


def _invalid(wrong: list[FieldError]) -> InvalidRequest:
    return InvalidRequest("; ".join(f"{each.field}: {each.message}" for each in wrong), fields=wrong)


def is_storable(text: str) -> bool:
    """Whether a text can be encoded in UTF-8 and stored by PostgreSQL."""
    return _unstorable(text) is None


def _unstorable(text: str) -> str | None:
    if "\0" in text:
        return NULL_CHARACTERS
    return NOT_A_STRING if any("\ud800" <= each <= "\udfff" for each in text) else None


def _texts(value: object) -> Iterator[str]:
    """All strings inside of a JSON value. Not recursive, since clients can nest values deeper than Python's stack."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case list() as items:
                waiting.extend(items)
            case dict() as members:
                waiting.extend(members.keys())
                waiting.extend(members.values())
