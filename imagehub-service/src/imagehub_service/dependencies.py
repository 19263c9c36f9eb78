"""Who may call an endpoint of the gallery: aliases for its signature."""

from typing import Annotated

from fastapi import Depends, Query

from imagehub_service.state import Services, ServicesDep
from imagehub_service.visibility import GalleryVisitor, Visibility
from lightbox_shared.auth.dependencies import AnyCaller
from lightbox_shared.auth.principal import Authority, Principal
from lightbox_shared.errors import Forbidden, LightboxError, NotAuthenticated


async def visitor_of(caller: Principal | None, services: Services, key: str | None) -> GalleryVisitor:
    """The visitor that an account, or nobody, is; with the key of a share at least the one that the key makes of it.

    Raises `NotAuthenticated` or `Forbidden` where the gallery is closed to the caller, and the key is not valid.
    """
    refusal = _refusal(caller, services.settings.visibility)
    if refusal is None:
        return GalleryVisitor()
    groups = None if key is None else await services.shares.groups_of(key)
    if groups is None:
        raise refusal
    return GalleryVisitor(groups, key)


def _refusal(caller: Principal | None, visibility: Visibility) -> LightboxError | None:
    """Why the caller may not see the whole gallery; None if it may."""
    if visibility is Visibility.PUBLIC:
        return None
    if caller is None or caller.account_id is None:
        return NotAuthenticated()
    if visibility is Visibility.APPROVED and caller.authority is Authority.NONE:
        return Forbidden()
    return None


async def _visitor(
    caller: AnyCaller,
    services: ServicesDep,
    key: Annotated[str | None, Query(max_length=500, description="The key of a shared link.")] = None,
) -> GalleryVisitor:
    return await visitor_of(caller, services, key)


Visitor = Annotated[GalleryVisitor, Depends(_visitor)]
"""Somebody who may see the gallery, or with the key of a share a part of it."""
