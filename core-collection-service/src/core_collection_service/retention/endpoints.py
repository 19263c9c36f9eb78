"""The endpoints of `/api/devices/retention`. Administrators change the rules; whoever may read the pictures of a device
may see how long they are kept."""

import hashlib
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, Response

from core_collection_service.author import Author
from core_collection_service.dependencies import CurrentCaller
from core_collection_service.errors import NoSuchCollection
from core_collection_service.parameters import COLLECTION, CURSOR, DEVICE_ID, LIMIT, HasQuery, read_limit
from core_collection_service.retention.errors import NoSuchRule
from core_collection_service.retention.repository import EVERY_DEVICE
from core_collection_service.retention.rules import Holding
from core_collection_service.retention.schemas import (
    RetentionBody,
    RetentionLimits,
    RetentionPreview,
    RetentionRulePage,
    TriedRetention,
)
from core_collection_service.state import Services, ServicesDep
from lightbox_shared.auth.dependencies import AdminOnly, needs
from lightbox_shared.errors import BadRequest, Forbidden, NotAuthenticated
from lightbox_shared.openapi import errors, headers
from lightbox_shared.requests.bodies import json_body
from lightbox_shared.responses.conditional import PreconditionFailed, refuse_outdated

PATH: Final = "/api/devices/retention"
readers_router = APIRouter(tags=["Retention"])
router = APIRouter(tags=["Retention"], dependencies=[needs()])

_TAGGED: Final = headers(ETag="Of what holds, for `If-Match`.")
_ERRORS: Final = errors(NotAuthenticated, Forbidden, BadRequest, NoSuchCollection)
_DEVICE: Final[dict[str, Any]] = DEVICE_ID.describe() | {
    "description": "The device; without it all devices of the collection that have no rule of their own."
}
_COLLECTION: Final[dict[str, Any]] = COLLECTION.describe(required=True) | {"description": "The collection."}
_WHOSE: Final[dict[str, Any]] = {"parameters": [_COLLECTION, _DEVICE]}


@readers_router.get(
    PATH, summary="How long pictures are kept", responses={200: _TAGGED, **_ERRORS}, openapi_extra=_WHOSE
)
async def retrieve_retention(
    request: Request, caller: CurrentCaller, services: ServicesDep, response: Response
) -> RetentionBody:
    """Of a device, or of all that have no rule of their own, for whoever may read their pictures. The device need not
    have sent any."""
    collection, device_id = _whose(request, services)
    caller.check_may_read(device_id or None)
    holding = await services.retention_rules.holding(collection, device_id)
    _tag(response, holding)
    return RetentionBody.of(holding)


@router.put(
    PATH,
    summary="Set a rule of retention",
    responses={200: _TAGGED, **_ERRORS, **errors(PreconditionFailed)},
    openapi_extra=_WHOSE,
)
async def put_retention(
    request: Request,
    *,
    caller: AdminOnly,
    body: Annotated[RetentionLimits, json_body(RetentionLimits)],
    services: ServicesDep,
    response: Response,
) -> RetentionBody:
    """Of a device, or of all that have none of their own. It replaces the one that there is, and is applied within the
    hour. With `If-Match` it is set only if nothing has changed meanwhile."""
    collection, device_id = _whose(request, services)
    holding = await services.retention_rules.put(
        body.rule(collection, device_id), Author.of(request, caller), partial(_check, request)
    )
    _tag(response, holding)
    return RetentionBody.of(holding)


@router.delete(
    PATH,
    status_code=204,
    summary="Delete a rule of retention",
    responses={**_ERRORS, **errors(NoSuchRule, PreconditionFailed)},
    openapi_extra=_WHOSE,
)
async def delete_retention(request: Request, *, caller: AdminOnly, services: ServicesDep) -> Response:
    """What holds without it, holds from then on; that may let pictures expire, too. Rules of collections that are not
    configured any more can be deleted as well."""
    collection, device_id = COLLECTION.read_required(request), DEVICE_ID.read(request) or EVERY_DEVICE
    await services.retention_rules.delete(collection, device_id, Author.of(request, caller), partial(_check, request))
    return Response(status_code=204)


@router.post(f"{PATH}/preview", summary="Try a rule of retention", responses=_ERRORS, openapi_extra=_WHOSE)
async def preview_retention(
    request: Request,
    *,
    _caller: AdminOnly,
    body: Annotated[TriedRetention, json_body(TriedRetention)],
    services: ServicesDep,
) -> RetentionPreview:
    """What would be deleted at this moment if the rule was set, or, for null, if there was none. Nothing is changed.
    Without a device it counts those of all devices that have no rule of their own, for at most ten seconds."""
    collection, device_id = _whose(request, services)
    rule = None if body.rule is None else body.rule.rule(collection, device_id)
    return RetentionPreview.of(await services.retention_rules.preview(collection, device_id, rule))


@router.get(
    f"{PATH}/rules",
    summary="All rules of retention",
    responses=errors(NotAuthenticated, Forbidden, BadRequest),
    openapi_extra={"parameters": [LIMIT.describe(), CURSOR.describe()]},
)
async def list_retention_rules(request: Request, _caller: AdminOnly, services: ServicesDep) -> RetentionRulePage:
    """By collection and device, also those of collections that are not configured any more."""
    return RetentionRulePage.of(await services.retention_rules.page(read_limit(request), CURSOR.read(request)))


def _whose(request: HasQuery, services: Services) -> tuple[str, str]:
    """Collection and device id of a request. Raises `InvalidField` and `NoSuchCollection`."""
    collection = COLLECTION.read_required(request)
    device_id = DEVICE_ID.read(request) or EVERY_DEVICE
    if collection not in services.collections:
        raise NoSuchCollection
    return collection, device_id


def _etag(holding: Holding) -> str:
    """The entity tag of what holds, without quotes. The same limits have the same tag, whoever set them how often."""
    body = RetentionBody.of(holding).model_dump_json()
    return hashlib.sha256(body.encode()).hexdigest()[:32]


def _check(request: Request, holding: Holding) -> None:
    """Raise `PreconditionFailed` if the request is about what does not hold any more."""
    refuse_outdated(request, _etag(holding))


def _tag(response: Response, holding: Holding) -> None:
    response.headers["ETag"] = f'"{_etag(holding)}"'
    response.headers["Cache-Control"] = "private, no-store"
