"""Who may call an endpoint of TheYelda: aliases for its signature."""

from typing import Annotated

from fastapi import Depends, Request, params

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


def admin_or(refusal: type[LightboxError], *, drains_body: bool = False) -> params.Depends:
    """The caller, which must be an administrator. Raises `refusal` for other accounts.

    With `drains_body` what they send is read and dropped first: a connection that is closed while a large body is still
    on its way looks like an error of the network, and the refusal does not arrive.
    """

    async def check(request: Request, caller: CurrentAccount) -> Principal:
        if caller.authority is not Authority.ADMIN:
            if drains_body:
                async for _ in request.stream():
                    pass
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
