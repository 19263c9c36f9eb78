"""What other services ask about accounts."""

from typing import Annotated

from fastapi import APIRouter, Path

from auth_service.accounts import repository
from auth_service.accounts.schemas import AccountForServices
from lightbox_shared.auth.dependencies import ServiceOnly
from lightbox_shared.database import Reading
from lightbox_shared.errors import NotFound

router = APIRouter(prefix="/internal/accounts", tags=["internal"])

AccountId = Annotated[int, Path(ge=1, lt=2**63)]


@router.get("/{account_id}")
async def read_account(account_id: AccountId, _service: ServiceOnly, session: Reading) -> AccountForServices:
    """An account's name and authority."""
    account = await repository.find(session, account_id)
    if account is None:
        raise NotFound
    return AccountForServices(id=account.id, username=account.username, authority=account.authority)
