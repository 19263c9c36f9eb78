"""Who calls. What was sent, a token or an API key in three notations each, becomes one checked token for services.

On public paths no token is looked at, and none passes; other schemes (Basic at a login) do. A service's token is for
calls inside and is refused here. A scoped token is refused wherever the table does not name its scope.
"""

from typing import NamedTuple

from gateway.api_keys import ApiKeys
from gateway.credentials import Kind, read_credentials
from gateway.csrf import SAFE_METHODS, CrossSite
from gateway.request_state import RequestState
from gateway.revocations import Revocations
from gateway.routes import Access, Route
from lightbox_shared.auth.principal import Authority, Principal
from lightbox_shared.auth.tokens import TokenVerifier
from lightbox_shared.errors import Forbidden, InsufficientScope, InvalidToken, NotAuthenticated


class Caller(NamedTuple):
    """What the gateway found out, and what it tells the service about it."""

    principal: Principal | None
    authorization: bytes | None
    """The `Authorization` header for the service."""
    cookie: bytes | None
    """The `Cookie` header for the service: without the session."""


class Identity:
    """Finds and checks the token of a request."""

    def __init__(
        self,
        verifier: TokenVerifier,
        revocations: Revocations,
        api_keys: ApiKeys,
        cross_site: CrossSite,
        *,
        cookie: str,
    ) -> None:
        self._verifier = verifier
        self._revocations = revocations
        self._api_keys = api_keys
        self._cross_site = cross_site
        self._cookie = cookie.encode()

    async def identify(self, request: RequestState, route: Route) -> Caller:
        """Raises `NotAuthenticated`, `InvalidToken`, `Forbidden`, `InsufficientScope` or `CrossSiteRequest` as the
        route demands, and `Unavailable` while neither a key nor the list of revoked sessions was ever had."""
        kind, sent, authorization, cookie = read_credentials(request.headers.own, self._cookie)
        if route.signs_in:
            self._cross_site.check(request.headers, request.client, signing_in=True)
        if route.access is Access.PUBLIC:
            return Caller(None, authorization, cookie)
        if kind is Kind.NOTHING:
            if route.access is not Access.OPTIONAL:
                raise NotAuthenticated
            return Caller(None, authorization, cookie)
        if kind is Kind.COOKIE and request.method not in SAFE_METHODS:
            self._cross_site.check(request.headers, request.client)
        try:
            token = sent.decode("ascii")
        except UnicodeDecodeError:
            raise InvalidToken from None
        if kind is Kind.KEY:
            principal, token = await self._by_key(token, request.client.address)
        else:
            principal = await self._by_token(token)
        if route.access is Access.ADMIN and principal.authority is not Authority.ADMIN:
            raise Forbidden
        if principal.scopes is not None and not principal.allows(route.scopes, request.method):
            raise InsufficientScope(*sorted(route.scopes))
        return Caller(principal, b"Bearer " + token.encode(), cookie)

    async def _by_token(self, token: str) -> Principal:
        principal = self._verifier.remembered(token) or await self._verifier.verify(token)
        if principal.account_id is None or self._revocations.covers(principal.session_id):
            raise InvalidToken
        return principal

    async def _by_key(self, key: str, address: str) -> tuple[Principal, str]:
        """The bearer of a key and a token for it. Where the token that we remember is dead, a new one is asked for
        once: the key may be so too."""
        dead: str | None = None
        for _ in range(2):
            token = await self._api_keys.token(key, address, instead_of=dead)
            try:
                return await self._by_token(token), token
            except InvalidToken:
                dead = token
        self._api_keys.refuse(key)
        raise InvalidToken
