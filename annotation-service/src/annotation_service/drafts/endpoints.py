"""The draft of a job."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from annotation_service.dependencies import Labelling
from annotation_service.drafts import repository
from annotation_service.drafts.schemas import JobDraft, NewDraft
from annotation_service.schemes.documents import count_values
from annotation_service.state import ServicesDep
from annotation_service.workflow.errors import JobIsFinished, NoSuchJob, NotTheDoctor
from annotation_service.workflow.models import Job
from annotation_service.workflow.repository import find_job
from lightbox_shared.auth.dependencies import needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Reading, Writing
from lightbox_shared.openapi import errors, headers
from lightbox_shared.requests.bodies import json_body
from lightbox_shared.requests.parameters import RowId
from lightbox_shared.responses.conditional import PreconditionFailed, refuse_outdated

router = APIRouter(tags=["Labelling"], dependencies=[needs(Scope.ANNOTATE)])

TAGGED = headers(ETag="Of the draft.")


@router.put(
    "/api/jobs/{job_id}/draft",
    summary="Keep a draft",
    responses={200: TAGGED, **errors(NoSuchJob, NotTheDoctor, JobIsFinished, PreconditionFailed)},
)
async def save_draft(
    job_id: RowId,
    *,
    request: Request,
    response: Response,
    caller: Labelling,
    body: Annotated[NewDraft, json_body(NewDraft)],
    services: ServicesDep,
    session: Writing,
) -> JobDraft:
    """The draft of an own open job; the last one wins, unless `If-Match` names the one that it follows. A job from the
    queue stays with its doctor as long as drafts come."""
    count_values(body.draft, "draft")
    if "if-match" in request.headers:
        before = await repository.lock(session, job_id)
        if before is not None and before.account_id == caller.account:
            refuse_outdated(request, _etag(before))
    lease = services.settings.lease_seconds
    job = await repository.save(session, job_id, caller.account, body.draft, lease_seconds=lease)
    if job is not None:
        return _answer(job, response)
    there = await find_job(session, job_id)
    if there is None:
        raise NoSuchJob
    raise JobIsFinished if there.account_id == caller.account else NotTheDoctor


@router.get(
    "/api/jobs/{job_id}/draft",
    summary="The draft of a job",
    responses={200: TAGGED, **errors(NoSuchJob, NotTheDoctor)},
)
async def retrieve_draft(job_id: RowId, caller: Labelling, session: Reading, response: Response) -> JobDraft:
    """What the doctor has kept last; null before the first draft, and after the job is finished."""
    job = await find_job(session, job_id)
    if job is None:
        raise NoSuchJob
    if job.account_id != caller.account:
        raise NotTheDoctor
    return _answer(job, response)


def _answer(job: Job, response: Response) -> JobDraft:
    response.headers["ETag"] = f'"{_etag(job)}"'
    return JobDraft(draft=job.draft, saved_at=job.draft_saved_at, leased_until=job.leased_until)


def _etag(job: Job) -> str:
    saved_at = job.draft_saved_at
    return f"{job.id}-{0 if saved_at is None else saved_at.isoformat()}"
