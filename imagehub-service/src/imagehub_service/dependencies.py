"""Who may call an endpoint of the gallery: aliases for its signature."""

from typing import Annotated

from fastapi import Depends

from imagehub_service.state import ServicesDep
from imagehub_service.visibility import Visibility
from lightbox_shared.auth.dependencies import AnyCaller
from lightbox_shared.auth.principal import Authority
from lightbox_shared.errors import Forbidden, NotAuthenticated


async def _visitor(caller: AnyCaller, services: ServicesDep) -> None:
    visibility = services.settings.visibility
    if visibility is Visibility.PUBLIC:
        return
    if caller is None or caller.account_id is None:
        raise NotAuthenticated
    if visibility is Visibility.APPROVED and caller.authority is Authority.NONE:
        raise Forbidden


Visitor = Annotated[None, Depends(_visitor)]
"""Somebody who may see the gallery. Raises `NotAuthenticated` or `Forbidden` for others."""
