"""The OpenAPI document of one service, as FastAPI makes it and then made true.

FastAPI knows neither the bodies that our own dependencies read (`lightbox_shared.requests.bodies`) nor the shapes of
errors (`lightbox_shared.errors.dialects`), and it documents a 422 that no path answers. What the gateway adds to every
answer (401, 403, 429, 502 to 504) is in the gateway's own description of the platform.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final, cast
from warnings import catch_warnings, filterwarnings

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from lightbox_shared.errors import (
    BadRequest,
    InsufficientStorage,
    InvalidRequest,
    LightboxError,
    TooLarge,
    Unavailable,
    UnsupportedMediaType,
)
from lightbox_shared.errors.dialects import Dialect, Dialects
from lightbox_shared.requests.bodies import REF_TEMPLATE, DescribedBody, Schema

_FASTAPI_ERRORS: Final = ("HTTPValidationError", "ValidationError")
_READING: Final = {"GET", "HEAD"}
_BODY_ERRORS: Final = (BadRequest, TooLarge, UnsupportedMediaType)


class ErrorResponse(dict[str, Any]):
    """A Response Object for errors of some kinds; its content is written when the dialect of the path is known."""

    def __init__(self, status: int) -> None:
        super().__init__(description=_phrase(status))
        self.kinds: list[type[LightboxError]] = []


def errors(*kinds: type[LightboxError]) -> dict[int | str, dict[str, Any]]:
    """For `responses` of an endpoint: the errors that it answers itself. How they look is the dialect of the path.

    Errors of a body that can't be read, of fields that are not valid, and of a database that is down or full need not
    be named: every operation that can answer them gets them.
    """
    found: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        response = found.setdefault(int(kind.status), ErrorResponse(int(kind.status)))
        if isinstance(response, ErrorResponse):
            response.kinds.append(kind)
    return found


def content(media_type: str, *more: str, schema: Schema | None = None) -> dict[str, Any]:
    """For one of `responses`: an answer of other media types than JSON, by default binary."""
    described = {"schema": schema or {"type": "string", "format": "binary"}}
    return {"content": dict.fromkeys((media_type, *more), described)}


def headers(**described: str) -> dict[str, Any]:
    """For one of `responses`: headers of the answer by name (`_` for `-`), each with its description."""
    schema = {"type": "string"}
    return {
        "headers": {name.replace("_", "-"): {"description": text, "schema": schema} for name, text in described.items()}
    }


def operation_id(route: APIRoute) -> str:
    """The name of the endpoint's function, which is unique in the platform: a generated client has it as a method."""
    return route.name


def describe(app: FastAPI, dialects: Dialects) -> dict[str, Any]:
    """The whole document. HEAD is not in it: it is what RFC 9110 section 9.3.2 says, for every GET."""
    with catch_warnings():
        filterwarnings("ignore", "Duplicate Operation ID")  # of a GET and its HEAD
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
        )
    schemas: dict[str, Schema] = document.setdefault("components", {}).setdefault("schemas", {})
    for route in api_routes(app):
        item = document["paths"][route.path_format]
        for method in route.methods or ():
            if method == "HEAD":
                del item["head"]
            else:
                _complete(item[method.lower()], route, dialects.of(route.path_format), schemas)
    for name in _FASTAPI_ERRORS:
        schemas.pop(name, None)
    return document


def api_routes(app: FastAPI, *, hidden: bool = False) -> Iterator[APIRoute]:
    """The routes of an application and of its routers that its document describes; with `hidden` the others as well."""
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute) and (hidden or context.include_in_schema):
            yield cast("APIRoute", context)  # it has the attributes of one, as they are within its routers


def _complete(operation: dict[str, Any], route: APIRoute, dialect: Dialect, schemas: dict[str, Schema]) -> None:
    kinds: list[type[LightboxError]] = [Unavailable]
    if not (route.methods or set()) <= _READING:
        kinds.append(InsufficientStorage)
    for call in _calls(route.dependant):
        if isinstance(call, DescribedBody):
            operation["requestBody"] = call.request_body(schemas)
    if "requestBody" in operation:
        kinds += _BODY_ERRORS
    if "requestBody" in operation or operation.get("parameters"):
        kinds.append(InvalidRequest)
    responses: dict[str, Any] = operation["responses"]
    if 422 not in route.responses:
        responses.pop("422", None)  # FastAPI's own
    for response in responses.values():
        for described in response.get("content", {}).values():
            if described.pop("itemSchema", None) is not None:  # OpenAPI 3.2
                described["schema"] = {"type": "string"}
    for declared in route.responses.values():
        kinds += declared.kinds if isinstance(declared, ErrorResponse) else ()
    for kind in kinds:
        _add_error(responses, kind, dialect, schemas)
    operation["responses"] = dict(sorted(responses.items()))


def _add_error(
    responses: dict[str, Any], kind: type[LightboxError], dialect: Dialect, schemas: dict[str, Schema]
) -> None:
    status = dialect.status_of(kind)
    response = responses.setdefault(str(status), {"description": _phrase(status)})
    for media_type, (name, schema) in dialect.content.items():
        schemas.setdefault(name, dict(schema))
        response.setdefault("content", {})[media_type] = {"schema": {"$ref": REF_TEMPLATE.format(model=name)}}


def _calls(dependant: Dependant) -> Iterator[Any]:
    yield dependant.call
    for each in dependant.dependencies:
        yield from _calls(each)


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase
