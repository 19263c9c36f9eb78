"""Exceptions that become error responses. Each class has a status and a stable code.

The form of the response is that of a dialect (`lightbox_shared.errors.dialects`), which is chosen by the path.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request, or with the request as a whole, for which `field` is ""."""

    field: str
    message: str
    location: str = "body"
    """The part of the request: `body`, `query`, `path`, `header` or `cookie`."""


class LightboxError(Exception):
    """An error that the client is told about: a status, a stable code, a sentence, and the fields that are wrong."""

    status: ClassVar[int] = HTTPStatus.INTERNAL_SERVER_ERROR
    code: ClassVar[str] = "internal-error"
    default_detail: ClassVar[str] = "Internal server error."
    verbatim: ClassVar[bool] = False
    """Whether dialects must send this sentence, in place of the one that is documented for the status."""

    def __init__(
        self,
        detail: str | None = None,
        *,
        fields: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.detail = detail or self.default_detail
        self.fields = tuple(fields)
        self.headers = dict(headers or {})
        super().__init__(self.detail)


class BadRequest(LightboxError):
    """The request has a wrong syntax."""

    status = HTTPStatus.BAD_REQUEST
    code = "bad-request"
    default_detail = "The request could not be understood."


class InvalidRequest(LightboxError):
    """The syntax of the request is right, but fields of it are not valid."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid-request"
    default_detail = "The request is not valid."

    @classmethod
    def of(cls, field: str, message: str, location: str = "body") -> "InvalidRequest":
        """An error about a single field."""
        return cls(f"{field}: {message}", fields=[FieldError(field, message, location)])


class NotAuthenticated(LightboxError):
    """The request has no credentials."""

    status = HTTPStatus.UNAUTHORIZED
    code = "not-authenticated"
    default_detail = "Authentication credentials were not provided."


class InvalidToken(LightboxError):
    """The token is expired, revoked, of another issuer, or no token. The client is not told which of these."""

    status = HTTPStatus.UNAUTHORIZED
    code = "invalid-token"
    default_detail = "Invalid token."


class Forbidden(LightboxError):
    """The caller is authenticated, and has no permission for this."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"
    default_detail = "You do not have permission to perform this action."


class InsufficientScope(Forbidden):
    """The token is valid but has none of the necessary `scopes` (RFC 6750 section 3.1)."""

    code = "insufficient-scope"
    default_detail = "The token was not given out for this."

    def __init__(self, *scopes: str) -> None:
        wanted = f', scope="{" ".join(scopes)}"' if scopes else ""
        needed = f"one with the scope {' or '.join(scopes)}" if scopes else "one of a sign-in, without scopes,"
        super().__init__(
            f"{self.default_detail} It takes {needed} to do this.",
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope"{wanted}'},
        )


class NotFound(LightboxError):
    """The resource does not exist."""

    status = HTTPStatus.NOT_FOUND
    code = "not-found"
    default_detail = "Not found."


class MethodNotAllowed(LightboxError):
    """The resource does not have this method. The header `Allow` names those that it has."""

    status = HTTPStatus.METHOD_NOT_ALLOWED
    code = "method-not-allowed"
    default_detail = "Method not allowed."


class Conflict(LightboxError):
    """The request contradicts what is stored."""

    status = HTTPStatus.CONFLICT
    code = "conflict"
    default_detail = "The request conflicts with what is stored."


class TooLarge(LightboxError):
    """The body, or a part of it, is larger than the limit."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "too-large"
    default_detail = "The request is too large."


class UnsupportedMediaType(LightboxError):
    """The body has a type that this endpoint does not read."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported-media-type"
    default_detail = "The media type of the request is not supported."


class TooManyRequests(LightboxError):
    """The client has reached a rate limit (RFC 6585). It may send the next request after `retry_after` seconds."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too-many-requests"
    default_detail = "Too many requests."

    def __init__(
        self, detail: str | None = None, *, retry_after: int, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after), **(headers or {})})


class Unavailable(LightboxError):
    """A necessary service does not answer, or the server is busy. The client may retry after `retry_after` seconds."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"
    default_detail = "The service is not available at the moment."

    def __init__(self, detail: str | None = None, *, retry_after: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class UpstreamTimeout(LightboxError):
    """The service to which the gateway forwarded the request did not answer in time."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    code = "upstream-timeout"
    default_detail = "The service took too long to answer."


class InsufficientStorage(LightboxError):
    """There is no room to store what was sent (RFC 4918 section 11.5). The request may succeed when some was made."""

    status = HTTPStatus.INSUFFICIENT_STORAGE
    code = "insufficient-storage"
    default_detail = "There is no storage left for this."


class InternalError(LightboxError):
    """A bug or an outage on the server. The log has the traceback under the request id."""


def status_phrase(status: int) -> str:
    """The phrase of a status, such as "Not Found" for 404; the number of a status that is not registered."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return str(status)
