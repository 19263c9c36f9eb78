"""Who may call an endpoint of this service: one of these aliases in its signature, or none where the endpoint is
public.

Elsewhere a token is good until it expires or the gateway has learned that its session has ended. Here each request
looks both up, so that a token is good only while its session lives, and with the authority that its account has now.

The lookup has a database session of its own and not that of the endpoint, which would hold a connection while the
endpoint hashes a password. It is no part of the use case: one that must be sure asks again in its transaction
(`accounts.authorization.still_signed_in`).
"""

from typing import Annotated

from fastapi import Depends

from auth_service.caller import Caller
from auth_service.state import ServicesDep
from lightbox_shared.auth.dependencies import AnyCaller, CurrentAccount
from lightbox_shared.errors import Forbidden


async def _signed_in(principal: CurrentAccount, services: ServicesDep) -> Caller:
    return await services.authorization.caller(principal)


async def _optional(principal: AnyCaller, services: ServicesDep) -> Caller | None:
    return None if principal is None else await services.authorization.caller(principal)


async def _administrator(caller: Annotated[Caller, Depends(_signed_in)]) -> Caller:
    if not caller.is_admin:
        raise Forbidden
    return caller


SignedIn = Annotated[Caller, Depends(_signed_in)]
Administrator = Annotated[Caller, Depends(_administrator)]
OptionalCaller = Annotated[Caller | None, Depends(_optional)]
"""None for a request without a token; a token that is not good is refused."""
