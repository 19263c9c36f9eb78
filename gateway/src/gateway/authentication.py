"""Authenticates requests. A token or an API key, in any notation, becomes one verified token for the service.

- Public paths: tokens and API keys are neither checked nor forwarded. Other schemes (Basic at a login) are forwarded.
- Tokens of services are for calls between services, and are refused.
- A token that is limited to scopes is refused unless the route names one of them.
- Before a credential is checked that the gateway does not know, the number of wrong ones that came from its address is
  looked at (`RateLimits.check_failures`). A wrong one that comes again is refused from memory, and counted once.
"""

import hashlib
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from cachetools import TTLCache

from gateway.api_keys import ApiKeys
from gateway.credentials import CredentialKind, read_credentials
from gateway.csrf import SAFE_METHODS, CsrfProtection
from gateway.limits import CredentialCheck, RateLimits
from gateway.public_address import PublicAddress
from gateway.request_state import RequestState
from gateway.revocations import Revocations
from gateway.routes import Access, Route
from lightbox_shared.auth.principal import Authority, Principal
from lightbox_shared.auth.tokens import ExpiredToken, TokenVerifier
from lightbox_shared.errors import Forbidden, InsufficientScope, InvalidToken, NotAuthenticated

REFUSAL_SECONDS: Final = 10.0
MAX_REFUSED: Final = 10_000


class Caller(NamedTuple):
    """The result of authentication: `principal` is None if the request was not authenticated."""

    principal: Principal | None
    authorization: bytes | None
    """The `Authorization` header for the service."""
    cookie: bytes | None
    """The `Cookie` header for the service, without the session cookie."""


class Authenticator:
    """Authenticates requests by their token, session cookie or API key. `cookie` is the name of the session cookie."""

    def __init__(
        self,
        verifier: TokenVerifier,
        revocations: Revocations,
        api_keys: ApiKeys,
        csrf: CsrfProtection,
        limits: RateLimits,
        *,
        address: PublicAddress,
        cookie: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` returns seconds and never goes back."""
        self._verifier = verifier
        self._revocations = revocations
        self._api_keys = api_keys
        self._csrf = csrf
        self._address = address
        self._limits = limits
        self._refused: TTLCache[bytes, bool] = TTLCache(MAX_REFUSED, REFUSAL_SECONDS, timer=clock)
        """Tokens that were refused, by their SHA-256."""
        self._cookie = cookie.encode()

    async def authenticate(self, request: RequestState, route: Route) -> Caller:
        """Return the caller of a request, whose access the route allows.

        Raises `NotAuthenticated`, `InvalidToken`, `Forbidden`, `InsufficientScope` or `CrossSiteRequest` for a caller
        that the route does not allow, `TooManyRequests` if too many credentials from its address were wrong, or
        auth-service checks no more API keys for now, and
        `Unavailable` as long as signing keys or revoked sessions were not fetched, or an API key can't be checked.
        """
        if route.page:
            return await self._in_browser(request, route)
        kind, sent, authorization, cookie = read_credentials(request.headers.own, self._cookie)
        if route.signs_in:
            self._csrf.check(request.headers, request.client, signing_in=True)
            self._address.compare(request.headers, request.client)
        if route.access is Access.PUBLIC:
            return Caller(None, authorization, cookie)
        if kind is CredentialKind.NONE:
            if route.access is not Access.OPTIONAL:
                raise NotAuthenticated
            return Caller(None, authorization, cookie)
        if kind is CredentialKind.COOKIE and (route.changes_by_get or request.method not in SAFE_METHODS):
            self._csrf.check(request.headers, request.client, changes_by_get=route.changes_by_get)
        try:
            token = sent.decode("ascii")
        except UnicodeDecodeError:
            raise InvalidToken from None
        if kind is CredentialKind.API_KEY:
            principal, token = await self._authenticate_key(token, request.client.address)
        else:
            principal = await self._authenticate_token(token, request.client.address)
        if route.access is Access.ADMIN and principal.authority is not Authority.ADMIN:
            raise Forbidden
        limited = principal.scopes is not None and not route.any_scope
        if limited and not principal.allows(route.scopes, "POST" if route.changes_by_get else request.method):
            raise InsufficientScope(*sorted(route.scopes))
        return Caller(principal, b"Bearer " + token.encode(), cookie)

    async def _in_browser(self, request: RequestState, route: Route) -> Caller:
        """The caller of a page. Other credentials than the session cookie are not read, and not forwarded."""
        own = {name: value for name, value in request.headers.own.items() if name == b"cookie"}
        kind, sent, _, cookie = read_credentials(own, self._cookie)
        if request.method not in SAFE_METHODS:
            self._csrf.check(request.headers, request.client)
        if kind is not CredentialKind.COOKIE or route.access is Access.PUBLIC:
            return Caller(None, None, cookie)
        try:
            principal = await self._authenticate_token(sent.decode("ascii"), request.client.address)
        except (UnicodeDecodeError, InvalidToken):
            return Caller(None, None, cookie)
        return Caller(principal, b"Bearer " + sent, cookie)

    async def _authenticate_token(self, token: str, address: str) -> Principal:
        principal = self._verifier.remembered(token) or await self._verify(token, address)
        if principal.account_id is None or self._revocations.is_revoked(principal.session_id):
            raise InvalidToken
        return principal

    async def _verify(self, token: str, address: str) -> Principal:
        """The bearer of a token that was not verified before. One that has expired is refused and not counted: it was
        good, and open pages of people who were signed in go on sending it."""
        name = hashlib.sha256(token.encode()).digest()
        if name in self._refused:
            raise InvalidToken
        await self._limits.check_failures(CredentialCheck.TOKEN, address)
        try:
            return await self._verifier.verify(token)
        except InvalidToken as error:
            self._refused[name] = True
            if not isinstance(error, ExpiredToken):
                await self._limits.count_failure(CredentialCheck.TOKEN, address)
            raise

    async def _authenticate_key(self, key: str, address: str) -> tuple[Principal, str]:
        """Return the principal of an API key, and a token for it.

        If the cached token was revoked, another one is fetched once. If that is invalid too, the key is refused.
        """
        invalid: str | None = None
        for _ in range(2):
            token = await self._api_keys.token(key, address, instead_of=invalid)
            try:
                return await self._authenticate_token(token, address), token
            except InvalidToken:
                invalid = token
        self._api_keys.refuse(key)
        raise InvalidToken
