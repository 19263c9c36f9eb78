"""Reads the credentials of a request from its headers, without checking them.

A token is sent as `Authorization: Bearer`, as `Authorization: Token`, or in the session cookie. An API key is sent as
`Authorization: Bearer`, as `Authorization: Token`, or as `X-API-Key`. If there are several, `Authorization` counts
before `X-API-Key`, and both before the cookie.
"""

from enum import Enum
from typing import Final, NamedTuple

from lightbox_shared.auth.api_keys import PREFIX

_TOKEN_SCHEMES: Final = frozenset({b"bearer", b"token"})
_KEY_PREFIX: Final = PREFIX.encode()


class CredentialKind(Enum):
    """The kind of a credential, by its header and its prefix."""

    NONE = "none"
    TOKEN = "token"  # noqa: S105 - a kind of credential
    API_KEY = "api-key"
    COOKIE = "cookie"


class Credentials(NamedTuple):
    """The credential of a request, and the headers that may be forwarded, in which it is not contained."""

    kind: CredentialKind
    value: bytes
    authorization: bytes | None
    """The `Authorization` header, if its scheme is another one (Basic at a login)."""
    cookie: bytes | None
    """The `Cookie` header without the session cookie."""


def read_credentials(own: dict[bytes, bytes], cookie_name: bytes) -> Credentials:
    """Read the credentials from the headers in `RequestHeaders.own`. `cookie_name` is that of the session cookie."""
    header = own.get(b"authorization")
    cookie = own.get(b"cookie")
    key = own.get(b"x-api-key")
    session: bytes | None = None
    if cookie is not None and cookie_name in cookie:
        session, cookie = _split_session_cookie(cookie, cookie_name)
    forwarded: bytes | None = None
    if header is not None:
        scheme, _, value = header.partition(b" ")
        if scheme.lower() in _TOKEN_SCHEMES:
            value = value.strip()
            kind = CredentialKind.API_KEY if value.startswith(_KEY_PREFIX) else CredentialKind.TOKEN
            return Credentials(kind, value, None, cookie)
        # An API key with an unknown scheme must not reach a service either.
        forwarded = None if _KEY_PREFIX in header else header
    if key is not None:
        return Credentials(CredentialKind.API_KEY, key.strip(), forwarded, cookie)
    if session is not None:
        return Credentials(CredentialKind.COOKIE, session, forwarded, cookie)
    return Credentials(CredentialKind.NONE, b"", forwarded, cookie)


def _split_session_cookie(cookie: bytes, cookie_name: bytes) -> tuple[bytes | None, bytes | None]:
    """Split a `Cookie` header into the session's token and the other cookies (RFC 6265 section 4.2.1)."""
    session: bytes | None = None
    others = []
    for part in cookie.split(b";"):
        name, _, value = part.strip().partition(b"=")
        if name == cookie_name:
            session = value.strip(b'"') if session is None else session
        elif name:
            others.append(part.strip())
    return session, b"; ".join(others) or None
