"""Content negotiation (RFC 9110 section 12): media types by `Accept`, content codings by `Accept-Encoding`."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

_ANY: Final = "*/*"


class Preference(NamedTuple):
    """How much a client prefers a media type. Preferences can be compared; the greater one is preferred."""

    quality: float
    """From 0 (not acceptable) to 1."""
    precision: int
    """2 where the header names the type, 1 for `image/*`, 0 for `*/*` and for what is not mentioned."""


def choose(accept: str | None, offered: Sequence[str]) -> str | None:
    """The media type of `offered` that the client prefers; None if it accepts none of them.

    Among types of equal quality one that the header names is chosen before one that a range covers, then the first one
    offered. A missing or malformed header expresses no preference.
    """
    ranges = media_ranges(accept)
    if not ranges:
        return offered[0] if offered else None
    best: tuple[Preference, str] | None = None
    for media_type in offered:
        liking = preference(media_type, ranges)
        if liking.quality > 0 and (best is None or liking > best[0]):
            best = liking, media_type
    return None if best is None else best[1]


def preference(media_type: str, ranges: Mapping[str, float]) -> Preference:
    """The preference for a media type by these `media_ranges`, of which the most specific one counts (RFC 9110 section
    12.5.1)."""
    kind = media_type.partition("/")[0]
    for precision, name in ((2, media_type), (1, f"{kind}/*"), (0, _ANY)):
        if name in ranges:
            return Preference(ranges[name], precision)
    return Preference(0.0, 0)


def media_ranges(accept: str | None) -> dict[str, float]:
    """The quality of each media range of an `Accept` header; parameters are left out. Empty without a valid header."""
    found: dict[str, float] = {}
    for name, parameters in _elements(accept):
        kind, slash, subtype = name.partition("/")
        quality = _weight(parameters)
        if not kind or not slash or not subtype or quality is None or (kind == "*" and subtype != "*"):
            return {}
        found[name] = max(quality, found.get(name, 0.0))
    return found


def prefers_coding(accept_encoding: str | None, coding: str) -> bool:
    """Whether `Accept-Encoding` names a content coding with a weight not below that of `identity` (RFC 9110 section
    12.5.3). `*` is not enough, since clients send it that can't decode newer codings."""
    weights = {name: _weight(parameters) or 0.0 for name, parameters in _elements(accept_encoding)}
    found = weights.get(coding, 0.0)
    return found > 0 and found >= weights.get("identity", 0.0)


def _elements(header: str | None) -> list[tuple[str, list[str]]]:
    """The elements of a header that is a list, in lower case, each with its parameters (RFC 9110 section 5.6.1).

    Empty elements are left out.
    """
    split = [[part.strip() for part in element.split(";")] for element in (header or "").lower().split(",")]
    return [(name, parameters) for name, *parameters in split if name or parameters]


def _weight(parameters: Sequence[str]) -> float | None:
    """The weight `q` (RFC 9110 section 12.4.2), by default 1; None if it is not a number from 0 to 1."""
    text = next((each[2:].strip() for each in parameters if each.startswith("q=")), "1")
    if len(text) > len("0.123") or not text.isascii() or not text.replace(".", "", 1).isdigit():
        return None
    quality = float(text)
    return quality if quality <= 1 else None
