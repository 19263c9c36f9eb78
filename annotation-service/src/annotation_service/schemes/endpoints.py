"""The endpoints of `/api/schemes`."""

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from annotation_service.dependencies import Approved
from annotation_service.schemes import repository
from annotation_service.schemes.models import Scheme
from annotation_service.schemes.schemas import NewScheme, SchemeBody, SchemeList
from annotation_service.schemes.service import MAX_VERSION
from annotation_service.state import ServicesDep
from lightbox_shared.auth.dependencies import AdminOnly, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Reading, Writing
from lightbox_shared.errors import NotFound
from lightbox_shared.openapi import errors, headers
from lightbox_shared.requests.bodies import json_body
from lightbox_shared.responses.conditional import bytes_response
from lightbox_shared.responses.pagination import Page, PageQuery

router = APIRouter(tags=["Labelling"], dependencies=[needs(Scope.ANNOTATE)])

Name = Annotated[str, Path(max_length=63, pattern="^[a-z0-9-]+$", examples=["ophthalmology"])]
Version = Annotated[int, Path(ge=1, le=MAX_VERSION, examples=[1])]
MAX_BYTES = 256 * 1024
_LOCATION = headers(Location="The version.")
_TAGGED: dict[int | str, dict[str, Any]] = {
    200: {"model": SchemeBody, **headers(ETag="Of this version.")},
    304: {"description": "The client has this version already."},
    **errors(NotFound),
}


@router.post(
    "/api/schemes",
    status_code=201,
    summary="Add a label scheme, or a version of one",
    responses={
        200: {"description": "The newest version is this one already.", "model": SchemeBody, **_LOCATION},
        201: _LOCATION,
    },
)
async def create_scheme(
    caller: AdminOnly,
    body: Annotated[NewScheme, json_body(NewScheme, max_bytes=MAX_BYTES)],
    services: ServicesDep,
    session: Writing,
    response: Response,
) -> SchemeBody:
    """The first document of a name is version 1, a further one the next version; images keep the version that they were
    made with. `schema` takes a subset of JSON Schema 2020-12: no `$ref` to elsewhere, no names of fields by pattern,
    at most 64 fields."""
    stored = await services.schemes.store(session, body.name, body.title, body.document, caller.account)
    response.status_code = 201 if stored.new else 200
    response.headers["Location"] = f"/api/schemes/{stored.scheme.name}/{stored.scheme.version}"
    return SchemeBody.of(stored.scheme)


@router.get("/api/schemes", summary="The label schemes")
async def list_schemes(_caller: Approved, session: Reading, page: PageQuery) -> SchemeList:
    """The newest version of each scheme; what was added last comes first."""
    found = Page.of(await repository.page(session, page), page, lambda row: row.id)
    return SchemeList(schemes=[SchemeBody.of(row) for row in found.rows], next_cursor=found.next_cursor)


@router.get(
    "/api/schemes/{name}",
    summary="The newest version of a scheme",
    response_model=None,
    responses=_TAGGED,
)
async def retrieve_newest_scheme(name: Name, request: Request, _caller: Approved, session: Reading) -> Response:
    """Versions are numbered from 1 without gaps, so all below this one are there as well."""
    return _answer(request, await repository.find(session, name), "private, no-cache")


@router.get(
    "/api/schemes/{name}/{version}",
    summary="One version of a scheme",
    response_model=None,
    responses=_TAGGED,
)
async def retrieve_scheme(
    name: Name, version: Version, request: Request, _caller: Approved, session: Reading
) -> Response:
    """A version never changes, and may be kept by the client for good."""
    return _answer(request, await repository.find(session, name, version), "private, max-age=31536000, immutable")


def _answer(request: Request, row: Scheme | None, cache_control: str) -> Response:
    if row is None:
        raise NotFound
    data = SchemeBody.of(row).model_dump_json(by_alias=True).encode()
    etag = hashlib.sha256(data).hexdigest()[:32]
    common = {"Cache-Control": cache_control, "Vary": "Authorization"}
    return bytes_response(request, data, "application/json", etag=etag, headers=common)
