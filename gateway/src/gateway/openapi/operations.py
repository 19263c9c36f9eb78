"""What the gateway adds to an operation by its row of the table: who may call it, and what the gateway refuses itself.

401 and 403 look as on the path; whatever else the gateway says of itself is RFC 9457 problem details. Where a service
answers the same status in another shape, both are described.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.routes import GATEWAY, Access, Route
from lightbox_shared.auth.principal import READ_METHODS, Scope
from lightbox_shared.errors.dialects import PROBLEM_DETAILS, Dialect

Json = dict[str, Any]


def _header(description: str, schema: Json, *, required: bool = False) -> Json:
    return {"description": description, "schema": schema, **({"required": True} if required else {})}


_TEXT: Final[Json] = {"type": "string"}
_RETRY_AFTER: Final = _header(
    "Seconds to wait before the next attempt.", {"type": "integer", "minimum": 0}, required=True
)
_CHALLENGE: Final = _header("RFC 9110 section 11.6.1.", _TEXT, required=True)
_LIMITS: Final = {
    "RateLimit": _header("What is left of the quota (draft-ietf-httpapi-ratelimit-headers).", _TEXT),
    "RateLimit-Policy": _header("The quota and its window in seconds.", _TEXT),
}
_HEADERS: Final[Mapping[int, Json]] = {
    401: {"WWW-Authenticate": _CHALLENGE},
    429: {"Retry-After": _RETRY_AFTER, **_LIMITS},
    503: {"Retry-After": _RETRY_AFTER},
}
_OWN: Final[Mapping[int, tuple[str, str]]] = {
    400: ("BadRequest", "The request can be understood in two ways or in none: its path, its Host, its credentials."),
    401: ("Unauthorized", "There are no credentials, or they are not valid (any more)."),
    403: ("Forbidden", "The credentials are not for this."),
    404: ("NotFound", "There is no such path."),
    408: ("RequestTimeout", "The connection stood still for too long."),
    413: ("ContentTooLarge", "The body is larger than what is accepted here."),
    429: ("TooManyRequests", "Too many requests. The quotas are settings (`LIGHTBOX_RATE_...`)."),
    431: ("HeadersTooLarge", "The headers of the request are too large."),
    502: ("BadGateway", "The service broke off in the middle of its answer."),
    503: ("ServiceUnavailable", "The service can't be reached, or something that it needs."),
    504: ("GatewayTimeout", "The service took too long."),
}
"""Status -> name of the component, description."""


def _response(status: int, dialect: Dialect) -> Json:
    content = {
        media_type: {"schema": {"$ref": f"#/components/schemas/{name}"}}
        for media_type, (name, _) in dialect.content.items()
    }
    headers = {"headers": _HEADERS[status]} if status in _HEADERS else {}
    return {"description": _OWN[status][1], **headers, "content": content}


RESPONSES: Final[Mapping[str, Json]] = {name: _response(status, PROBLEM_DETAILS) for status, (name, _) in _OWN.items()}
"""The gateway's own answers in problem details, as components of the document."""


def schemas(route: Route) -> dict[str, Json]:
    """The schemas of what the gateway answers on a route."""
    named = [*PROBLEM_DETAILS.content.values(), *route.dialect.content.values()]
    return {name: dict(schema) for name, schema in named}


def completed(operation: Json, path: str, method: str, route: Route) -> Json:
    """An operation of a service with what the gateway adds to it."""
    responses = dict(operation.get("responses", {}))
    for status, dialect in _refusals(operation, path, route):
        responses[str(status)] = _with_refusal(responses.get(str(status)), status, dialect)
    whole = {**operation, "responses": dict(sorted(responses.items()))}
    if route.access is not Access.PUBLIC:
        whole["security"] = _security(route)
        whole["description"] = "\n\n".join(filter(None, (operation.get("description"), _callers(route, method))))
    return whole


def _refusals(operation: Json, path: str, route: Route) -> Iterator[tuple[int, Dialect]]:
    """Status and dialect of what the gateway may answer in place of the service."""
    statuses = [400, 431]
    if "{" in path:
        statuses.append(404)
    if "requestBody" in operation:
        statuses += [408, 413]
    if route.service != GATEWAY:
        statuses += [429, 502, 503, 504]
    yield from ((status, PROBLEM_DETAILS) for status in statuses)
    if route.access is not Access.PUBLIC:
        yield 401, route.dialect
    if route.access is not Access.PUBLIC or route.signs_in:
        yield 403, route.dialect


def _with_refusal(known: Json | None, status: int, dialect: Dialect) -> Json:
    """The response of a service, with what the gateway may answer by the same status. The service's media type comes
    first: some generators of clients look at no other."""
    if known is None and dialect == PROBLEM_DETAILS:
        return {"$ref": f"#/components/responses/{_OWN[status][0]}"}
    added = _response(status, dialect)
    if known is None:
        return added
    merged = {key: _joined(known.get(key, {}), added.get(key, {})) for key in ("headers", "content")}
    return {**known, **{key: entries for key, entries in merged.items() if entries}}


def _joined(first: Json, second: Json) -> Json:
    """Both, in this order; of two values the first."""
    return {**first, **{key: value for key, value in second.items() if key not in first}}


def _security(route: Route) -> list[dict[str, list[str]]]:
    names = ["oauth2", "bearer", "token", "session", *(["key"] if route.scopes else [])]
    required: list[dict[str, list[str]]] = [{name: []} for name in names]
    return [{}, *required] if route.access is Access.OPTIONAL else required


def _callers(route: Route, method: str) -> str:
    """Who may call, as far as `security` can't say it."""
    admin = "For administrators. " if route.access is Access.ADMIN else ""
    scopes = set(route.scopes)
    if scopes and method in READ_METHODS:
        scopes.add(Scope.READ)
    if not scopes:
        return f"{admin}Not with an API key, nor with a token that is limited to scopes."
    names = " or ".join(f"`{scope}`" for scope in Scope if scope in scopes)
    return f"{admin}API keys, and tokens that are limited to scopes, need the scope {names}."
