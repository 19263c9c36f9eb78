"""The media types of the collection, and their Content-Format numbers in CoAP."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

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
"""Media type -> number, as registered (CoAP Content-Formats, RFC 7252 section 12.3). The media types of other pictures
have no number."""
MEDIA_TYPES: Final[Mapping[int, str]] = MappingProxyType({number: name for name, number in CONTENT_FORMATS.items()})
"""Number -> media type."""
