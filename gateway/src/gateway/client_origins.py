"""The origins of the OAuth clients that administrators have registered at auth-service.

Their pages may call the platform with a token, and not with the session cookie. The list is polled; while auth-service
is down the last one stays in use.
"""

from typing import Final

import structlog

from gateway.clients.auth import ClientOriginsSource

log = structlog.get_logger()

POLL_SECONDS: Final = 5.0


class ClientOrigins:
    """The origins as they were fetched last; none before that."""

    def __init__(self, source: ClientOriginsSource) -> None:
        self._source = source
        self._origins: frozenset[bytes] = frozenset()
        self._reachable: bool | None = None

    def __contains__(self, origin: bytes) -> bool:
        return origin in self._origins

    def __bool__(self) -> bool:
        return bool(self._origins)

    async def poll(self) -> None:
        """Fetch the list. Errors are logged and not raised; of failures in a row the first is logged."""
        try:
            fetched = await self._source.origins()
        except Exception as error:  # noqa: BLE001 - after any error the list that is there stays in use
            if self._reachable is not False:
                log.warning("the origins of OAuth clients can't be fetched", error=str(error) or type(error).__name__)
            self._reachable = False
            return
        self._origins = frozenset(origin.encode() for origin in fetched)
        self._reachable = True
