"""`/api/predictions`: read a picture with any model of the repository, and look at earlier records."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from inference_service.predictions import repository, service
from inference_service.predictions.schemas import PredictionBody, PredictionList
from inference_service.state import ServicesDep
from lightbox_shared.auth.dependencies import CurrentAccount, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Reading, Writing
from lightbox_shared.errors import InvalidRequest, NotFound
from lightbox_shared.images import PictureError
from lightbox_shared.pagination import Page, PageQuery
from lightbox_shared.uploads import read_upload

router = APIRouter(prefix="/api/predictions", tags=["predictions"], dependencies=[needs(Scope.PREDICT)])


@router.post("", status_code=201)
async def create(request: Request, caller: CurrentAccount, session: Writing, services: ServicesDep) -> PredictionBody:
    """Read the picture in `file` with `model` (`name` or `name/version`). The picture itself is not kept."""
    upload = await read_upload(request, "file", services.max_picture_bytes)
    name = upload.fields.get("model", "")
    version = services.catalog.find(name)
    if version is None:
        raise InvalidRequest.of("model", f"There is no model {name[:100]!r}; /api/models lists them.")
    if not upload.data:
        raise InvalidRequest.of("file", "No picture was sent.")
    model = await services.engine.load(version)
    try:
        read = await services.reader.read(upload.data, model)
    except PictureError as error:
        raise InvalidRequest.of("file", str(error)) from error
    return PredictionBody.of(await service.record(session, read, caller.account))


@router.get("")
async def list_own(caller: CurrentAccount, session: Reading, page: PageQuery) -> PredictionList:
    """One's own predictions, newest first."""
    found = Page.of(await repository.page_of_account(session, caller.account, page), page, lambda row: row.id)
    return PredictionList(predictions=[PredictionBody.of(row) for row in found.rows], next_cursor=found.next_cursor)


@router.get("/{prediction_id}")
async def retrieve(
    prediction_id: Annotated[int, Path(ge=1, lt=2**63)], caller: CurrentAccount, session: Reading
) -> PredictionBody:
    """One's own prediction; somebody else's does not exist."""
    row = await repository.find(session, prediction_id)
    if row is None or row.account_id != caller.account:
        raise NotFound
    return PredictionBody.of(row)
