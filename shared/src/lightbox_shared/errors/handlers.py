"""Exception handlers: every exception of an endpoint becomes a `LightboxError`, rendered in the dialect of the path."""

from collections.abc import Mapping

import structlog
from asyncpg.exceptions import (
    AdminShutdownError,
    CannotConnectNowError,
    CrashShutdownError,
    DeadlockDetectedError,
    InterfaceError,
    PostgresConnectionError,
    TooManyConnectionsError,
)
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from lightbox_shared import errors
from lightbox_shared.errors.dialects import Dialects, rendered
from lightbox_shared.errors.disk_full import DiskFull, is_disk_full
from lightbox_shared.errors.validation import sentence_of

log = structlog.get_logger()

_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")

_BY_STATUS: Mapping[int, type[errors.LightboxError]] = {
    401: errors.NotAuthenticated,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    413: errors.TooLarge,
    415: errors.UnsupportedMediaType,
    422: errors.InvalidRequest,
}


def from_http_exception(error: HTTPException) -> errors.LightboxError:
    """The error for an exception of Starlette (unknown path, wrong method, malformed multipart body)."""
    kind = _BY_STATUS.get(error.status_code, errors.BadRequest if error.status_code < 500 else errors.InternalError)
    detail = kind.default_detail if error.status_code in {404, 405} else str(error.detail)
    return kind(detail, headers=error.headers)


def allowed_methods(request: Request) -> str:
    """The methods of the request's path, as the value of `Allow` (RFC 9110 section 15.5.6), HEAD wherever there is GET.

    They are those of all routes that match the path; a 405 of Starlette names only those of the first one.
    """
    app: FastAPI = request.app
    routed = {method for method in _METHODS if is_routed(app, {**request.scope, "method": method})}
    if "GET" in routed:
        routed.add("HEAD")
    return ", ".join(sorted(routed))


def is_routed(app: FastAPI, scope: Scope) -> bool:
    """Whether a route takes the method and the path of a request."""
    return any(route.matches(dict(scope))[0] is Match.FULL for route in app.routes)


def from_validation_error(error: RequestValidationError) -> errors.LightboxError:
    """The error for a request that pydantic refused, with one sentence for each field; `BadRequest` for invalid
    JSON."""
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return errors.BadRequest("The body is not valid JSON.")
    fields = [
        errors.FieldError(".".join(str(part) for part in each["loc"][1:]), sentence_of(each), str(each["loc"][0]))
        for each in found
    ]
    detail = "; ".join(f"{each.field}: {each.message}" if each.field else each.message for each in fields)
    return errors.InvalidRequest(detail, fields=fields)


# Raised by asyncpg and the operating system while the server is down or starting, or has closed the connection, as it
# does after a crash: when there was no room for its log, for instance.
_DATABASE_DOWN = (
    AdminShutdownError,
    CannotConnectNowError,
    CrashShutdownError,
    InterfaceError,
    PostgresConnectionError,
    TooManyConnectionsError,
    OSError,
)


def is_database_outage(error: Exception) -> bool:
    """Whether the database can't be used at the moment, since it is not reachable or its disk is full, as opposed to an
    error in a statement or its values."""
    if isinstance(error, PoolTimeoutError) or is_disk_full(error):
        return True
    if isinstance(error, DBAPIError):
        return _is_caused_by(error, *_DATABASE_DOWN) or error.connection_invalidated
    return isinstance(error, (CannotConnectNowError, PostgresConnectionError, ConnectionError))


def _is_caused_by(error: DBAPIError, *kinds: type[BaseException]) -> bool:
    cause: BaseException | None = error.orig
    while cause is not None:
        if isinstance(cause, kinds):
            return True
        cause = cause.__cause__
    return False


def to_lightbox_error(error: Exception) -> errors.LightboxError:
    """The error to send for an exception. An unexpected one becomes `InternalError` and is logged with its
    traceback."""
    match error:
        case errors.LightboxError():
            return error
        case HTTPException():
            return from_http_exception(error)
        case RequestValidationError():
            return from_validation_error(error)
        case ClientDisconnect():
            return errors.BadRequest("The body ended early.")
    temporary = _temporary(error)
    if temporary is None:
        log.error("unexpected error", exc_info=error)
        return errors.InternalError()
    return temporary


def _temporary(error: Exception) -> errors.LightboxError | None:
    """`DiskFull`, or `Unavailable` for a failure of the database, which another attempt may not meet; else None."""
    if is_disk_full(error):
        log.warning("a disk is full", error=type(error).__name__)
        return DiskFull()
    if isinstance(error, DBAPIError) and _is_caused_by(error, DeadlockDetectedError):
        log.warning("two transactions waited for each other; one was ended")
        return errors.Unavailable("Somebody else was changing the same thing. Please try again.")
    if is_database_outage(error):
        log.warning("database unavailable", error=type(error).__name__)
        return errors.Unavailable("The database is not available at the moment.")
    return None


def install_error_handlers(app: FastAPI, dialects: Dialects) -> None:
    """Render expected errors in the dialect of their path. Other exceptions are left to `RequestContext`."""

    async def answer(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == 405:
            error = HTTPException(405, headers={**(error.headers or {}), "Allow": allowed_methods(request)})
        dialect = dialects.of(request.url.path)
        return rendered(to_lightbox_error(error), dialect, request.headers.get("accept"))

    for kind in (errors.LightboxError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, answer)
