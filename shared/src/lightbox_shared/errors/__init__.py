"""What can go wrong, as classes with a status and a stable code. How a failure looks on the wire is the business
of a dialect (`lightbox_shared.errors.dialects`), chosen by path, in one place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request; `field` is "" when it is the request as a whole."""

    field: str
    message: str
    location: str = "body"
    """Where the field was looked for: `body`, `query`, `path`, `header` or `cookie`."""


class LightboxError(Exception):
    """A failure that the caller is told about: a status, a stable code, a sentence, and the fields concerned."""

    status: ClassVar[int] = HTTPStatus.INTERNAL_SERVER_ERROR
    code: ClassVar[str] = "internal-error"
    default_detail: ClassVar[str] = "Internal server error."
    verbatim: ClassVar[bool] = False
    """Whether the sentence itself is documented, so that no dialect puts that of the status in its place."""

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
    """The request can't be understood (syntax)."""

    status = HTTPStatus.BAD_REQUEST
    code = "bad-request"
    default_detail = "The request could not be understood."


class InvalidRequest(LightboxError):
    """The request is understood, and fields of it are not acceptable."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid-request"
    default_detail = "The request is not valid."

    @classmethod
    def of(cls, field: str, message: str, location: str = "body") -> "InvalidRequest":
        """One field, one sentence."""
        return cls(f"{field}: {message}", fields=[FieldError(field, message, location)])


class NotAuthenticated(LightboxError):
    """No credentials came with the request."""

    status = HTTPStatus.UNAUTHORIZED
    code = "not-authenticated"
    default_detail = "Authentication credentials were not provided."


class InvalidToken(LightboxError):
    """The token is expired, revoked, not ours, or no token at all. Which of these is nobody's business."""

    status = HTTPStatus.UNAUTHORIZED
    code = "invalid-token"
    default_detail = "Invalid token."


class Forbidden(LightboxError):
    """We know who asks, and the answer is no."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"
    default_detail = "You do not have permission to perform this action."


class InsufficientScope(Forbidden):
    """The token is good, and was given out for something else (RFC 6750 section 3.1); `scopes` would do."""

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
    """There is no such thing."""

    status = HTTPStatus.NOT_FOUND
    code = "not-found"
    default_detail = "Not found."


class MethodNotAllowed(LightboxError):
    """The thing exists, and can't be used in this way; the header `Allow` says how it can."""

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
    """Slow down; `Retry-After` says for how long (RFC 6585)."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too-many-requests"
    default_detail = "Too many requests."

    def __init__(
        self, detail: str | None = None, *, retry_after: int, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after), **(headers or {})})


class Unavailable(LightboxError):
    """Something that is needed does not answer, or everything is busy; trying again after `retry_after` s may help."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"
    default_detail = "The service is not available at the moment."

    def __init__(self, detail: str | None = None, *, retry_after: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class UpstreamTimeout(LightboxError):
    """A service behind us took too long."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    code = "upstream-timeout"
    default_detail = "The service took too long to answer."


class InternalError(LightboxError):
    """Ours, not the caller's. The log has the traceback under the request id."""


def status_phrase(status: int) -> str:
    """`404` -> `Not Found`; any unknown status is just its number."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return str(status)
