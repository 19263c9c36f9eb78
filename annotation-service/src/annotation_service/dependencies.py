"""Who may call an endpoint, beside the aliases of `lightbox_shared.auth.dependencies`."""

from typing import Annotated

from fastapi import Depends

from lightbox_shared.auth.dependencies import CurrentAccount
from lightbox_shared.auth.principal import Authority, Principal
from lightbox_shared.errors import Forbidden


async def _approved(caller: CurrentAccount) -> Principal:
    if caller.authority is Authority.NONE:
        raise Forbidden
    return caller


ApprovedAccount = Annotated[Principal, Depends(_approved)]
"""The caller, which must be an account that does not wait for its approval any more. Others get 403."""
