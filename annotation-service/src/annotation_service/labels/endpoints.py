"""Labels. One label is at `/label/{id}` and, as the collection is `/labels`, at `/labels/{id}` as well."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from annotation_service.dependencies import Approved, Labelling
from annotation_service.labels import repository, service
from annotation_service.labels.errors import (
    CannotDeleteLabelOfOthers,
    CannotEditLabelOfOthers,
    CannotSeeLabelOfOthers,
    LabelIsFinished,
    NoSuchLabel,
)
from annotation_service.labels.schemas import LABELS_PATH, LabelDeleted, LabelFields, LabelResource, label_path
from annotation_service.schemes.models import BUILT_IN_ID
from annotation_service.schemes.rules import SchemeRules
from annotation_service.state import ServicesDep
from annotation_service.versioned import versioned_response
from annotation_service.workflow.models import Label
from lightbox_shared.auth.dependencies import needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Reading, Statements, Writing
from lightbox_shared.openapi import errors, headers
from lightbox_shared.requests.bodies import form_or_json
from lightbox_shared.requests.idempotency import KeyInUse, KeyReused, idempotency_key
from lightbox_shared.requests.parameters import RowId
from lightbox_shared.responses.conditional import PreconditionFailed, is_outdated, refuse_outdated
from lightbox_shared.responses.hal import hal_content, self_link
from lightbox_shared.responses.versioned import etag_of
from lightbox_shared.second_prefix import Prefix, deleted, deletion

router = APIRouter(dependencies=[needs(Scope.ANNOTATE)])

LOCATION = headers(Location="The path of the label.")
OUTDATED = "label已被修改"


def answer(
    request: Request, label: Label, scheme: SchemeRules, prefix: str, message: str, *, status: int = 200
) -> Response:
    """A response with one label."""
    named = None if scheme.id == BUILT_IN_ID else str(scheme)
    body = LabelResource.of(label, scheme.fields, named, message, prefix)
    return versioned_response(request, label, body, prefix + label_path(label.id), status=status)


@router.post(
    "/labels",
    status_code=201,
    summary="Make a label",
    response_model=LabelResource,
    responses={201: {**hal_content(LabelResource), **LOCATION}, **errors(KeyInUse, KeyReused)},
)
async def yelda_create_label(
    request: Request,
    *,
    caller: Labelling,
    body: Annotated[LabelFields, form_or_json(LabelFields)],
    services: ServicesDep,
    prefix: Prefix,
) -> Response:
    """A label belongs to the doctor who makes it. It counts when a finished job carries it. With an `Idempotency-Key`
    the request can be sent again."""
    scheme = await service.scheme_of_new_label(services.database, services.schemes, body.scheme)
    scheme.check(body.values)

    async def create(statements: Statements) -> Response:
        label = await repository.add(statements, caller.account, scheme.id, body.values)
        return answer(request, label, scheme, prefix, "创建成功", status=201)

    if idempotency_key(request) is None:  # then the insertion is the whole transaction, and takes one round trip
        async with services.database.autocommit() as connection:
            return await create(connection)
    async with services.database.writing() as session:
        return await services.idempotency.once(session, request, caller.account, body, lambda: create(session))


@router.get(
    "/label/{label_id}",
    summary="One label",
    response_model=LabelResource,
    responses={200: hal_content(LabelResource), **errors(NoSuchLabel, CannotSeeLabelOfOthers)},
)
@router.get("/labels/{label_id}", include_in_schema=False)
async def yelda_label(
    request: Request, label_id: RowId, *, caller: Approved, services: ServicesDep, session: Reading, prefix: Prefix
) -> Response:
    """A label of the caller; administrators see every label."""
    label = await service.see(session, caller, label_id)
    scheme = await services.schemes.find(session, label.scheme_id)
    return answer(request, label, scheme, prefix, "label获取成功")


@router.put(
    "/label/{label_id}",
    summary="Change a label",
    response_model=LabelResource,
    responses={
        200: {**hal_content(LabelResource), **LOCATION},
        **errors(NoSuchLabel, CannotEditLabelOfOthers, LabelIsFinished, PreconditionFailed),
    },
)
@router.put("/labels/{label_id}", include_in_schema=False)
async def yelda_edit_label(
    request: Request,
    label_id: RowId,
    *,
    caller: Labelling,
    body: Annotated[LabelFields, form_or_json(LabelFields)],
    services: ServicesDep,
    session: Writing,
    prefix: Prefix,
) -> Response:
    """Fields that are absent stay as they are. A label of a finished job is not changed any more."""
    label = await service.lock_to_edit(session, caller, label_id)
    scheme = await services.schemes.find(session, label.scheme_id)
    if is_outdated(request, etag_of(label)):
        return answer(request, label, scheme, prefix, OUTDATED, status=412)
    fields = {**label.fields, **body.values}
    scheme.check(fields)
    return answer(request, await repository.change(session, label.id, fields), scheme, prefix, "label修改成功")


@router.delete(
    "/label/{label_id}",
    status_code=204,
    summary="Delete a label",
    responses={
        **deletion(LabelDeleted, **LOCATION),
        **errors(NoSuchLabel, CannotDeleteLabelOfOthers, LabelIsFinished, PreconditionFailed),
    },
)
@router.delete("/labels/{label_id}", status_code=204, include_in_schema=False)
async def yelda_delete_label(
    request: Request, label_id: RowId, *, caller: Labelling, session: Writing, prefix: Prefix
) -> Response:
    """Delete a label that no finished job carries."""
    refuse_outdated(request, etag_of(await service.lock_to_delete(session, caller, label_id)))
    await repository.remove(session, label_id)
    path = prefix + label_path(label_id)
    gone = LabelDeleted(message="已删除标注信息", _links=self_link(path, collection=prefix + LABELS_PATH))
    return deleted(request, prefix, gone, headers={"Location": path})
