"""The endpoints of `/api/gallery/drive/connection`: ImageHub can connect a drive, and has no path to end that."""

from typing import Final

from fastapi import APIRouter, Request, Response

from imagehub_service.drives.connection.schemas import DriveConnection
from imagehub_service.state import ServicesDep
from lightbox_shared.audit import record_afterwards
from lightbox_shared.auth.dependencies import AdminOnly, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.requests.addresses import client_address

DISCONNECTED: Final = "drive-disconnected"
_PATH: Final = "/api/gallery/drive/connection"

router = APIRouter(tags=["Gallery"], dependencies=[needs(Scope.HUB)])


@router.get(_PATH, summary="Which drive the caller has")
async def retrieve_gallery_drive_connection(
    caller: AdminOnly, services: ServicesDep, response: Response
) -> DriveConnection:
    """Without asking Microsoft. How its use is allowed: `/admin/onedrive/connect`."""
    response.headers["Cache-Control"] = "no-store"
    connected = await services.drives.for_account(caller.account).is_connected()
    return DriveConnection(drive="onedrive" if services.settings.has_onedrive else "built-in", connected=connected)


@router.delete(_PATH, status_code=204, summary="Disconnect OneDrive")
async def delete_gallery_drive_connection(request: Request, caller: AdminOnly, services: ServicesDep) -> Response:
    """The tokens and the list of files of the caller's OneDrive are forgotten. Files there and pictures of the
    gallery stay. What is under way there ends. 204 also where nothing is connected. The built-in drive stays as it is.
    """
    if await services.drives.for_account(caller.account).disconnect():
        # Access that was withdrawn stays withdrawn, whether the audit trail answers or not.
        await record_afterwards(services.audit, DISCONNECTED, caller.account, client_address(request), {})
    return Response(status_code=204)
