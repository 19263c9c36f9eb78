"""The shape of errors for OAuth clients (RFC 6749 section 5.2)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from auth_service.oauth.errors import OAuthRefusal
from lightbox_shared.errors import LightboxError
from lightbox_shared.errors.dialects import JSON_TYPE, NamedSchema, challenge, json_response

NOT_STORED: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
"""Section 5.1."""

_NOT_ALLOWED: Final = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")  # appendix A.8
_MALFORMED: Final = frozenset({HTTPStatus.UNSUPPORTED_MEDIA_TYPE, HTTPStatus.UNPROCESSABLE_ENTITY})
_TEMPORARY: Final = frozenset(
    {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT},
)


@dataclass(frozen=True, slots=True)
class OAuthError:
    """`{"error": "...", "error_description": "..."}`. An error that the RFCs do not define gets the nearest of their
    codes (for a temporary one that of section 4.1.2.1), and keeps its status and its `Retry-After`."""

    def render(self, error: LightboxError) -> Response:
        """The response for one error. Every malformed request is 400, except for a body that is too large (413)."""
        body = {"error": _name(error), "error_description": _NOT_ALLOWED.sub("?", error.detail)}
        headers = {**challenge(error, "Basic"), **NOT_STORED}
        return json_response(body, self.status_of(type(error)), headers)

    def status_of(self, kind: type[LightboxError]) -> int:
        """400 for a request that does not validate or has another media type, else the failure's own."""
        return int(HTTPStatus.BAD_REQUEST if kind.status in _MALFORMED else kind.status)

    @property
    def content(self) -> Mapping[str, NamedSchema]:
        """The members of RFC 6749 section 5.2 that are used."""
        text = {"type": "string"}
        schema = {"type": "object", "properties": {"error": text, "error_description": text}, "required": ["error"]}
        return {JSON_TYPE: NamedSchema("OAuthErrorBody", schema)}


def _name(error: LightboxError) -> str:
    if isinstance(error, OAuthRefusal):
        return error.code.replace("-", "_")
    if error.status in _TEMPORARY:
        return "temporarily_unavailable"
    return "server_error" if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request"
