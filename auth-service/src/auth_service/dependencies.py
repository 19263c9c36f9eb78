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
from lightbox_shared.auth.principal import Authority
from lightbox_shared.errors import Forbidden, InvalidToken


async def _signed_in(principal: CurrentAccount, services: ServicesDep) -> Caller:
    return await services.account_authorization.caller(principal)


async def _optional(principal: AnyCaller, services: ServicesDep) -> Caller | None:
    return None if principal is None else await services.account_authorization.caller(principal)


async def _in_browser(principal: AnyCaller, services: ServicesDep) -> Caller | None:
    if principal is None or principal.account_id is None or principal.scopes is not None:
        return None
    try:
        caller = await services.account_authorization.caller(principal)
    except InvalidToken:
        return None
    return None if caller.authority is Authority.NONE else caller


async def _administrator(caller: Annotated[Caller, Depends(_signed_in)]) -> Caller:
    if not caller.is_admin:
        raise Forbidden
    return caller


SignedIn = Annotated[Caller, Depends(_signed_in)]
InBrowser = Annotated[Caller | None, Depends(_in_browser)]
"""The account that is signed in to the browser, for pages that people see: None where a session has ended, where a
token is limited to scopes, and for an account that waits for approval."""
Administrator = Annotated[Caller, Depends(_administrator)]
OptionalCaller = Annotated[Caller | None, Depends(_optional)]
"""None for a request without a token; a token that is not good is refused."""
