"""What happens to the open jobs of a doctor who leaves: other doctors get them, or they go back to the queue. Finished
jobs stay, and so do jobs with a label, as long as their doctor can finish them."""

from collections.abc import Sequence
from functools import partial
from secrets import randbits
from typing import Final

from annotation_service.accounts import repository as accounts
from annotation_service.assignments import repository
from annotation_service.assignments.schemas import Reassigned
from annotation_service.workflow import assigning, assigning_repository, totals_repository
from annotation_service.workflow.service import Cause
from lightbox_shared.concurrency.bounded_threads import BoundedThreads
from lightbox_shared.database import Database, WriteSession

GONE: Final = Cause("the doctor has left")
AT_ONCE: Final = 500
"""Jobs of the gone that are given to others in one transaction, during which their images are locked."""


class Leaving:
    """The use cases of leaving. Used by many tasks of one event loop."""

    def __init__(self, database: Database, threads: BoundedThreads) -> None:
        self._database = database
        self._threads = threads

    async def reassign(
        self,
        session: WriteSession,
        account_id: int,
        cause: Cause,
        *,
        among: Sequence[int] | None = None,
        with_labels: bool = False,
        limit: int | None = None,
    ) -> Reassigned:
        """Give the open jobs of an account to others, who have the fewest; to those of `among`, if it is given, else to
        those who may read the image. Without another doctor the image goes back to the queue."""
        jobs = await assigning_repository.lock_open_jobs(session, account_id, with_labels=with_labels, limit=limit)
        authorities = await accounts.readers(session)
        authorities.pop(account_id, None)
        load = await totals_repository.open_jobs(session, list(authorities))
        choose = partial(assigning.choose_successors, jobs, authorities, load, among=among, seed=randbits(63))
        successors = await self._threads.run(choose)
        await assigning.hand_over(session, jobs, successors, cause)
        left = await repository.count_labelled(session, account_id)
        return Reassigned(given=len(successors), queued=len(jobs) - len(successors), left=left)

    async def reassign_jobs_of_the_gone(self, *, at_once: int = AT_ONCE) -> None:
        """Reassign the open jobs of accounts that were deleted, or are no doctors any more, also those with a label,
        which no one else can finish. The labels stay."""
        async with self._database.reading() as session:
            gone = await repository.gone_with_open_jobs(session)
        for account_id in gone:
            done = at_once
            while done == at_once:
                async with self._database.writing() as session:
                    outcome = await self.reassign(session, account_id, GONE, with_labels=True, limit=at_once)
                done = outcome.given + outcome.queued
