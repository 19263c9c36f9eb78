"""Who may call an endpoint of TheYelda: aliases for its signature."""

from typing import Annotated

from fastapi import Depends, params

from lightbox_shared.auth.dependencies import CurrentAccount
from lightbox_shared.auth.principal import Authority, Principal
from lightbox_shared.errors import Forbidden, LightboxError

LABELLING = frozenset({Authority.DOCTOR, Authority.EXPERT, Authority.ADMIN})


async def _approved(caller: CurrentAccount) -> Principal:
    if caller.authority is Authority.NONE:
        raise Forbidden
    return caller


async def _labelling(caller: CurrentAccount) -> Principal:
    if caller.authority not in LABELLING:
        raise Forbidden
    return caller


def admin_or(refusal: type[LightboxError]) -> params.Depends:
    """The caller, which must be an administrator. Raises `refusal` for other accounts."""

    async def check(caller: CurrentAccount) -> Principal:
        if caller.authority is not Authority.ADMIN:
            raise refusal
        return caller

    return params.Depends(check)


def is_admin(caller: Principal) -> bool:
    """Whether the caller is an administrator."""
    return caller.authority is Authority.ADMIN


Approved = Annotated[Principal, Depends(_approved)]
"""The caller, which must be an account that an administrator has approved. Others get 403."""
Labelling = Annotated[Principal, Depends(_labelling)]
"""The caller, which must be a doctor, an expert or an administrator. Others get 403."""
