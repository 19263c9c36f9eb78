"""The requests that the gateway sends to auth-service: revoked sessions, origins of OAuth clients, and tokens for API
keys."""

from dataclasses import dataclass
from typing import Final, Protocol

import httpx

from lightbox_shared.errors import InvalidToken, TooManyRequests, Unavailable
from lightbox_shared.http import ServiceTokens, outgoing_headers

REVOCATIONS_PATH: Final = "/internal/revocations"
ORIGINS_PATH: Final = "/internal/oauth/origins"
EXCHANGE_PATH: Final = "/internal/api-keys/exchange"


@dataclass(frozen=True, slots=True)
class RevocationPage:
    """The sessions that were revoked after a cursor, each with the time at which its last token expires, in seconds
    since the epoch."""

    cursor: str
    revoked: dict[int, int]


class RevocationFeed(Protocol):
    """A list of revoked sessions that is read page by page."""

    async def after(self, cursor: str | None) -> RevocationPage:
        """Return the page that follows `cursor`, or the first page for None."""
        ...


class AuthServiceRevocationFeed:
    """The feed of auth-service, over HTTP. A request that fails is not repeated, since the feed is polled."""

    def __init__(self, http: httpx.AsyncClient, tokens: ServiceTokens) -> None:
        self._http = http
        self._tokens = tokens

    async def after(self, cursor: str | None) -> RevocationPage:
        """Return the page that follows `cursor`, or the first page for None.

        Raises `httpx.HTTPError`, and `KeyError`, `TypeError` or `ValueError` for an answer of an unexpected form.
        """
        answer = await self._http.get(
            REVOCATIONS_PATH,
            params={} if cursor is None else {"after": cursor},
            headers=outgoing_headers(await self._tokens.get()),
        )
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            # auth-service has new signing keys (its data was restored or deleted): the gateway needs another token.
            self._tokens.forget()
        answer.raise_for_status()
        body = answer.json()
        return RevocationPage(str(body["cursor"]), {int(each["sid"]): int(each["exp"]) for each in body["revoked"]})


class ClientOriginsSource(Protocol):
    """Knows the origins of registered OAuth clients."""

    async def origins(self) -> list[str]:
        """Return all of them."""
        ...


class AuthServiceClientOrigins:
    """The list of auth-service, over HTTP. A request that fails is not repeated, since the list is polled."""

    def __init__(self, http: httpx.AsyncClient, tokens: ServiceTokens) -> None:
        self._http = http
        self._tokens = tokens

    async def origins(self) -> list[str]:
        """Return the origins. Raises as `AuthServiceRevocationFeed.after`."""
        answer = await self._http.get(ORIGINS_PATH, headers=outgoing_headers(await self._tokens.get()))
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._tokens.forget()
        answer.raise_for_status()
        return [str(origin) for origin in answer.json()["origins"]]


@dataclass(frozen=True, slots=True)
class ExchangedToken:
    """An access token for the owner of an API key. It expires in `expires_in` seconds."""

    token: str
    expires_in: float


class TokenExchange(Protocol):
    """Exchanges API keys for access tokens, in the way that RFC 8693 exchanges tokens."""

    async def exchange(self, key: str, address: str) -> ExchangedToken:
        """Return a token for `key`, which a client at `address` has sent. Raises `LightboxError`."""
        ...


class AuthServiceTokenExchange:
    """The exchange of auth-service, over HTTP.

    It is tried a second time only if auth-service does not accept the gateway's own token any more. After other
    failures the client, which is waiting, can repeat its request.
    """

    def __init__(self, http: httpx.AsyncClient, tokens: ServiceTokens) -> None:
        self._http = http
        self._tokens = tokens

    async def exchange(self, key: str, address: str) -> ExchangedToken:
        """Return a token for `key`, which a client at `address` has sent.

        Raises `InvalidToken` for a key that is unknown, revoked or expired, `TooManyRequests`, and `Unavailable`. Their
        texts do not contain the key.
        """
        try:
            answer = await self._post(key, address)
            if _refuses_gateway(answer):
                self._tokens.forget()
                answer = await self._post(key, address)
            if answer.status_code == httpx.codes.UNAUTHORIZED and not _refuses_gateway(answer):
                raise InvalidToken
            if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                wait = answer.headers.get("retry-after", "")
                raise TooManyRequests(retry_after=int(wait) if wait.isdecimal() else 1)
            answer.raise_for_status()
            body = answer.json()
            return ExchangedToken(str(body["access_token"]), float(body["expires_in"]))
        except (httpx.HTTPError, KeyError, TypeError, ValueError):
            raise Unavailable("API keys can't be checked at the moment.") from None

    async def _post(self, key: str, address: str) -> httpx.Response:
        headers = outgoing_headers(await self._tokens.get())
        return await self._http.post(EXCHANGE_PATH, json={"key": key, "address": address}, headers=headers)


def _refuses_gateway(answer: httpx.Response) -> bool:
    """Whether auth-service refuses the token of the gateway, and not the API key."""
    if answer.status_code != httpx.codes.UNAUTHORIZED:
        return False
    problem = answer.json()
    return isinstance(problem, dict) and problem.get("type") == f"/problems/{InvalidToken.code}"
