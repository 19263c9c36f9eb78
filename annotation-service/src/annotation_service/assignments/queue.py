"""The queue: a doctor gets the next image, and has it for a while. Without a draft in that time it goes back."""

from typing import Final

from annotation_service.assignments import repository
from annotation_service.assignments.repository import Next
from annotation_service.workflow import repository as workflow_repository
from annotation_service.workflow import service as workflow
from annotation_service.workflow.service import Cause
from annotation_service.workflow.states import JobKind
from lightbox_shared.auth.principal import Authority, Principal
from lightbox_shared.database import Database, WriteSession

AT_ONCE: Final = 100
"""Leases that are ended in one transaction."""
TAKEN: Final = Cause("taken from the queue")
ENDED: Final = Cause("the lease ended without a draft")


async def next_job(session: WriteSession, caller: Principal, *, lease_seconds: int) -> tuple[Next, bool] | None:
    """The job that the caller is to do next, and whether it is a new one; None if there is nothing to do.

    Own open jobs come first: those that were begun, those that are due first, then in the own order. Then doctors get
    images that miss a reader, and experts those that are different a second time. Who asks twice at the same moment
    gets the same job twice.
    """
    account_id = caller.account
    await repository.wait_for_turn(session, account_id)
    own = await repository.lock_own_next(session, account_id)
    if own is not None:
        await repository.extend_lease(session, own, seconds=lease_seconds)
        return await repository.next_of(session, own), False
    job_id = await _take(session, caller, lease_seconds)
    if job_id is None and await end_leases(session):
        job_id = await _take(session, caller, lease_seconds)
    return None if job_id is None else (await repository.next_of(session, job_id), True)


async def _take(session: WriteSession, caller: Principal, lease_seconds: int) -> int | None:
    """A new job for the caller: its id."""
    account_id = caller.account
    cause = Cause(TAKEN.reason, account_id)
    if caller.authority is Authority.EXPERT:
        image = await repository.lock_next_for_expert(session, account_id)
        if image is not None:
            values = {"account_id": account_id, "kind": JobKind.EXPERT}
            job = await workflow.insert_job(session, image, values, cause)
            return None if job is None else job.id
    is_doctor = caller.authority is Authority.DOCTOR
    found = await repository.lock_next_image(session, account_id, is_doctor=is_doctor)
    if found is None:
        return None
    image, place = found
    options = {"order_key": place, "leased_until": await repository.lease_end(session, lease_seconds)}
    kept = await repository.kept_draft(session, image.id, account_id)
    if kept is not None:
        options |= {"draft": kept.draft, "draft_saved_at": kept.saved_at}
    return (await workflow.create_job(session, image.id, account_id, cause, options)).id


async def end_leases(session: WriteSession) -> int:
    """Give back jobs whose lease has ended, without their drafts, which are kept; how many."""
    ended = 0
    for job_id in await repository.ended_leases(session, AT_ONCE):
        found = await workflow_repository.lock_image_of_job(session, job_id)
        if found is None or not await repository.has_ended(session, found.job):
            continue  # a draft came, or another replica was quicker
        image, job = found.image, found.job
        if job.draft is not None:
            await repository.keep_draft(session, job)
        await workflow.delete_job(session, image, job, ENDED)
        ended += 1
    return ended


async def end_all_leases(database: Database) -> None:
    """Give back all jobs whose lease has ended, some in each transaction."""
    ended = AT_ONCE
    while ended == AT_ONCE:
        async with database.writing() as session:
            ended = await end_leases(session)
