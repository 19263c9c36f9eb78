"""The links that discovery answers (RFC 6690). Over HTTP each collection is a link with exactly two attributes, which
its published clients compare; over CoAP the links also have what a constrained client has to know before a request, and
further resources follow."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from core_collection_service.protocol import link_format
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

_COLLECTION_TYPES: Final = (LINK_FORMAT, JSON, CBOR, SENML_JSON, SENML_CBOR)
_PICTURE_TYPES: Final = (JPEG, PNG, OCTET_STREAM)
_DEVICE_TYPES: Final = (JSON, CBOR)


def links(collections: Mapping[str, str], *, coap: bool) -> list[Link]:
    """The links of all collections, which are names with their resource types, over CoAP or over HTTP."""
    found = [_collection(name, resource_type, coap=coap) for name, resource_type in collections.items()]
    if coap:
        latest = ("title", "Newest picture of ?deviceId="), ("ct", _content_formats(_PICTURE_TYPES))
        found += [Link(f"/collections/{name}/latest", latest) for name in collections]
        found.append(Link("/collections/devices", (("title", "Devices"), ("ct", _content_formats(_DEVICE_TYPES)))))
    return found


def document(found: Iterable[Link], query: str | Sequence[str] | None) -> str:
    """The links that pass the filters of a query, as a link-format document. The query is that of an HTTP request,
    percent-encoded, or CoAP's Uri-Query options."""
    return link_format.write(link_format.select(found, query))


def _collection(name: str, resource_type: str, *, coap: bool) -> Link:
    attributes: tuple[tuple[str, str | None], ...] = (("rt", resource_type), ("if", INTERFACE))
    if coap:
        attributes += (("ct", _content_formats(_COLLECTION_TYPES)), ("obs", None))
    return Link(f"/collections/{name}", attributes)


def _content_formats(media_types: Iterable[str]) -> str:
    """The value of the attribute `ct` (RFC 7252 section 7.2.1)."""
    return " ".join(str(CONTENT_FORMATS[each]) for each in media_types)
