"""Who calls, as the database knows it: here a token counts only while its session lives, and with the authority that
its account has now. Elsewhere both take effect when the token is renewed, or when the gateway hears of it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from auth_service.accounts.models import Account
from auth_service.audit.trail import account_actor
from auth_service.sessions import repository
from lightbox_shared.auth.dependencies import AnyCaller, CurrentAccount
from lightbox_shared.auth.principal import Authority, Principal
from lightbox_shared.database import Database, WriteSession
from lightbox_shared.errors import Forbidden, InvalidToken


@dataclass(frozen=True, slots=True)
class Caller:
    """An account that is signed in."""

    account: Account
    principal: Principal

    @property
    def id(self) -> int:
        """The account's."""
        return self.account.id

    @property
    def is_admin(self) -> bool:
        """Whether the account is an administrator now."""
        return self.account.authority == Authority.ADMIN

    @property
    def actor(self) -> str:
        """Its name in the audit trail."""
        return account_actor(self.account.id)


async def _caller(request: Request, principal: CurrentAccount) -> Caller:
    # Not with the endpoint's own session: that would hold a connection while the endpoint hashes a password, or waits
    # for a second one out of the same pool.
    database: Database = request.state.database
    async with database.reading() as session:
        account = await repository.find_live(session, principal.account, principal.session_id)
    if account is None:
        raise InvalidToken
    return Caller(account, principal)


async def _visitor(request: Request, principal: AnyCaller) -> Caller | None:
    if principal is None:
        return None
    return await _caller(request, principal)


async def _admin(caller: Annotated[Caller, Depends(_caller)]) -> Caller:
    if not caller.is_admin:
        raise Forbidden
    return caller


async def still_signed_in(session: WriteSession, caller: Caller) -> Caller:
    """The caller as the transaction sees it: since the request began its session may have ended, and its authority
    changed. Raises `InvalidToken`."""
    account = await repository.find_live(session, caller.id, caller.principal.session_id)
    if account is None:
        raise InvalidToken
    return Caller(account, caller.principal)


SignedIn = Annotated[Caller, Depends(_caller)]
Administrator = Annotated[Caller, Depends(_admin)]
Visitor = Annotated[Caller | None, Depends(_visitor)]
"""Somebody signed in, or nobody; a token that is no good is refused all the same."""
