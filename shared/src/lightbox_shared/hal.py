"""Resources with links: HAL (draft-kelly-json-hal), sent as `application/hal+json` to who asks for it and as plain JSON
to everybody else. The body is the same.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final, NotRequired
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel, Field
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

from lightbox_shared.negotiation import media_ranges, preference
from lightbox_shared.request_bodies import REF_TEMPLATE

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
    """HAL where `Accept` prefers it, or names it and likes plain JSON no better; plain JSON where that is preferred
    (RFC 9110 section 12.5.1); `default` where there is no difference, also for a client that accepts neither."""
    ranges = media_ranges(accept)
    hal, plain = preference(HAL_TYPE, ranges), preference(JSON_TYPE, ranges)
    if hal.quality != plain.quality:
        return HAL_TYPE if hal.quality > plain.quality else JSON_TYPE
    return HAL_TYPE if hal.quality and HAL_TYPE in ranges else default


def hal_content(model: type[Resource]) -> dict[str, Any]:
    """For one of `responses` of an endpoint whose `response_model` is `model`: the same body as
    `application/hal+json`."""
    return {"content": {HAL_TYPE: {"schema": {"$ref": REF_TEMPLATE.format(model=model.__name__)}}}}


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
