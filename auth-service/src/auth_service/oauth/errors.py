"""What can go wrong at the token, revocation and introspection endpoints. The codes are those of the RFCs."""

from http import HTTPStatus
from typing import Final

from lightbox_shared.errors import LightboxError

_CHALLENGE: Final = 'Basic realm="lightbox", charset="UTF-8"'


class OAuthRefusal(LightboxError):
    """An error of RFC 6749 section 5.2 or RFC 7009 section 2.2.1. A malformed request is
    `lightbox_shared.errors.BadRequest`."""

    status = HTTPStatus.BAD_REQUEST


class InvalidClient(OAuthRefusal):
    """The client is unknown, or its secret is wrong."""

    status = HTTPStatus.UNAUTHORIZED
    code = "invalid-client"
    default_detail = "The client is unknown, or could not be authenticated."

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": _CHALLENGE})


class InvalidGrant(OAuthRefusal):
    """The credentials or the token are wrong, expired, used, revoked, or those of another client."""

    code = "invalid-grant"
    default_detail = "The credentials or the token are not valid."


class UnauthorizedClient(OAuthRefusal):
    """This client may not use this grant type."""

    code = "unauthorized-client"
    default_detail = "This client may not use this grant type."


class UnsupportedGrantType(OAuthRefusal):
    """This server does not support the grant type."""

    code = "unsupported-grant-type"
    default_detail = "The grant types are authorization_code, refresh_token, password and client_credentials."


class InvalidScope(OAuthRefusal):
    """The scope is unknown, or exceeds what was granted before."""

    code = "invalid-scope"
    default_detail = "The scope is unknown, or more than what may be granted."


class UnsupportedTokenType(OAuthRefusal):
    """A token that can't be revoked (RFC 7009 section 2.2.1)."""

    code = "unsupported-token-type"
    default_detail = "The token of a service can not be revoked; it expires within minutes."
