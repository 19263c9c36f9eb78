"""What there is to discover (RFC 6690): each collection by its resource type (`rt`), over HTTP with one link of two
attributes, over CoAP also with what a constrained client wants to know before it asks."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from core_collection_service.protocol import link_format as format_of_links
from core_collection_service.protocol.link_format import Link
from core_collection_service.protocol.media_types import (
    CBOR,
    CONTENT_FORMATS,
    JPEG,
    JSON,
    LINK_FORMAT,
    OCTET_STREAM,
    PNG,
    SENML_CBOR,
    SENML_JSON,
)

INTERFACE: Final = "core.b"
"""A batch (draft-ietf-core-interfaces): GET with SenML answers the newest picture of each device."""

_COLLECTION: Final = (LINK_FORMAT, JSON, CBOR, SENML_JSON, SENML_CBOR)
_PICTURE: Final = (JPEG, PNG, OCTET_STREAM)
_DEVICES: Final = (JSON, CBOR)


def links(collections: Mapping[str, str], *, coap: bool) -> list[Link]:
    """The links of all collections; `collections` is name -> resource type."""
    found = [_collection(name, resource_type, coap=coap) for name, resource_type in collections.items()]
    if coap:
        found += [
            Link(f"/collections/{name}/latest", (("title", "Newest picture of ?deviceId="), ("ct", _numbers(_PICTURE))))
            for name in collections
        ]
        found.append(Link("/collections/devices", (("title", "Devices"), ("ct", _numbers(_DEVICES)))))
    return found


def select(found: Iterable[Link], query: str | Sequence[str] | None) -> list[Link]:
    """Those that the filters of a query let pass: of an HTTP request's, percent-encoded, or of CoAP's Uri-Query
    options."""
    return format_of_links.select(found, query)


def link_format(found: Iterable[Link]) -> str:
    """The document."""
    return format_of_links.write(found)


def _collection(name: str, resource_type: str, *, coap: bool) -> Link:
    attributes: tuple[tuple[str, str | None], ...] = (("rt", resource_type), ("if", INTERFACE))
    if coap:
        attributes += (("ct", _numbers(_COLLECTION)), ("obs", None))
    return Link(f"/collections/{name}", attributes)


def _numbers(media_types: Iterable[str]) -> str:
    """As `ct` has them (RFC 7252 section 7.2.1)."""
    return " ".join(str(CONTENT_FORMATS[each]) for each in media_types)
