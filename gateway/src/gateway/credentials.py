"""What a request says about who sends it, read from its headers and not yet believed.

A token comes as `Authorization: Bearer` or `Token` or in the session cookie; an API key as `Authorization: Bearer` or
`Token` or as `X-API-Key`. `Authorization` counts before `X-API-Key`, and both before the cookie.
"""

from enum import Enum
from typing import Final, NamedTuple

from lightbox_shared.auth.api_keys import PREFIX

_TOKEN_SCHEMES: Final = frozenset({b"bearer", b"token"})
_KEY_PREFIX: Final = PREFIX.encode()


class Kind(Enum):
    """What was sent, as far as its place and its prefix tell."""

    NOTHING = "nothing"
    TOKEN = "token"  # noqa: S105 - a kind of credential
    KEY = "key"
    COOKIE = "cookie"


class Credentials(NamedTuple):
    """`value` is the token or key; the other two are for the service, and hold neither."""

    kind: Kind
    value: bytes
    authorization: bytes | None
    """The `Authorization` header where it has another scheme (Basic at a login)."""
    cookie: bytes | None
    """The other cookies."""


def read_credentials(own: dict[bytes, bytes], cookie_name: bytes) -> Credentials:
    """Read them from the headers that are the gateway's own."""
    header = own.get(b"authorization")
    cookie = own.get(b"cookie")
    key = own.get(b"x-api-key")
    session: bytes | None = None
    if cookie is not None and cookie_name in cookie:
        session, cookie = _take_session(cookie, cookie_name)
    passed: bytes | None = None
    if header is not None:
        scheme, _, value = header.partition(b" ")
        if scheme.lower() in _TOKEN_SCHEMES:
            value = value.strip()
            kind = Kind.KEY if value.startswith(_KEY_PREFIX) else Kind.TOKEN
            return Credentials(kind, value, None, cookie)
        # A key in a notation that is none of ours shall not reach a service either.
        passed = None if _KEY_PREFIX in header else header
    if key is not None:
        return Credentials(Kind.KEY, key.strip(), passed, cookie)
    if session is not None:
        return Credentials(Kind.COOKIE, session, passed, cookie)
    return Credentials(Kind.NOTHING, b"", passed, cookie)


def _take_session(cookie: bytes, cookie_name: bytes) -> tuple[bytes | None, bytes | None]:
    """The session's token and the other cookies (RFC 6265 section 4.2.1)."""
    session: bytes | None = None
    others = []
    for part in cookie.split(b";"):
        name, _, value = part.strip().partition(b"=")
        if name == cookie_name:
            session = value.strip(b'"') if session is None else session
        elif name:
            others.append(part.strip())
    return session, b"; ".join(others) or None
