"""The queue: a doctor gets the next image, and has it for a while. Without a draft in that time it goes back."""

from typing import Final

from annotation_service.assignments import queue_repository as repository
from annotation_service.assignments.models import Next, Upcoming
from annotation_service.assignments.queue_repository import Candidate, Wanted
from annotation_service.workflow import repository as workflow_repository
from annotation_service.workflow import service as workflow
from annotation_service.workflow.models import Image, Job
from annotation_service.workflow.service import Cause
from annotation_service.workflow.states import JobKind
from lightbox_shared.auth.principal import Authority, Principal
from lightbox_shared.database import Database, ReadSession, WriteSession

AT_ONCE: Final = 100
"""Leases that are ended in one transaction."""
TAKEN: Final = "taken from the queue"
ENDED: Final = Cause("the lease ended without a draft")
TIMES_TO_WAIT: Final = 3


class _LostToOthers(Exception):
    """Other doctors had or got all images that were chosen from. There may be more."""


class Queue:
    """The use cases of the queue. It owns its transactions: where the first images are locked, the second attempt waits
    for them in another one."""

    def __init__(self, database: Database, *, lease_seconds: int) -> None:
        self._database = database
        self._lease_seconds = lease_seconds

    async def next_job(self, caller: Principal) -> tuple[Next, bool] | None:
        """The job that the caller is to do next, and whether it is a new one; None if there is nothing to do.

        Own open jobs come first: those that were begun, the last one first, those that are due first, then in the own
        order. Then experts get images that are different a second time, and doctors those that miss a reader; what a
        doctor has let go back comes last.
        """
        found = await self._attempt(caller)
        if found is None and await self.end_leases():
            found = await self._attempt(caller)
        return found

    async def upcoming(self, session: ReadSession, caller: Principal, *, after: int | None) -> Upcoming | None:
        """The image of the job that `next_job` would find if the own job `after` were finished, as it looks now.
        Nothing is taken, so that others can still get it."""
        own = await repository.own_next(session, caller.account, after=after)
        if own is not None:
            return await repository.upcoming(session, own.image_id)
        for want in _wants(caller):
            for candidate in await repository.candidates(session, caller.account, want):
                return await repository.upcoming(session, candidate.image_id)
        return None

    async def end_leases(self) -> int:
        """Give back the jobs whose lease has ended, some in each transaction; how many. Their drafts are kept."""
        ended, found = 0, AT_ONCE
        while found == AT_ONCE:
            async with self._database.writing() as session:
                job_ids = await repository.ended_leases(session, AT_ONCE)
                for job_id in job_ids:
                    ended += await _end_lease(session, job_id)
            found = len(job_ids)
        return ended

    async def _attempt(self, caller: Principal) -> tuple[Next, bool] | None:
        for attempt in range(TIMES_TO_WAIT + 1):
            try:
                async with self._database.writing() as session:
                    await repository.lock_doctor(session, caller.account)
                    own = await self._own_job(session, caller.account)
                    if own is not None:
                        return own, False
                    job = await self._take(session, caller, waits=attempt > 0)
                    new = None if job is None else await repository.next_of(session, job.id)
                    return None if new is None else (new, True)
            except _LostToOthers:
                continue
        return None

    async def _own_job(self, session: WriteSession, account_id: int) -> Next | None:
        """The open job of an account that comes first, with its lease begun anew: the doctor is back."""
        while True:
            job = await repository.own_next(session, account_id)
            if job is None:
                return None
            await repository.extend_lease(session, job.id, seconds=self._lease_seconds)
            found = await repository.next_of(session, job.id)
            if found is not None:  # it may have been given back a moment ago
                return found

    async def _take(self, session: WriteSession, caller: Principal, *, waits: bool) -> Job | None:
        """A new job for the caller; None if there is none. Raises `_LostToOthers`."""
        candidates = [
            each for want in _wants(caller) for each in await repository.candidates(session, caller.account, want)
        ]
        found = await _lock_first(session, candidates, caller.account, waits=waits)
        if found is not None:
            return await self._make_job(session, *found, caller.account)
        if candidates:
            raise _LostToOthers
        return None

    async def _make_job(self, session: WriteSession, image: Image, candidate: Candidate, account_id: int) -> Job | None:
        cause = Cause(TAKEN, account_id)
        options = {
            "order_key": candidate.place,
            "due_at": candidate.due_at,
            "leased_until": repository.lease_end(self._lease_seconds),
        }
        if candidate.wanted is Wanted.EXPERT:
            columns = {**options, "account_id": account_id, "kind": JobKind.EXPERT}
            return await workflow.insert_job(session, image, columns, cause)
        return await workflow.create_job(session, image.id, account_id, cause, options)


def _wants(caller: Principal) -> list[Wanted]:
    """What an image wants that the caller may take, in the order in which they get it."""
    wants = [Wanted.READER if caller.authority is Authority.DOCTOR else Wanted.NAMED_READER]
    return [Wanted.EXPERT, *wants] if caller.authority is Authority.EXPERT else wants


async def _lock_first(
    session: WriteSession, candidates: list[Candidate], account_id: int, *, waits: bool
) -> tuple[Image, Candidate] | None:
    """The first of the candidates that can still be taken, locked. Those that other transactions have locked are passed
    over; or waited for, in the order of their ids, as it is everywhere where several are locked."""
    for candidate in sorted(candidates, key=lambda each: each.image_id) if waits else candidates:
        image = await repository.lock_candidate(session, candidate.image_id, waits=waits)
        if image is not None and await repository.can_take(session, candidate, account_id):
            return image, candidate
    return None


async def _end_lease(session: WriteSession, job_id: int) -> bool:
    found = await workflow_repository.lock_image_of_job(session, job_id)
    if found is None or not await repository.has_ended(session, found.job):
        return False  # a draft came, or another replica was quicker
    await workflow.delete_job(session, found.image, found.job, ENDED)
    return True
