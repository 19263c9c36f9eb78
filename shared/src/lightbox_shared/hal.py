"""Resources with links: HAL (draft-kelly-json-hal), sent as `application/hal+json` to who asks for it and as plain JSON
to everybody else. The body is the same.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final, NotRequired
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel, Field
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

HAL_TYPE: Final = "application/hal+json"
JSON_TYPE: Final = "application/json"


class Link(TypedDict):
    """Where something is; `templated` where the address is a URI template (RFC 6570)."""

    href: str
    templated: NotRequired[bool]


Links = dict[str, Link]
"""By relation; every resource has at least `self`."""


class Resource(BaseModel):
    """A body with `_links`."""

    links: Links = Field(alias="_links")


def link(href: str) -> Link:
    """A link to one address."""
    return {"href": href}


def template(href: str) -> Link:
    """A link to whatever the template's variables make of it."""
    return {"href": href, "templated": True}


def self_link(href: str, **others: str) -> Links:
    """`self`, and links by relation beside it."""
    return {"self": link(href), **{relation: link(other) for relation, other in others.items()}}


def page_links(
    path: str, query: Mapping[str, str | int | None], *, offset: int, limit: int, total: int, find: str
) -> Links:
    """The links of a page of a list: itself, its neighbours where there are any, and `find`, the template of a search.
    `query` is what the list is filtered by; None for what it is not."""
    filters = {name: value for name, value in query.items() if value is not None}

    def page(at: int, size: int) -> Link:
        return link(f"{path}?{urlencode({**filters, 'offset': at, 'limit': size})}")

    links = {"self": page(offset, limit), "find": template(find)}
    if offset + limit < total:
        links["next"] = page(offset + limit, limit)
    if offset > 0:
        links["prev"] = page(max(0, offset - limit), min(limit, offset))
    return links


def media_type(accept: str | None, *, default: str = JSON_TYPE) -> str:
    """HAL where `Accept` names it and likes nothing better than it, plain JSON where it likes that better (RFC 9110
    section 12.5.1), and `default` where it tells no difference. Who accepts neither gets `default` too."""
    if accept is None:
        return default
    ranges = _ranges(accept)
    named = ranges.get(HAL_TYPE)
    plain = ranges.get(JSON_TYPE)
    anything = ranges.get("application/*", ranges.get("*/*", 0.0))
    hal_quality = anything if named is None else named
    json_quality = anything if plain is None else plain
    if hal_quality != json_quality:
        return HAL_TYPE if hal_quality > json_quality else JSON_TYPE
    return HAL_TYPE if named else default


def _ranges(accept: str) -> dict[str, float]:
    """Media range -> quality, without other parameters."""
    found: dict[str, float] = {}
    for part in accept.lower().split(","):
        name, *parameters = (each.strip() for each in part.split(";"))
        quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        found[name] = _quality(quality)
    return found


def _quality(text: str) -> float:
    """0 to 1; what is no number counts as 0."""
    plain = text.isascii() and text.replace(".", "", 1).isdigit() and len(text) <= 5  # such as 0.123
    return min(float(text), 1.0) if plain else 0.0


def http_date(at: datetime) -> str:
    """IMF-fixdate (RFC 9110 section 5.6.7)."""
    return format_datetime(at.astimezone(UTC), usegmt=True)


def hal_response(
    request: Request,
    resource: Resource,
    *,
    status: int = 200,
    modified: datetime | None = None,
    headers: Mapping[str, str] | None = None,
    default: str = JSON_TYPE,
) -> Response:
    """The resource in the media type that the request asks for. `modified` is sent as `Last-Modified`; a browser would
    take it for a licence to keep the answer, so that is forbidden, unless `headers` say otherwise."""
    own = {"Cache-Control": "private, no-cache", "Vary": "Accept"}
    if modified is not None:
        own["Last-Modified"] = http_date(modified)
    body = resource.model_dump_json(by_alias=True)
    chosen = media_type(request.headers.get("accept"), default=default)
    return Response(body, status, {**own, **(headers or {})}, media_type=chosen)
