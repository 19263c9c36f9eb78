"""Errors over CoAP: a response code, and problem details (RFC 9290).

The kit's errors have an HTTP status, and CoAP has a response code of the same meaning for nearly each. An error that
HTTP has no status for is a `CoapError`.
"""

from collections.abc import Mapping
from typing import ClassVar, Final

from aiocoap import Message
from aiocoap.numbers.codes import Code

from core_collection_service.pictures.errors import PictureTooLarge
from core_collection_service.protocol.media_types import CONTENT_FORMATS, PROBLEM_CBOR
from core_collection_service.protocol.problems import concise_problem
from lightbox_shared.errors import LightboxError, TooLarge
from lightbox_shared.errors.handlers import to_lightbox_error

_CODES: Final[Mapping[int, Code]] = {
    400: Code.BAD_REQUEST,
    401: Code.UNAUTHORIZED,
    403: Code.FORBIDDEN,
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    406: Code.NOT_ACCEPTABLE,
    409: Code.CONFLICT,
    413: Code.REQUEST_ENTITY_TOO_LARGE,
    415: Code.UNSUPPORTED_CONTENT_FORMAT,
    422: Code.UNPROCESSABLE_ENTITY,
    429: Code.TOO_MANY_REQUESTS,
    501: Code.NOT_IMPLEMENTED,
    503: Code.SERVICE_UNAVAILABLE,
    504: Code.GATEWAY_TIMEOUT,
    507: Code.SERVICE_UNAVAILABLE,  # CoAP has no code of its own for it
}
_FIRST_SERVER_ERROR: Final = 500


class CoapError(LightboxError):
    """An error with a response code that HTTP has no status for."""

    status = 400
    coap_code: ClassVar[Code] = Code.BAD_REQUEST


class BadOption(CoapError):
    """A critical option that is not supported (RFC 7252 section 5.4.1)."""

    code = "bad-option"
    coap_code = Code.BAD_OPTION
    default_detail = "The request has an option that is not supported."


class NoProxy(CoapError):
    """A request that is to be forwarded (RFC 7252 section 5.7.2)."""

    code = "no-proxy"
    coap_code = Code.PROXYING_NOT_SUPPORTED
    default_detail = "This is not a proxy."


class IncompleteUpload(CoapError):
    """A block that does not continue the blocks that have arrived (RFC 7959 section 2.9.2)."""

    code = "incomplete-upload"
    coap_code = Code.REQUEST_ENTITY_INCOMPLETE
    default_detail = "The blocks before this one are not here. Please begin again with the first."


class UploadTooLarge(TooLarge):
    """A body of more bytes than are assembled; `limit` is how many that are."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"At most {limit:,} bytes are accepted here.")


def error_response(error: Exception, *, limit: int) -> Message:
    """The response for an error; `limit` is what 4.13 names if the error has no limit of its own. An unexpected error
    is logged with its traceback, and the client sees nothing of it."""
    expected = to_lightbox_error(error)
    code = expected.coap_code if isinstance(expected, CoapError) else _code_of(expected.status)
    problem = concise_problem(expected, int(code))
    message = Message(code=code, payload=problem, content_format=CONTENT_FORMATS[PROBLEM_CBOR])
    retry_after = expected.headers.get("Retry-After", "")
    if retry_after.isascii() and retry_after.isdigit():
        message.opt.max_age = int(retry_after)
    if code is Code.REQUEST_ENTITY_TOO_LARGE:
        message.opt.size1 = expected.limit if isinstance(expected, UploadTooLarge | PictureTooLarge) else limit
    return message


def _code_of(status: int) -> Code:
    other = Code.INTERNAL_SERVER_ERROR if status >= _FIRST_SERVER_ERROR else Code.BAD_REQUEST
    return _CODES.get(status, other)
