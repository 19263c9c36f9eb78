"""Who calls, as the database knows it: here a token counts only while its session lives, and with the authority that
its account has now. Elsewhere both take effect when the token is renewed, or when the gateway hears of it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from auth_service.accounts.models import Account
from auth_service.audit.trail import account_actor
from auth_service.sessions import repository
from lightbox_shared.auth.dependencies import CurrentAccount
from lightbox_shared.auth.principal import Authority, Principal
from lightbox_shared.database import Reading
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


async def _caller(principal: CurrentAccount, session: Reading) -> Caller:
    account = await repository.find_live(session, principal.account, principal.session_id)
    if account is None:
        raise InvalidToken
    return Caller(account, principal)


async def _admin(caller: Annotated[Caller, Depends(_caller)]) -> Caller:
    if not caller.is_admin:
        raise Forbidden
    return caller


SignedIn = Annotated[Caller, Depends(_caller)]
Administrator = Annotated[Caller, Depends(_admin)]
