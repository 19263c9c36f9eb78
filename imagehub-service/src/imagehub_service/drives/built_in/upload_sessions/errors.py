"""What can go wrong with an upload session, with the codes of Microsoft Graph, and how it is said on its paths."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Final

from starlette.responses import Response

from lightbox_shared.errors import BadRequest, LightboxError, NotFound, TooLarge, Unavailable
from lightbox_shared.errors.dialects import JSON_TYPE, NamedSchema, json_response
from lightbox_shared.observability.context import context_headers

_BY_STATUS: Final = {
    400: "invalidRequest",
    401: "unauthenticated",
    403: "accessDenied",
    404: "itemNotFound",
    405: "notAllowed",
    413: "invalidRequest",
    416: "invalidRange",
    422: "invalidRequest",
    503: "serviceNotAvailable",
    507: "quotaLimitReached",
}
_OTHER: Final = "generalException"


class UploadSessionNotFound(NotFound):
    """There is no such session: it never was there, or it has ended or expired."""

    inner_code: ClassVar[str] = "uploadSessionNotFound"
    default_detail = "There is no such upload session, or not any more. Begin a new one."


class InvalidContentRange(BadRequest):
    """The header that says which bytes are sent is missing or not valid."""

    inner_code: ClassVar[str] = "invalidParameterFormat"
    default_detail = "The request needs a header such as Content-Range: bytes 0-327679/1000000."


class FragmentLengthMismatch(BadRequest):
    """The chunk has another length than it says, or one that chunks can't have."""

    inner_code: ClassVar[str] = "fragmentLengthMismatch"


class FragmentOutOfOrder(BadRequest):
    """Bytes before the chunk have not been received."""

    inner_code: ClassVar[str] = "fragmentOutOfOrder"


class FragmentOverlap(LightboxError):
    """Bytes of the chunk have been received before."""

    status = 416
    code = "fragment-overlap"
    inner_code: ClassVar[str] = "fragmentOverlap"


class FragmentTooLarge(TooLarge):
    """The chunk is larger than chunks may be."""

    inner_code: ClassVar[str] = "maxFragmentLengthExceeded"


class FileTooLarge(TooLarge):
    """The file is larger than the drive takes."""

    inner_code: ClassVar[str] = "maxFileSizeExceeded"


class QuotaLimitReached(LightboxError):
    """There is no room for the file."""

    status = 507
    code = "quota-limit-reached"
    default_detail = "There is no room in the drive."


class UploadSessionFailed(Unavailable):
    """The chunk was lost on its way into the store, and has to be sent again."""

    inner_code: ClassVar[str] = "uploadSessionFailed"
    default_detail = "The chunk could not be stored. Please send it again."


@dataclass(frozen=True, slots=True)
class GraphErrors:
    """The form of Microsoft Graph: `{"error": {"code", "message", "innerError"}}`. The more exact code is in
    `innerError`."""

    def render(self, error: LightboxError) -> Response:
        """A body with the code of the status, and of errors of upload sessions their own code inside of it."""
        inner = {
            "date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}",
            "request-id": context_headers().get("X-Request-ID", ""),
        }
        code: str | None = getattr(error, "inner_code", None)
        body = {
            "code": _BY_STATUS.get(int(error.status), _OTHER),
            "message": error.detail,
            "innerError": inner if code is None else {"code": code, **inner},
        }
        return json_response({"error": body}, error.status, error.headers)

    def status_of(self, kind: type[LightboxError]) -> int:
        """The status of the error."""
        return int(kind.status)

    @property
    def content(self) -> Mapping[str, NamedSchema]:
        """An object with the code, a sentence, and what identifies the request."""
        text = {"type": "string"}
        inner = {"type": "object", "properties": {"code": text, "date": text, "request-id": text}}
        error = {
            "type": "object",
            "properties": {"code": text, "message": text, "innerError": inner},
            "required": ["code", "message", "innerError"],
        }
        schema = {"type": "object", "properties": {"error": error}, "required": ["error"]}
        return {JSON_TYPE: NamedSchema("GraphErrorBody", schema)}


GRAPH: Final = GraphErrors()
"""The form of errors of upload sessions, whose clients also upload to OneDrive."""
