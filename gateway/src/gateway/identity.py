"""Who calls. Three notations of one token (`Bearer`, `Token`, the session cookie) become one, checked, for services.

On public paths no token is looked at, and none passes; other schemes (Basic at a login) do. A service's token is for
calls inside and is refused here.
"""

from typing import Final, NamedTuple

from gateway.revocations import Revocations
from gateway.routes import Access, Route
from lightbox_shared.auth.principal import Authority, Principal
from lightbox_shared.auth.tokens import TokenVerifier
from lightbox_shared.errors import Forbidden, InvalidToken, NotAuthenticated

_TOKEN_SCHEMES: Final = frozenset({b"bearer", b"token"})


class Caller(NamedTuple):
    """What the gateway found out, and what it tells the service about it."""

    principal: Principal | None
    authorization: bytes | None
    """The `Authorization` header for the service."""
    cookie: bytes | None
    """The `Cookie` header for the service: without the session."""


class Identity:
    """Finds and checks the token of a request."""

    def __init__(self, verifier: TokenVerifier, revocations: Revocations, *, cookie: str) -> None:
        self._verifier = verifier
        self._revocations = revocations
        self._cookie = cookie.encode()

    async def identify(self, route: Route, own: dict[bytes, bytes]) -> Caller:
        """Raises `NotAuthenticated`, `InvalidToken` or `Forbidden` as the route demands, and `Unavailable` while
        neither a key nor the list of revoked sessions was ever had."""
        header = own.get(b"authorization")
        cookie = own.get(b"cookie")
        token: bytes | None = None
        passed: bytes | None = None
        if header is not None:
            scheme, _, credentials = header.partition(b" ")
            if scheme.lower() in _TOKEN_SCHEMES:
                token = credentials.strip()
            else:
                passed = header
        if cookie is not None and self._cookie in cookie:
            session, cookie = self._take_session(cookie)
            token = session if token is None else token
        if route.access is Access.PUBLIC:
            return Caller(None, passed, cookie)
        if token is None:
            if route.access is not Access.OPTIONAL:
                raise NotAuthenticated
            return Caller(None, passed, cookie)
        try:
            text = token.decode("ascii")
        except UnicodeDecodeError:
            raise InvalidToken from None
        principal = self._verifier.remembered(text) or await self._verifier.verify(text)
        if principal.account_id is None or self._revocations.covers(principal.session_id):
            raise InvalidToken
        if route.access is Access.ADMIN and principal.authority is not Authority.ADMIN:
            raise Forbidden
        return Caller(principal, b"Bearer " + token, cookie)

    def _take_session(self, cookie: bytes) -> tuple[bytes | None, bytes | None]:
        """The session's token and the other cookies (RFC 6265 section 4.2.1)."""
        session: bytes | None = None
        others = []
        for part in cookie.split(b";"):
            name, _, value = part.strip().partition(b"=")
            if name == self._cookie:
                session = value.strip(b'"') if session is None else session
            elif name:
                others.append(part.strip())
        return session, b"; ".join(others) or None
