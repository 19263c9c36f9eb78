"""Who changes something that is written down in the audit trail."""

from dataclasses import dataclass
from typing import Self

from fastapi import Request

from lightbox_shared.audit import Actor
from lightbox_shared.auth.principal import Principal
from lightbox_shared.requests.addresses import client_address


@dataclass(frozen=True, slots=True)
class Author:
    """Who does it, and the address of the request; None for a command."""

    actor: Actor
    address: str | None

    @classmethod
    def of(cls, request: Request, caller: Principal) -> Self:
        """That of a request."""
        return cls(caller.account, client_address(request))
