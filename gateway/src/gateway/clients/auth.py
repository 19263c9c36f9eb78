"""auth-service's feed of revoked sessions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import httpx

from lightbox_shared.http import ServiceTokens, outgoing_headers

REVOCATIONS_PATH: Final = "/internal/revocations"


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

    def __init__(self, http: httpx.AsyncClient, new_tokens: Callable[[], ServiceTokens]) -> None:
        self._http = http
        self._new_tokens = new_tokens
        self._tokens = new_tokens()

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
            self._tokens = self._new_tokens()
        answer.raise_for_status()
        body = answer.json()
        return RevocationPage(str(body["cursor"]), {int(each["sid"]): int(each["exp"]) for each in body["revoked"]})
