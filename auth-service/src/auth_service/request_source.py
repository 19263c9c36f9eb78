"""Where a request comes from, for what is counted by address and for the audit trail."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request

COMMAND_LINE: Final = "command-line"


@dataclass(frozen=True, slots=True)
class RequestSource:
    """Who and where, as far as known."""

    address: str | None
    """The client's address, as the gateway saw it; None on the command line."""
    actor: str | None = None
    """Who acts where that is not an account that shows itself in the same request, such as the command line."""


COMMAND_LINE_SOURCE: Final = RequestSource(None, COMMAND_LINE)


async def _source(request: Request) -> RequestSource:
    # The gateway replaces whatever a client sends in this header by the one address that it believes.
    forwarded = request.headers.get("x-forwarded-for")
    peer = request.client.host if request.client else "unknown"
    return RequestSource(forwarded.strip()[:64] if forwarded else peer)


Source = Annotated[RequestSource, Depends(_source)]
