"""Adds to an operation of a service who may call it, and the error responses of the gateway.

The answers 401 and 403, and 400 for a body that breaks off, have the documented form of the route; other errors of the
gateway are problem details (RFC 9457), in the form of the route too. If a service answers the same status in another
format, both are described.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.routes import GATEWAY, WITH_MESSAGE, Access, Route
from lightbox_shared.auth.principal import READ_METHODS, Scope
from lightbox_shared.errors.dialects import PROBLEM_DETAILS, Dialect, ProblemDetails

Json = dict[str, Any]


def _header(description: str, schema: Json, *, required: bool = False) -> Json:
    return {"description": description, "schema": schema, **({"required": True} if required else {})}


_REFERENCE: Final = "#/components/responses/"
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


def _component(status: int, form: ProblemDetails) -> str:
    member = form.sentence_member
    return _OWN[status][0] + ("" if member is None else f"With{member.title()}")


RESPONSES: Final[Mapping[str, Json]] = {
    _component(status, form): _response(status, form) for form in (PROBLEM_DETAILS, WITH_MESSAGE) for status in _OWN
}
"""The error responses of the gateway in problem details, as components of the document."""


def error_schemas(route: Route) -> dict[str, Json]:
    """The schemas of the error responses of the gateway on a route, by name."""
    forms: tuple[Dialect, ...] = (PROBLEM_DETAILS, route.dialect.others, route.dialect.documented)
    named = [each for form in forms for each in form.content.values()]
    return {name: dict(schema) for name, schema in named}


def with_gateway_responses(operation: Json, path: str, method: str, route: Route) -> Json:
    """Return a copy of an operation with the error responses of the gateway, and who may call it."""
    responses = dict(operation.get("responses", {}))
    for status, dialect in _refusals(operation, path, route):
        responses[str(status)] = _with_refusal(responses.get(str(status)), status, dialect)
    complete = {**operation, "responses": dict(sorted(responses.items()))}
    if route.access is not Access.PUBLIC:
        complete["security"] = _security(route)
        complete["description"] = "\n\n".join(filter(None, (operation.get("description"), _callers(route, method))))
    return complete


def _refusals(operation: Json, path: str, route: Route) -> Iterator[tuple[int, Dialect]]:
    """Status and format of the errors that the gateway may answer in place of the service."""
    documented, others = route.dialect.documented, route.dialect.others
    statuses = [400, 431]
    if "{" in path:
        statuses.append(404)
    if "requestBody" in operation:
        statuses += [408, 413]
    if route.service != GATEWAY:
        statuses += [429, 502, 503, 504]
    yield from ((status, others) for status in statuses)
    if "requestBody" in operation and documented != others:
        yield 400, documented  # for a body that breaks off
    if route.access is not Access.PUBLIC:
        yield 401, documented
    if route.access is not Access.PUBLIC or route.signs_in:
        yield 403, documented


def _with_refusal(known: Json | None, status: int, dialect: Dialect) -> Json:
    """Add the error response of the gateway to that of a service with the same status, if there is one.

    The media type of the service comes first, since some client generators use only the first one.
    """
    if known is None and isinstance(dialect, ProblemDetails):
        return {"$ref": _REFERENCE + _component(status, dialect)}
    added = _response(status, dialect)
    if known is None:
        return added
    if "$ref" in known:
        known = RESPONSES[known["$ref"].removeprefix(_REFERENCE)]
    merged = {key: _joined(known.get(key, {}), added.get(key, {})) for key in ("headers", "content")}
    return {**known, **{key: entries for key, entries in merged.items() if entries}}


def _joined(first: Json, second: Json) -> Json:
    """Merge two mappings. The first one counts for keys that are in both."""
    return {**first, **{key: value for key, value in second.items() if key not in first}}


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.page:
        return [{}, {"session": []}]
    names = ["oauth2", "bearer", "token", "session", *(["key"] if route.scopes else [])]
    required: list[dict[str, list[str]]] = [{name: []} for name in names]
    return [{}, *required] if route.access is Access.OPTIONAL else required


def _callers(route: Route, method: str) -> str:
    """A sentence about who may call, for what the member `security` can't express."""
    if route.page:
        return "The only credential here is the session cookie; a form has to come from our own pages."
    if route.any_scope:
        return "Not with an API key."
    admin = "For administrators. " if route.access is Access.ADMIN else ""
    scopes = set(route.scopes)
    if scopes and method in READ_METHODS:
        scopes.add(Scope.READ)
    if not scopes:
        return f"{admin}Not with an API key, nor with a token that is limited to scopes."
    names = " or ".join(f"`{scope}`" for scope in Scope if scope in scopes)
    return f"{admin}API keys, and tokens that are limited to scopes, need the scope {names}."
