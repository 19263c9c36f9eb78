"""ImageHub's paths for the drive. They are the same for the built-in drive and for OneDrive.

That some GETs change something is how the published client calls them. What can't be done is 200 with the documented
code and hint, or 409 for a client that asks for problem details; where no code fits, because the drive does not answer,
it is 503.
"""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from imagehub_service.drives.errors import ConsentNeeded, DriveError, DriveUnavailable
from imagehub_service.drives.schemas import (
    DriveConsent,
    DriveOutcome,
    FolderList,
    OpenedUploadSession,
    consent_page,
    folder_list,
)
from imagehub_service.state import ServicesDep
from lightbox_shared.audit import record_afterwards
from lightbox_shared.auth.dependencies import AdminOnly, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.errors import Conflict, Unavailable
from lightbox_shared.errors.dialects import asks_for_problem_details
from lightbox_shared.requests.addresses import client_address
from lightbox_shared.requests.bodies import form_or_json
from lightbox_shared.responses.urls import public_base

ITEM_DELETED: Final = "drive-item-deleted"
_NO_STORE: Final = "no-store"
_ITEM_ID: Final = "01TX4ZA735SY5SYKPEY5HJ7XW6CC2FUBRY"


async def _not_stored(response: Response) -> None:
    response.headers["Cache-Control"] = _NO_STORE


router = APIRouter(tags=["ImageHub"], dependencies=[needs(Scope.HUB), Depends(_not_stored)])
FolderName = Annotated[str, Query(description="Of the new folder.", examples=["System"])]
ItemId = Annotated[str, Query(description="Of a folder or a file, as the list of folders has it.", examples=[_ITEM_ID])]
FolderId = Annotated[str, Query(description="As the list of folders has it.", examples=[_ITEM_ID])]
NewName = Annotated[str, Query(description="The name from now on.", examples=["Hands"])]
FileName = Annotated[
    str,
    Query(
        description="If the folder has a file of this name, the new one gets a number behind its.",
        examples=["hand.png"],
    ),
]
_CHANGES: Final = [needs(Scope.HUB, changes=True)]


@router.get("/admin/onedrive/connect", summary="Whether the drive can be used", response_model_exclude_none=True)
async def imagehub_connect(caller: AdminOnly, services: ServicesDep) -> DriveOutcome:
    """The built-in drive always can; OneDrive needs the administrator's consent, at `url`."""
    try:
        await services.drives.for_account(caller.account).connect()
    except ConsentNeeded as error:
        return DriveOutcome.failed("connection_failed", error)
    except DriveError as error:
        raise _unavailable(error) from error
    return DriveOutcome.done("connection_successful")


@router.post("/admin/auth/code", summary="Finish the consent for the drive", response_model_exclude_none=True)
async def imagehub_finish_consent(
    caller: AdminOnly, services: ServicesDep, body: Annotated[DriveConsent, form_or_json(DriveConsent)]
) -> DriveOutcome:
    """The code is the one that Microsoft's page has given to the administrator."""
    try:
        await services.drives.for_account(caller.account).finish_consent(body.auth_code, body.state)
    except ConsentNeeded as error:
        return DriveOutcome.failed("found_tokens_failed", error)
    except DriveError as error:
        raise _unavailable(error) from error
    return DriveOutcome.done("found_tokens")


@router.get(
    "/admin/onedrive/folders",
    summary="All folders with their files",
    response_model=FolderList,
    response_model_exclude_none=True,
)
async def imagehub_folders(request: Request, caller: AdminOnly, services: ServicesDep) -> Response | FolderList:
    """With sizes and times, and how full the drive is. If the drive does not answer, this is the last copy, and `as_of`
    and the header `Age` say from when."""
    try:
        contents = await services.drives.for_account(caller.account).contents()
    except ConsentNeeded as error:
        hint = "refresh_token_expired_need_manual_authorization"
        return FolderList(code=0, hint=hint, detail=str(error), url=consent_page(error))
    except DriveUnavailable as error:
        raise _unavailable(error) from error
    except DriveError as error:
        _refuse_if_asked(request, error)
        return FolderList(code=99, hint="data_extraction_failed_from_json", detail=str(error))
    body = await services.listing.run(partial(folder_list, contents))
    headers = {"Cache-Control": _NO_STORE}
    if contents.is_stale:
        headers["Age"] = str(max(0, int((datetime.now(UTC) - contents.as_of).total_seconds())))
    return Response(body, headers=headers, media_type="application/json")


