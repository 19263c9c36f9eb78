"""Where a request comes from, for login throttling and the audit trail."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request

from lightbox_shared.audit import CommandLine
from lightbox_shared.auth.principal import ACCOUNT_SUBJECT, SERVICE_SUBJECT
from lightbox_shared.requests.addresses import client_address

COMMAND_LINE: Final[CommandLine] = "command-line"
"""The actor of commands."""
UNKNOWN_ACTOR: Final = "nobody"
"""The actor of a request that has not shown yet which account it is from. The word is on the wire."""


@dataclass(frozen=True, slots=True)
class RequestSource:
    """The address and the actor of a request, as far as they are known."""

    address: str | None
    """The client's address, as the gateway saw it; None on the command line."""
    actor: str | None = None
    """The actor, where that is not an account whose request it is: the command line, or this service itself."""


COMMAND_LINE_SOURCE: Final = RequestSource(None, COMMAND_LINE)


def account_actor(account_id: int) -> str:
    """The name of an account as an actor: the subject of its tokens."""
    return f"{ACCOUNT_SUBJECT}{account_id}"


def service_actor(name: str) -> str:
    """The name of a service as an actor: the subject of its tokens."""
    return f"{SERVICE_SUBJECT}{name}"


OWN_SOURCE: Final = RequestSource(None, service_actor("auth-service"))
"""The source of what this service does by itself."""


async def _source(request: Request) -> RequestSource:
    return RequestSource(client_address(request))


Source = Annotated[RequestSource, Depends(_source)]
