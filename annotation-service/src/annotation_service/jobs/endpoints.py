"""The jobs collection, and single jobs."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from annotation_service.dependencies import Approved, Labelling, admin_or
from annotation_service.fields import (
    DEFAULT_LIMIT,
    IdQuery,
    ImageStateQuery,
    JobStateQuery,
    Limit,
    NamedStateQuery,
    Offset,
    states_meant,
)
from annotation_service.jobs import repository, service
from annotation_service.jobs.errors import (
    CannotListJobsOfOthers,
    CannotSeeJobOfOthers,
    CreatingNeedsAdministrator,
    DeletingNeedsAdministrator,
    not_a_doctor,
)
from annotation_service.jobs.repository import JobFilter
from annotation_service.jobs.schemas import (
    JOBS_PATH,
    EditedJob,
    JobDeleted,
    JobList,
    JobResource,
    ListedJob,
    NewJob,
    job_path,
)
from annotation_service.state import ServicesDep
from annotation_service.versioned import versioned_response
from annotation_service.workflow import service as workflow
from annotation_service.workflow.errors import (
    DoctorHasJob,
    ImageIsSettled,
    JobIsFinished,
    JobMovesBack,
    LabelInUse,
    LabelOfSomeoneElse,
    NoLabel,
    NoSuchJob,
    NotTheDoctor,
    WrongScheme,
)
from annotation_service.workflow.models import Job
from lightbox_shared.auth.dependencies import needs
from lightbox_shared.auth.principal import Principal, Scope
from lightbox_shared.database import Reading, Writing
from lightbox_shared.errors import Unavailable
from lightbox_shared.openapi import errors, headers
from lightbox_shared.requests.addresses import client_address
from lightbox_shared.requests.bodies import form_or_json
from lightbox_shared.requests.idempotency import KeyInUse, KeyReused
from lightbox_shared.requests.parameters import RowId
from lightbox_shared.responses.conditional import PreconditionFailed, is_outdated
from lightbox_shared.responses.hal import hal_content, hal_response, page_links, self_link
from lightbox_shared.responses.versioned import IfMatch, etag_of
from lightbox_shared.second_prefix import Prefix

router = APIRouter(dependencies=[needs(Scope.ANNOTATE)])

LOCATION = headers(Location="The path of the job.")
OUTDATED = "任务已被修改"


def answer(request: Request, job: Job, prefix: str, message: str, *, status: int = 200) -> Response:
    """A response with one job."""
    body = JobResource.saying(message, job, prefix)
    return versioned_response(request, job, body, prefix + job_path(job.id), status=status)


@router.get(
    "/jobs",
    summary="All jobs, or those of a doctor",
    response_model=JobList,
    responses={200: hal_content(JobList), **errors(CannotListJobsOfOthers)},
)
async def yelda_list_jobs(
    request: Request,
    *,
    caller: Approved,
    session: Reading,
    prefix: Prefix,
    account_id: IdQuery = None,
    image_id: IdQuery = None,
    job_state: JobStateQuery = None,
    state: NamedStateQuery = None,
    image_state: ImageStateQuery = None,
    offset: Offset = 0,
    limit: Limit = DEFAULT_LIMIT,
) -> Response:
    """A page of jobs. Doctors list their own, by `account_id`, in the order in which they read; administrators all.
    `state` and `image_state` are those of the images."""
    jobs = JobFilter(account_id, image_id, job_state, states_meant(state, image_state))
    service.check_list(caller, jobs)
    total = await repository.total(session, jobs)
    rows = await repository.listed(session, jobs, offset=offset, limit=limit)
    names = ("account_id", "image_id", "job_state", "state", "image_state")
    query = {name: request.query_params.get(name) or None for name in names}
    path = prefix + JOBS_PATH
    find = path + "{?account_id,image_id,job_state,state,image_state,offset,limit}"
    body = JobList(
        message="成功获取所有任务",
        data=[ListedJob.of(job, nickname, prefix) for job, nickname in rows],
        total=total.rows,
        offset=offset,
        limit=limit,
        _links=page_links(path, query, offset=offset, limit=limit, total=total.rows, find=find),
    )
    return hal_response(request, body, modified=total.modified_at)


@router.post(
    "/jobs",
    status_code=201,
    summary="Give an image to a doctor",
    response_model=JobResource,
    responses={
        201: {**hal_content(JobResource), **LOCATION},
        **errors(CreatingNeedsAdministrator, ImageIsSettled, DoctorHasJob, KeyInUse, KeyReused),
    },
)
async def yelda_create_job(
    request: Request,
    *,
    caller: Annotated[Principal, admin_or(CreatingNeedsAdministrator)],
    body: Annotated[NewJob, form_or_json(NewJob)],
    services: ServicesDep,
    session: Writing,
    prefix: Prefix,
) -> Response:
    """`account_id` is an approved doctor, who gets an image once at most. With an `Idempotency-Key` the request can be
    sent again."""
    if not await services.accounts.is_reader(body.account_id):
        raise not_a_doctor()

    async def create() -> Response:
        job = await service.create(session, body.image_id, body.account_id, caller.account)
        return answer(request, job, prefix, "任务创建成功", status=201)

    return await services.idempotency.once(session, request, caller.account, body, create)


@router.get(
    "/jobs/{job_id}",
    summary="One job",
    response_model=JobResource,
    responses={200: hal_content(JobResource), **errors(NoSuchJob, CannotSeeJobOfOthers)},
)
async def yelda_job(request: Request, job_id: RowId, caller: Approved, session: Reading, prefix: Prefix) -> Response:
    """A job of the caller; administrators see every job."""
    return answer(request, await service.see(session, caller, job_id), prefix, "成功查看任务")


@router.put(
    "/jobs/{job_id}",
    summary="Begin or finish a job",
    response_model=JobResource,
    responses={
        200: {**hal_content(JobResource), **LOCATION},
        **errors(NoSuchJob, NotTheDoctor, JobIsFinished, LabelOfSomeoneElse, PreconditionFailed),
        **errors(JobMovesBack, NoLabel, LabelInUse, WrongScheme),
    },
)
async def yelda_edit_job(
    request: Request,
    job_id: RowId,
    *,
    caller: Labelling,
    body: Annotated[EditedJob, form_or_json(EditedJob)],
    services: ServicesDep,
    session: Writing,
    prefix: Prefix,
) -> Response:
    """Its doctor begins a job (201), puts a label into it, and finishes it (202)."""
    edit = body.edit
    edited = None
    if edit == workflow.ONLY_BEGIN and "if-match" not in request.headers:
        edited = await workflow.begin_job(services.database, job_id, caller.account)
    if edited is None:
        locked = await service.lock_own(session, job_id, edit, caller.account)
        if is_outdated(request, etag_of(locked.job)):
            return answer(request, locked.job, prefix, OUTDATED, status=412)
        edited = await workflow.edit_job(session, locked, edit, caller.account)
    return answer(request, edited, prefix, "成功编辑任务")


@router.delete(
    "/jobs/{job_id}",
    summary="Delete a job",
    response_model=JobDeleted,
    responses={
        200: {**hal_content(JobDeleted), **LOCATION},
        **errors(DeletingNeedsAdministrator, NoSuchJob, PreconditionFailed, Unavailable),
    },
)
async def yelda_delete_job(
    request: Request,
    job_id: RowId,
    *,
    caller: Annotated[Principal, admin_or(DeletingNeedsAdministrator)],
    expected: IfMatch,
    services: ServicesDep,
    prefix: Prefix,
) -> Response:
    """Take an image away from a doctor. The label of the job stays."""
    await services.deletions.delete_job(job_id, caller.account, client_address(request), expected=expected)
    path = prefix + job_path(job_id)
    body = JobDeleted(message="已删除该任务", _links=self_link(path, collection=prefix + JOBS_PATH))
    return hal_response(request, body, headers={"Location": path})
