"""`/download`, which TheYelda has, and the endpoints of `/api/exports`. All are for administrators."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from annotation_service.exports import repository
from annotation_service.exports.errors import ExportNotDone, NoSuchDoctor, NoSuchExport
from annotation_service.exports.formats import ExportFormat
from annotation_service.exports.schemas import ExportBody, ExportList, NewExport, export_path
from annotation_service.exports.streaming import ClosingResponse
from annotation_service.fields import IdQuery
from annotation_service.state import ServicesDep
from lightbox_shared.auth.dependencies import AdminOnly, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Reading, Writing
from lightbox_shared.errors import Unavailable
from lightbox_shared.openapi import content, errors, headers
from lightbox_shared.requests.addresses import client_address
from lightbox_shared.requests.bodies import check_room_for, form_or_json
from lightbox_shared.requests.parameters import RowId
from lightbox_shared.responses.conditional import PreconditionFailed, RangeNotSatisfiable, byte_range, is_unchanged
from lightbox_shared.responses.hal import http_date
from lightbox_shared.responses.pagination import Page, PageQuery

seed_router = APIRouter(dependencies=[needs(Scope.ANNOTATE)])
router = APIRouter(tags=["Labelling"], dependencies=[needs(Scope.ANNOTATE)])

_FILE = content(*(each.media_type.partition(";")[0] for each in ExportFormat))
_PRIVATE = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}


@seed_router.get(
    "/download",
    summary="A table of labels",
    response_class=Response,
    responses={200: content("text/csv", schema={"type": "string"}), **errors(NoSuchDoctor)},
)
async def yelda_download(
    request: Request, caller: AdminOnly, services: ServicesDep, account_id: IdQuery = None
) -> Response:
    """CSV: with `account_id` the labels of a doctor's finished jobs, else the ground truths of all images that are
    done. A text that a spreadsheet would take for a formula has an apostrophe before it."""
    pieces = await services.downloads.start(caller.account, client_address(request), account_id)
    name = "labels.csv" if account_id is None else f"labels-{account_id}.csv"
    own = {**_PRIVATE, "Content-Disposition": f'attachment; filename="{name}"'}
    return ClosingResponse(pieces, headers=own, media_type="text/csv; charset=utf-8")


@router.post(
    "/api/exports",
    status_code=202,
    summary="Ask for an export",
    responses={202: headers(Location="The export, which tells how far it is."), **errors(Unavailable)},
)
async def create_export(
    request: Request,
    caller: AdminOnly,
    body: Annotated[NewExport, form_or_json(NewExport)],
    services: ServicesDep,
    response: Response,
) -> ExportBody:
    """A row for each job with its label, and for each ground truth that an administrator has written; all of one
    moment. The file is kept for a day."""
    check_room_for(request)
    export = await services.exports.create(body, caller.account, client_address(request))
    response.headers["Location"] = export_path(export.id)
    return ExportBody.of(export)


@router.get("/api/exports", summary="The exports")
async def list_exports(_caller: AdminOnly, session: Reading, page: PageQuery) -> ExportList:
    """All exports that are kept, newest first."""
    found = Page.of(await repository.page(session, page), page, lambda row: row.id)
    return ExportList(exports=[ExportBody.of(row) for row in found.rows], next_cursor=found.next_cursor)


@router.get("/api/exports/{export_id}", summary="One export", responses=errors(NoSuchExport))
async def retrieve_export(export_id: RowId, _caller: AdminOnly, session: Reading) -> ExportBody:
    """How far it is, and the path of its file when it is done."""
    row = await repository.find(session, export_id)
    if row is None:
        raise NoSuchExport
    return ExportBody.of(row)


@router.delete("/api/exports/{export_id}", status_code=204, summary="Delete an export", responses=errors(NoSuchExport))
async def delete_export(export_id: RowId, _caller: AdminOnly, session: Writing) -> Response:
    """Its file is deleted as well; one that is being made is not made any further."""
    if not await repository.remove(session, export_id):
        raise NoSuchExport
    return Response(status_code=204)


@router.get(
    "/api/exports/{export_id}/file",
    summary="The file of an export",
    response_class=Response,
    responses={
        200: {**_FILE, **headers(ETag="The SHA-256 of the file.")},
        206: {"description": "The part that `Range` names.", **_FILE, **headers(Content_Range="Which bytes.")},
        304: {"description": "The client has the file already."},
        **errors(NoSuchExport, ExportNotDone, PreconditionFailed, RangeNotSatisfiable),
    },
)
async def retrieve_export_file(
    export_id: RowId, request: Request, _caller: AdminOnly, services: ServicesDep
) -> Response:
    """The file, or a range of its bytes: a download that broke off can be continued."""
    export = await services.exports.file(export_id)
    etag, modified = (export.sha256 or b"").hex(), export.finished_at or export.created_at
    name = f"export-{export.id}.{export.format}"
    own = {
        **_PRIVATE,
        "ETag": f'"{etag}"',
        "Last-Modified": http_date(modified),
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    if is_unchanged(request, etag, modified):
        return Response(status_code=304, headers=own)
    wanted = byte_range(request, export.size, etag)
    positions = range(export.size) if wanted is None else wanted
    own["Content-Length"] = str(len(positions))
    if wanted is not None:
        own["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{export.size}"
    return ClosingResponse(
        services.exports.part(export, positions),
        headers=own,
        media_type=ExportFormat(export.format).media_type,
        status_code=200 if wanted is None else 206,
    )
