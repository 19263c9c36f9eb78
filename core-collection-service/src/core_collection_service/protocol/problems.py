"""Errors as clients of the collection read them: problem details in JSON (RFC 9457), or concise problem details (RFC
9290) for clients that prefer CBOR. Over CoAP they are always the latter.

A request that is not valid is answered by 400, as the published interface of the collection has it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import cbor2
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core_collection_service.protocol.media_types import (
    CBOR,
    JSON,
    PROBLEM_CBOR,
    PROBLEM_JSON,
    SENML_CBOR,
    SENML_JSON,
)
from lightbox_shared.errors import BadRequest, InvalidRequest, LightboxError, status_phrase
from lightbox_shared.errors.dialects import PROBLEM_DETAILS, Dialect, NamedSchema, bad_request_if_invalid, challenge
from lightbox_shared.responses.negotiation import choose

_TITLE: Final = -1
_DETAIL: Final = -2
_RESPONSE_CODE: Final = -4

_IN_CBOR: Final = frozenset({PROBLEM_CBOR, CBOR, SENML_CBOR})
_OFFERED: Final = (PROBLEM_JSON, JSON, SENML_JSON, *sorted(_IN_CBOR))


def concise_problem(error: LightboxError, coap_code: int | None = None) -> bytes:
    """The CBOR map of RFC 9290 section 2, in English, which is its default language. `coap_code` is the code of the
    CoAP response, None over HTTP."""
    problem: dict[int, object] = {_TITLE: status_phrase(error.status), _DETAIL: error.detail}
    if coap_code is not None:
        problem[_RESPONSE_CODE] = coap_code
    return cbor2.dumps(problem)


class _Negotiated(Response):
    """One of two responses, by what the client accepts. The choice is made when the response is sent, since a dialect
    renders an error without the request."""

    def __init__(self, in_json: Response, in_cbor: Response) -> None:
        super().__init__(status_code=in_json.status_code)
        self._in_json = in_json
        self._in_cbor = in_cbor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        chosen = choose(Headers(scope=scope).get("accept"), _OFFERED)
        response = self._in_cbor if chosen in _IN_CBOR else self._in_json
        response.headers.add_vary_header("Accept")
        await response(scope, receive, send)


@dataclass(frozen=True, slots=True)
class Problems:
    """The dialect of the collection's paths."""

    def render(self, error: LightboxError) -> Response:
        """`application/problem+json`, or `application/concise-problem-details+cbor` for a client that prefers CBOR."""
        if isinstance(error, InvalidRequest):
            error = BadRequest(error.detail, fields=error.fields, headers=error.headers)
        headers = challenge(error, "Bearer") if error.status == HTTPStatus.UNAUTHORIZED else error.headers
        concise = Response(concise_problem(error), error.status, dict(headers), media_type=PROBLEM_CBOR)
        return _Negotiated(PROBLEM_DETAILS.render(error), concise)

    def status_of(self, kind: type[LightboxError]) -> int:
        """400 for a request that is not valid, otherwise the error's own status."""
        return bad_request_if_invalid(kind)

    @property
    def content(self) -> Mapping[str, NamedSchema]:
        """Problem details in JSON, and the CBOR map of RFC 9290."""
        concise = NamedSchema(
            "ConciseProblemDetails", {"type": "string", "format": "binary", "description": "RFC 9290."}
        )
        return {**PROBLEM_DETAILS.content, PROBLEM_CBOR: concise}


PROBLEMS: Final[Dialect] = Problems()
