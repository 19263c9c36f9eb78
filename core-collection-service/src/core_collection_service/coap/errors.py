"""Failures as CoAP says them: a response code, and RFC 9290 problem details (Content-Format 257).

The classes of the kit carry an HTTP status, whose CoAP twin is nearly always the one that looks like it. What HTTP has
no status for is a `CoapFailure`.
"""

from collections.abc import Mapping
from typing import ClassVar, Final

from aiocoap import Message
from aiocoap.numbers.codes import Code

from core_collection_service.protocol.problems import concise_problem
from lightbox_shared.errors import LightboxError, TooLarge
from lightbox_shared.errors.handlers import convert

PROBLEM_DETAILS: Final = 257
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
}


class CoapFailure(LightboxError):
    """A failure with a code of CoAP's own."""

    status = 400
    coap_code: ClassVar[Code] = Code.BAD_REQUEST


class BadOption(CoapFailure):
    """A critical option that is not understood (RFC 7252 section 5.4.1)."""

    code = "bad-option"
    coap_code = Code.BAD_OPTION
    default_detail = "The request has an option that is not supported."


class NoProxy(CoapFailure):
    """Nothing is forwarded (RFC 7252 section 5.7.2)."""

    code = "no-proxy"
    coap_code = Code.PROXYING_NOT_SUPPORTED
    default_detail = "This is not a proxy."


class IncompleteUpload(CoapFailure):
    """A block that does not continue what is here (RFC 7959 section 2.9.2)."""

    code = "incomplete-upload"
    coap_code = Code.REQUEST_ENTITY_INCOMPLETE
    default_detail = "The blocks before this one are not here. Please begin again with the first."


class UploadTooLarge(TooLarge):
    """More bytes than are assembled."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"At most {limit:,} bytes are accepted here.")


def answer_to(error: Exception, *, limit: int) -> tuple[LightboxError, Message]:
    """What went wrong, and the response; `limit` is what 4.13 names where the error has none of its own. The unexpected
    is logged with its traceback, and nothing of it goes to the client."""
    failure = convert(error)
    code = failure.coap_code if isinstance(failure, CoapFailure) else _CODES.get(failure.status, _other(failure.status))
    message = Message(code=code, payload=concise_problem(failure, int(code)), content_format=PROBLEM_DETAILS)
    retry_after = failure.headers.get("Retry-After", "")
    if retry_after.isascii() and retry_after.isdigit():
        message.opt.max_age = int(retry_after)
    if code is Code.REQUEST_ENTITY_TOO_LARGE:
        message.opt.size1 = failure.limit if isinstance(failure, UploadTooLarge) else limit
    return failure, message


def _other(status: int) -> Code:
    server_error = 500
    return Code.INTERNAL_SERVER_ERROR if status >= server_error else Code.BAD_REQUEST
