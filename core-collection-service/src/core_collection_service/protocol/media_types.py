"""The media types of the collection, their numbers in CoAP, and which of several a client likes best (RFC 9110 section
12.5.1)."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

JSON: Final = "application/json"
CBOR: Final = "application/cbor"
LINK_FORMAT: Final = "application/link-format"
SENML_JSON: Final = "application/senml+json"
SENML_CBOR: Final = "application/senml+cbor"
EVENT_STREAM: Final = "text/event-stream"
OCTET_STREAM: Final = "application/octet-stream"
PROBLEM_JSON: Final = "application/problem+json"
PROBLEM_CBOR: Final = "application/concise-problem-details+cbor"
JPEG: Final = "image/jpeg"
PNG: Final = "image/png"

CONTENT_FORMATS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "text/plain": 0,
        JPEG: 22,
        PNG: 23,
        LINK_FORMAT: 40,
        OCTET_STREAM: 42,
        JSON: 50,
        CBOR: 60,
        SENML_JSON: 110,
        SENML_CBOR: 112,
        PROBLEM_CBOR: 257,
    }
)
"""As registered (CoAP Content-Formats, RFC 7252 section 12.3). Other media types have no number that is used here."""

_ANYTHING: Final = "*/*"


class _Liking(NamedTuple):
    """How much a client likes a type, and how closely it said so: by name 2, by a range 1 or 0."""

    quality: float
    precision: int


def choose(accept: str | None, offered: Sequence[str]) -> str | None:
    """The one of `offered` that a client likes best; None if it accepts none of them. Of those that it likes equally
    the one that it names wins over one that a range covers, then the first offered. A header that is missing or that
    can't be read is no wish."""
    ranges = _ranges(accept or "")
    if not ranges:
        return offered[0] if offered else None
    best: tuple[_Liking, str] | None = None
    for media_type in offered:
        liking = _liking(media_type, ranges)
        if liking.quality > 0 and (best is None or liking > best[0]):
            best = liking, media_type
    return None if best is None else best[1]


def _liking(media_type: str, ranges: Mapping[str, float]) -> _Liking:
    kind = media_type.partition("/")[0]
    for precision, name in ((2, media_type), (1, f"{kind}/*"), (0, _ANYTHING)):
        if name in ranges:
            return _Liking(ranges[name], precision)
    return _Liking(0.0, 0)


def _ranges(accept: str) -> dict[str, float]:
    """Media range -> quality; parameters of the types are of no concern. Empty if any part can't be read."""
    found: dict[str, float] = {}
    for part in accept.lower().split(","):
        name, *parameters = (each.strip() for each in part.split(";"))
        if not name and not parameters:
            continue  # a list may have empty elements (RFC 9110 section 5.6.1)
        kind, slash, subtype = name.partition("/")
        quality = quality_of(parameters)
        if not kind or not slash or not subtype or quality is None or (kind == "*" and subtype != "*"):
            return {}
        found[name] = max(quality, found.get(name, 0.0))
    return found


def quality_of(parameters: Sequence[str]) -> float | None:
    """The weight among the parameters of a list element (RFC 9110 section 12.4.2), 1 if there is none; None if it is no
    number from 0 to 1."""
    text = next((each[2:].strip() for each in parameters if each.startswith("q=")), "1")
    if len(text) > len("0.123") or not text.isascii() or not text.replace(".", "", 1).isdigit():
        return None
    quality = float(text)
    return quality if quality <= 1 else None
