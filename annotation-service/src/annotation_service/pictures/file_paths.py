"""`file_path` of a new image: the address of a picture that the platform has already.

It is never requested as it is written. It is taken apart here, and `pictures.sources` asks the owner of the picture by
its id, so that an address can't lead anywhere else.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote

from lightbox_shared.requests.forms import is_storable

MAX_QUERY_FIELDS: Final = 20

_ABSOLUTE: Final = re.compile(r"(https?)://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HIDING_ESCAPE: Final = re.compile(r"%(?:2e|2f|5c)", re.IGNORECASE)
"""Dots, slashes and backslashes, which need no escape."""
_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


class InvalidFilePath(ValueError):
    """The text is no address of this platform. The message may be sent to the client."""


@dataclass(frozen=True, slots=True)
class FilePath:
    """The segments of a path, decoded, and the parameters of its query."""

    segments: tuple[str, ...]
    query: Mapping[str, str]


def parse_file_path(text: str, *, own_base: str) -> FilePath:
    """Take a path, or a URL that begins with `own_base` (the platform's own `scheme://host`), apart.

    Raises `InvalidFilePath` for other hosts, for paths that climb or could be read in two ways, and for broken ones.
    """
    if not is_storable(text) or _CONTROL.search(text):
        raise InvalidFilePath("Control characters are not allowed.")
    if "\\" in text:
        raise InvalidFilePath("Backslashes are not allowed.")
    if "#" in text:
        raise InvalidFilePath("A fragment (#) is not allowed.")
    path, _, query = _local(text, own_base).partition("?")
    if not path.startswith("/"):
        raise InvalidFilePath("Not a path that begins with a slash, nor a URL of this platform.")
    if path.startswith("//"):
        raise InvalidFilePath("This is an address of another host.")
    return FilePath(_segments(path), _parameters(query))


def _local(text: str, own_base: str) -> str:
    """The path and query of a URL of this platform; another text as it is."""
    found = _ABSOLUTE.fullmatch(text)
    if found is None:
        return text
    own = _ABSOLUTE.fullmatch(own_base.rstrip("/"))
    if own is None or _origin(found[1], found[2]) != _origin(own[1], own[2]):
        raise InvalidFilePath("This is an address of another host.")
    if not found[3].startswith(own[3]):
        raise InvalidFilePath("This is not an address of this platform.")
    return found[3].removeprefix(own[3])


def _origin(scheme: str, authority: str) -> tuple[str, str]:
    """RFC 6454 section 4; an authority with a username is never equal to that of the platform."""
    return scheme.lower(), authority.lower().removesuffix(_DEFAULT_PORTS[scheme.lower()])


def _segments(path: str) -> tuple[str, ...]:
    if _BROKEN_ESCAPE.search(path):
        raise InvalidFilePath("A percent sign is written as %25.")
    if _HIDING_ESCAPE.search(path):
        raise InvalidFilePath("Dots and slashes may not be written as escapes.")
    try:
        decoded = unquote(path, errors="strict")
    except UnicodeDecodeError as error:
        raise InvalidFilePath("The escapes are not UTF-8.") from error
    if _ESCAPE.search(decoded):
        raise InvalidFilePath("Escapes of escapes are not allowed.")
    if not is_storable(decoded) or _CONTROL.search(decoded):
        raise InvalidFilePath("Control characters are not allowed.")
    segments = tuple(decoded.split("/"))[1:]
    if len(segments) > 1 and not segments[-1]:
        segments = segments[:-1]  # every path of the platform answers with and without a slash at its end
    if any(each in {"", ".", ".."} for each in segments):
        raise InvalidFilePath("A path with empty segments, . or .. is not allowed.")
    return segments


def _parameters(query: str) -> dict[str, str]:
    if not query:
        return {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MAX_QUERY_FIELDS)
    except ValueError as error:
        raise InvalidFilePath("The query is not valid.") from error
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise InvalidFilePath("A parameter of the query stands twice.")
    if any(not is_storable(each) or _CONTROL.search(each) for pair in pairs for each in pair):
        raise InvalidFilePath("Control characters are not allowed.")
    return parameters