@router.get(
    "/admin/onedrive/add-folder", summary="Make a folder", dependencies=_CHANGES, response_model_exclude_none=True
)
async def imagehub_add_folder(
    folder_name: FolderName, request: Request, caller: AdminOnly, services: ServicesDep
) -> DriveOutcome:
    """If there is a folder of this name, the new one gets a number behind its name."""
    try:
        await services.drives.for_account(caller.account).create_folder(folder_name)
    except DriveError as error:
        _refuse_if_asked(request, error)
        return DriveOutcome.failed("folder_creation_operation_failed", error)
    return DriveOutcome.done("folder_creation_operation_successful")


@router.get(
    "/admin/onedrive/rename",
    summary="Rename a folder or a file",
    dependencies=_CHANGES,
    response_model_exclude_none=True,
)
async def imagehub_rename(
    item_id: ItemId, new_name: NewName, request: Request, caller: AdminOnly, services: ServicesDep
) -> DriveOutcome:
    """The name must be free in the folder; names that differ only in case are equal."""
    try:
        await services.drives.for_account(caller.account).rename(item_id, new_name)
    except DriveError as error:
        _refuse_if_asked(request, error)
        return DriveOutcome.failed("rename_operation_failed", error)
    return DriveOutcome.done("rename_operation_successful")


@router.get(
    "/admin/onedrive/delete-folder",
    summary="Delete a folder or a file",
    dependencies=_CHANGES,
    response_model_exclude_none=True,
)
async def imagehub_delete_folder(
    folder_id: ItemId, request: Request, caller: AdminOnly, services: ServicesDep
) -> DriveOutcome:
    """A folder is deleted with its files. Pictures of the gallery that were made from them stay."""
    try:
        await services.drives.for_account(caller.account).delete(folder_id)
    except DriveError as error:
        _refuse_if_asked(request, error)
        return DriveOutcome.failed("folder_deletion_operation_failed", error)
    # Now that the drive knows the id it is none that was made up. What is deleted can't be brought back because the
    # audit trail does not answer.
    details = {"item": folder_id}
    await record_afterwards(services.audit, ITEM_DELETED, caller.account, client_address(request), details)
    return DriveOutcome.done("folder_deletion_operation_successful")


@router.get(
    "/admin/onedrive/upload-session", summary="Begin an upload", dependencies=_CHANGES, response_model_exclude_none=True
)
async def imagehub_upload_session(
    folder_id: FolderId, file_name: FileName, request: Request, caller: AdminOnly, services: ServicesDep
) -> OpenedUploadSession:
    """The address takes the chunks of the file by PUT, as an upload session of Microsoft Graph does."""
    base = public_base(request, services.settings.public_url)
    drive = services.drives.for_account(caller.account)
    try:
        url = await drive.open_upload_session(folder_id, file_name, public_base=base)
    except DriveError as error:
        _refuse_if_asked(request, error)
        return OpenedUploadSession(code=0, hint="couldn't_get_session", detail=str(error), url=consent_page(error))
    return OpenedUploadSession(code=1, sessionUrl=url, hint="got_session")


def _refuse_if_asked(request: Request, error: DriveError) -> None:
    """Raises `Conflict` for a client that asks for problem details: its answer is no success."""
    if asks_for_problem_details(request.headers.get("accept")):
        raise Conflict(error.sentence) from error


def _unavailable(error: DriveError) -> Unavailable:
    retry_after = error.retry_after if isinstance(error, DriveUnavailable) else 1
    return Unavailable(error.sentence, retry_after=retry_after)
