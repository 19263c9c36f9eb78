"""What happens to the open jobs of a doctor who leaves: other doctors get them, or they go back to the queue. Jobs with
a label, and finished ones, stay. Drafts are kept, for the case that the doctor gets the image again."""

from collections.abc import Sequence
from typing import Final

from annotation_service.assignments import repository
from annotation_service.assignments.schemas import Reassigned
from annotation_service.workflow import repository as workflow_repository
from annotation_service.workflow import service as workflow
from annotation_service.workflow.assigning import hand_over
from annotation_service.workflow.models import Image, Job
from annotation_service.workflow.service import Cause
from annotation_service.workflow.states import JobKind, JobState
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Database, WriteSession

AT_ONCE: Final = 100
"""Jobs of the gone that are given to others in one transaction, during which their images are locked."""


async def reassign(
    session: WriteSession, account_id: int, cause: Cause, *, among: Sequence[int] | None = None
) -> Reassigned:
    """Give the open jobs of an account to others: to those of `among` who may read the image, the one with the least to
    do first. Where there is no one else, a job of a queue goes back to it, and one that was given by hand stays."""
    return await _reassign(session, await repository.open_jobs_of(session, account_id), account_id, cause, among)


async def reassign_jobs_of_the_gone(database: Database, *, at_once: int = AT_ONCE) -> None:
    """Reassign the open jobs of accounts that were deleted, or are no doctors any more."""
    async with database.reading() as session:
        gone = {
            each: await repository.open_jobs_of(session, each) for each in await repository.gone_with_open_jobs(session)
        }
    for account_id, job_ids in gone.items():
        for start in range(0, len(job_ids), at_once):
            some = job_ids[start : start + at_once]
            async with database.writing() as session:
                await _reassign(session, some, account_id, Cause("the doctor has left"))


async def _reassign(
    session: WriteSession,
    job_ids: Sequence[int],
    account_id: int,
    cause: Cause,
    among: Sequence[int] | None = None,
) -> Reassigned:
    outcome = Reassigned(given=0, queued=0, left=0)
    for job_id in job_ids:
        found = await workflow_repository.lock_image_of_job(session, job_id)
        if found is None or not _is_open(found.job, account_id):
            continue
        image, job = found.image, found.job
        if await _give_away(session, image, job, cause, among):
            outcome.given += 1
        elif image.wanted_readers and job.kind == JobKind.READER:
            await workflow.delete_job(session, image, job, cause)
            outcome.queued += 1
        else:
            outcome.left += 1
            continue
        if job.draft is not None:
            await repository.keep_draft(session, job)
    return outcome


def _is_open(job: Job, account_id: int) -> bool:
    return job.account_id == account_id and job.state != JobState.FINISHED and job.label_id is None


async def _give_away(session: WriteSession, image: Image, job: Job, cause: Cause, among: Sequence[int] | None) -> bool:
    authority = Authority.EXPERT if job.kind == JobKind.EXPERT else Authority.DOCTOR
    other = await workflow_repository.free_reader(session, image, authority, among=among)
    return other is not None and await hand_over(session, image, job, other, cause) is not None
