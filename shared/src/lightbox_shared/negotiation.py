"""What a client accepts (RFC 9110 section 12): media types by `Accept`, content codings by `Accept-Encoding`."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

_ANY: Final = "*/*"


class Preference(NamedTuple):
    """How much a client likes a media type. Of two preferences the greater one is the better one."""

    quality: float
    """From 0, not acceptable, to 1."""
    precision: int
    """2 where the header names the type, 1 for `image/*`, 0 for `*/*` and for what is not mentioned."""


def choose(accept: str | None, offered: Sequence[str]) -> str | None:
    """The media type of `offered` that the client prefers; None if it accepts none of them.

    Of equally liked types, one that is named wins over one that a range covers, then the first offered. A header that
    is missing or malformed expresses no preference.
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
    """How much a client with these `media_ranges` likes a media type; the most specific range decides (RFC 9110
    section 12.5.1)."""
    kind = media_type.partition("/")[0]
    for precision, name in ((2, media_type), (1, f"{kind}/*"), (0, _ANY)):
        if name in ranges:
            return Preference(ranges[name], precision)
    return Preference(0.0, 0)


def media_ranges(accept: str | None) -> dict[str, float]:
    """Media range -> quality, without parameters of the types. Empty for no header and for a malformed one."""
    found: dict[str, float] = {}
    for name, parameters in _elements(accept):
        kind, slash, subtype = name.partition("/")
        quality = _weight(parameters)
        if not kind or not slash or not subtype or quality is None or (kind == "*" and subtype != "*"):
            return {}
        found[name] = max(quality, found.get(name, 0.0))
    return found


def prefers_coding(accept_encoding: str | None, coding: str) -> bool:
    """Whether `Accept-Encoding` names a content coding, with a weight that is not below that of `identity` (RFC 9110
    section 12.5.3). `*` does not name it: clients that send `*` rarely mean a coding that is newer than they are."""
    weights = {name: _weight(parameters) or 0.0 for name, parameters in _elements(accept_encoding)}
    found = weights.get(coding, 0.0)
    return found > 0 and found >= weights.get("identity", 0.0)


def _elements(header: str | None) -> list[tuple[str, list[str]]]:
    """The elements of a list in lower case, each with its parameters; empty elements are left out (RFC 9110 section
    5.6.1)."""
    split = [[part.strip() for part in element.split(";")] for element in (header or "").lower().split(",")]
    return [(name, parameters) for name, *parameters in split if name or parameters]


def _weight(parameters: Sequence[str]) -> float | None:
    """The weight `q` (RFC 9110 section 12.4.2), 1 where there is none; None if it is no number from 0 to 1."""
    text = next((each[2:].strip() for each in parameters if each.startswith("q=")), "1")
    if len(text) > len("0.123") or not text.isascii() or not text.replace(".", "", 1).isdigit():
        return None
    quality = float(text)
    return quality if quality <= 1 else None
