"""What the gateway asks of auth-service: which sessions were revoked, and the tokens of API keys."""

from dataclasses import dataclass
from typing import Final, Protocol

import httpx

from lightbox_shared.errors import InvalidToken, TooManyRequests, Unavailable
from lightbox_shared.http import ServiceTokens, outgoing_headers

REVOCATIONS_PATH: Final = "/internal/revocations"
EXCHANGE_PATH: Final = "/internal/api-keys/exchange"


@dataclass(frozen=True, slots=True)
class RevocationPage:
    """What was revoked since a cursor: session id -> when its last token expires (seconds since the epoch)."""

    cursor: str
    revoked: dict[int, int]


class RevocationFeed(Protocol):
    """Where revocations come from."""

    async def after(self, cursor: str | None) -> RevocationPage: ...


class AuthServiceFeed:
    """The real one. There are no retries, since whoever polls asks again soon."""

    def __init__(self, http: httpx.AsyncClient, tokens: ServiceTokens) -> None:
        self._http = http
        self._tokens = tokens

    async def after(self, cursor: str | None) -> RevocationPage:
        """Everything after `cursor`; from the beginning for None. Raises `httpx.HTTPError`, or `KeyError`,
        `TypeError` or `ValueError` for an answer that is none."""
        answer = await self._http.get(
            REVOCATIONS_PATH,
            params={} if cursor is None else {"after": cursor},
            headers=outgoing_headers(await self._tokens.get()),
        )
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            # auth-service has new keys (its data was restored or wiped): the token that we remember is worthless.
            self._tokens.forget()
        answer.raise_for_status()
        body = answer.json()
        return RevocationPage(str(body["cursor"]), {int(each["sid"]): int(each["exp"]) for each in body["revoked"]})


@dataclass(frozen=True, slots=True)
class Exchanged:
    """A token that acts for an API key, good for `expires_in` seconds."""

    token: str
    expires_in: float


class KeyIssuer(Protocol):
    """Who knows API keys."""

    async def exchange(self, key: str, address: str) -> Exchanged: ...


class AuthServiceKeys:
    """The real one. There are no retries, but for a token of ours that is not accepted any more: the client waits, and
    may try again itself."""

    def __init__(self, http: httpx.AsyncClient, tokens: ServiceTokens) -> None:
        self._http = http
        self._tokens = tokens

    async def exchange(self, key: str, address: str) -> Exchanged:
        """A token for `key`, sent by a client at `address`. Raises `InvalidToken` for a key that is unknown, revoked
        or expired, `TooManyRequests`, and `Unavailable`; none of them says the key."""
        try:
            answer = await self._ask(key, address)
            if _refuses_us(answer):
                self._tokens.forget()
                answer = await self._ask(key, address)
            if answer.status_code == httpx.codes.UNAUTHORIZED and not _refuses_us(answer):
                raise InvalidToken
            if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                wait = answer.headers.get("retry-after", "")
                raise TooManyRequests(retry_after=int(wait) if wait.isdecimal() else 1)
            answer.raise_for_status()
            body = answer.json()
            return Exchanged(str(body["access_token"]), float(body["expires_in"]))
        except (httpx.HTTPError, KeyError, TypeError, ValueError):
            raise Unavailable("API keys can't be checked at the moment.") from None

    async def _ask(self, key: str, address: str) -> httpx.Response:
        headers = outgoing_headers(await self._tokens.get())
        return await self._http.post(EXCHANGE_PATH, json={"key": key, "address": address}, headers=headers)


def _refuses_us(answer: httpx.Response) -> bool:
    """Whether it is our own token that auth-service does not accept, and not the key."""
    if answer.status_code != httpx.codes.UNAUTHORIZED:
        return False
    problem = answer.json()
    return isinstance(problem, dict) and problem.get("type") == f"/problems/{InvalidToken.code}"
