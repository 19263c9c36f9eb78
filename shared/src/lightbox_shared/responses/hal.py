"""Resources with links in HAL (draft-kelly-json-hal).

They are sent as `application/hal+json` to clients that ask for it and as `application/json` to others, with the same
body.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final, NotRequired
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel, Field
from typing_extensions import TypedDict  # before Python 3.12 pydantic needs this one

from lightbox_shared.requests.bodies import REF_TEMPLATE
from lightbox_shared.responses.negotiation import media_ranges, preference

HAL_TYPE: Final = "application/hal+json"
JSON_TYPE: Final = "application/json"


class Link(TypedDict):
    """A link to `href`, which is a URI template (RFC 6570) if `templated` is true."""

    href: str
    templated: NotRequired[bool]


Links = dict[str, Link]
"""Links by their relation. Every resource has at least `self`."""


class Resource(BaseModel):
    """The body of a response, with the member `_links`."""

    links: Links = Field(alias="_links")


def link(href: str) -> Link:
    """A link to a URL or path."""
    return {"href": href}


def template(href: str) -> Link:
    """A link whose `href` is a URI template."""
    return {"href": href, "templated": True}


def self_link(href: str, **others: str) -> Links:
    """Links of a resource: `self`, and `others` as relation and path."""
    return {"self": link(href), **{relation: link(other) for relation, other in others.items()}}


def page_links(
    path: str, query: Mapping[str, str | int | None], *, offset: int, limit: int, total: int, find: str
) -> Links:
    """The links of a page of a list: `self`, `find`, and `prev` and `next` where there are such pages.

    `query` are the filters of the list, without those that are None; `find` is the URI template of a search.
    """
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
    """The media type for a client with this `Accept` header: HAL or plain JSON (RFC 9110 section 12.5.1).

    HAL if the header prefers it, or names it and does not prefer plain JSON; plain JSON if the header prefers that;
    else `default`, also for a client that accepts neither.
    """
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
    """A time as IMF-fixdate (RFC 9110 section 5.6.7), such as `Sun, 06 Nov 1994 08:49:37 GMT`."""
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
    """A response with the resource in the media type that the request prefers.

    `modified` is sent as `Last-Modified`. Browsers cache responses with that header by a heuristic (RFC 9111 section
    4.2.2), so `Cache-Control` forbids it, unless `headers` have another value.
    """
    own = {"Cache-Control": "private, no-cache", "Vary": "Accept"}
    if modified is not None:
        own["Last-Modified"] = http_date(modified)
    body = resource.model_dump_json(by_alias=True)
    chosen = media_type(request.headers.get("accept"), default=default)
    return Response(body, status, {**own, **(headers or {})}, media_type=chosen)
