"""The draft of a job."""

from typing import Annotated

from fastapi import APIRouter

from annotation_service.dependencies import Labelling
from annotation_service.drafts import repository
from annotation_service.drafts.schemas import JobDraft, NewDraft
from annotation_service.schemes.documents import count_values
from annotation_service.state import ServicesDep
from annotation_service.workflow.errors import JobIsFinished, NoSuchJob, NotTheDoctor
from annotation_service.workflow.repository import find_job
from lightbox_shared.auth.dependencies import needs
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Reading, Writing
from lightbox_shared.openapi import errors
from lightbox_shared.parameters import RowId
from lightbox_shared.request_bodies import json_body

router = APIRouter(tags=["Labelling"], dependencies=[needs(Scope.ANNOTATE)])


@router.put(
    "/api/jobs/{job_id}/draft", summary="Keep a draft", responses=errors(NoSuchJob, NotTheDoctor, JobIsFinished)
)
async def save_draft(
    job_id: RowId,
    *,
    caller: Labelling,
    body: Annotated[NewDraft, json_body(NewDraft)],
    services: ServicesDep,
    session: Writing,
) -> JobDraft:
    """The draft of an own open job; the last one wins. A job from the queue stays with its doctor as long as drafts
    come."""
    count_values(body.draft, "draft")
    lease = services.settings.lease_seconds
    job = await repository.save(session, job_id, caller.account, body.draft, lease_seconds=lease)
    if job is not None:
        return JobDraft(draft=job.draft, saved_at=job.draft_saved_at, leased_until=job.leased_until)
    there = await find_job(session, job_id)
    if there is None:
        raise NoSuchJob
    raise JobIsFinished if there.account_id == caller.account else NotTheDoctor


@router.get("/api/jobs/{job_id}/draft", summary="The draft of a job", responses=errors(NoSuchJob, NotTheDoctor))
async def retrieve_draft(job_id: RowId, caller: Labelling, session: Reading) -> JobDraft:
    """What the doctor has kept last; null before the first draft, and after the job is finished."""
    job = await find_job(session, job_id)
    if job is None:
        raise NoSuchJob
    if job.account_id != caller.account:
        raise NotTheDoctor
    return JobDraft(draft=job.draft, saved_at=job.draft_saved_at, leased_until=job.leased_until)
