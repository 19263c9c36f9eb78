"""Assigning images to doctors, and the queue."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from annotation_service.assignments import queue_repository, repository
from annotation_service.assignments.errors import NoSuchAssignment, NotAssignable, TooFewReaders
from annotation_service.assignments.schemas import (
    AssignmentBody,
    AssignmentList,
    AssignmentProgress,
    NewAssignment,
    NewAssignmentBody,
    NextJob,
    Reassigned,
    Reassignment,
    UpcomingImage,
)
from annotation_service.dependencies import Labelling
from annotation_service.fields import IdQuery
from annotation_service.state import ServicesDep
from annotation_service.workflow.errors import NoSuchJob, NotTheDoctor
from annotation_service.workflow.service import Cause
from lightbox_shared.auth.dependencies import AdminOnly, needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Reading, Writing
from lightbox_shared.openapi import errors, headers
from lightbox_shared.requests.bodies import json_body
from lightbox_shared.requests.idempotency import KeyInUse, KeyReused
from lightbox_shared.requests.parameters import RowId
from lightbox_shared.responses.pagination import Page, PageQuery
from lightbox_shared.second_prefix import API

router = APIRouter(tags=["Labelling"], dependencies=[needs(Scope.ANNOTATE)])

ASSIGNMENTS_PATH = "/api/assignments"
MAX_BODY = 1024 * 1024


@router.post(
    "/api/assignments",
    status_code=201,
    summary="Ask for readers of many images",
    response_model=NewAssignmentBody,
    responses={
        201: headers(Location="The path of the assignment."),
        **errors(NotAssignable, TooFewReaders, KeyInUse, KeyReused),
    },
)
async def create_assignment(
    request: Request,
    *,
    caller: AdminOnly,
    asked: Annotated[NewAssignment, json_body(NewAssignment, max_bytes=MAX_BODY)],
    services: ServicesDep,
    session: Writing,
) -> Response:
    """So many readers for each image, all at once or from a queue, from these doctors, those with the least to do
    first, and none twice for one image. All images get their readers, or none does. With an `Idempotency-Key` the
    request can be sent again."""
    doctors = await services.assignments.know_readers(asked.doctors, "doctors")

    async def create() -> Response:
        made, jobs = await services.assignments.create(session, asked, doctors, caller.account)
        body = NewAssignmentBody.made(made, jobs).model_dump_json()
        own = {"Location": f"{ASSIGNMENTS_PATH}/{made.id}"}
        return Response(body, 201, own, media_type="application/json")

    return await services.idempotency.once(session, request, caller.account, asked, create)


@router.get("/api/assignments", summary="All assignments")
async def list_assignments(_caller: AdminOnly, session: Reading, page: PageQuery) -> AssignmentList:
    """Newest first."""
    found = Page.of(await repository.page(session, page), page, lambda row: row.id)
    return AssignmentList(assignments=[AssignmentBody.of(row) for row in found.rows], next_cursor=found.next_cursor)


@router.get("/api/assignments/{assignment_id:int}", summary="How far one has come", responses=errors(NoSuchAssignment))
async def retrieve_assignment(assignment_id: RowId, _caller: AdminOnly, session: Reading) -> AssignmentProgress:
    """Its images by state, and its jobs by doctor, overdue ones counted. An image counts for the assignment that asked
    for its readers last."""
    row = await repository.find(session, assignment_id)
    if row is None:
        raise NoSuchAssignment
    return AssignmentProgress.progressed(row, await repository.progress(session, assignment_id))


@router.post(
    "/api/assignments/next",
    summary="The next job of a doctor",
    response_model=NextJob,
    responses={201: {"model": NextJob, "description": "A new job from the queue."}, 204: {"description": "Nothing."}},
)
async def take_next_job(caller: Labelling, services: ServicesDep) -> Response:
    """An open job of the caller: what was begun, then what is due first, then in the caller's own order. Else the
    next image from the queue: for doctors one that misses a reader, for experts one that is different a second time. It
    stays with the caller for a time (`leased_until`), which every draft extends, and then goes to someone else."""
    found = await services.queue.next_job(caller)
    if found is None:
        return Response(status_code=204)
    job, is_new = found
    body = NextJob.of(job, API).model_dump_json(by_alias=True)
    return Response(body, 201 if is_new else 200, media_type="application/json")


@router.get(
    "/api/assignments/next",
    summary="What a doctor is likely to read next",
    response_model=UpcomingImage,
    responses={204: {"description": "Nothing."}},
)
async def retrieve_upcoming_image(
    caller: Labelling, services: ServicesDep, session: Reading, after: IdQuery = None
) -> Response:
    """The image that comes when the own job `after` is finished, so that its picture can be loaded in advance. It is
    not taken: from the queue someone else may get it first."""
    found = await services.queue.upcoming(session, caller, after=after)
    if found is None:
        return Response(status_code=204)
    body = UpcomingImage.of(found, API).model_dump_json(by_alias=True)
    return Response(body, media_type="application/json")


@router.get(
    "/api/jobs/{job_id}/form", summary="What the form of a job needs", responses=errors(NoSuchJob, NotTheDoctor)
)
async def retrieve_job_form(job_id: RowId, caller: Labelling, session: Reading) -> NextJob:
    """An own job as `/api/assignments/next` answers it, also when it is finished."""
    found = await queue_repository.next_of(session, job_id)
    if found is None:
        raise NoSuchJob
    if found.job.account_id != caller.account:
        raise NotTheDoctor
    return NextJob.of(found, API)


@router.post("/api/assignments/reassign", summary="Give the open work of a doctor to others")
async def reassign_jobs(
    *,
    caller: AdminOnly,
    body: Annotated[Reassignment, json_body(Reassignment)],
    services: ServicesDep,
    session: Writing,
) -> Reassigned:
    """Open jobs without a label go to other doctors, else back to the queue, where those go that came from there. This
    happens by itself, with labelled jobs as well, when an account is deleted, or is no doctor any more."""
    among = None if body.to is None else await services.assignments.know_readers(body.to, "to")
    return await services.leaving.reassign(session, body.from_account, Cause("reassigned", caller.account), among=among)
