"""Assigning many images in one transaction."""

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from annotation_service.accounts import repository as accounts
from annotation_service.accounts.service import KnownAccounts
from annotation_service.assignments import repository
from annotation_service.assignments.errors import (
    NotAssignable,
    TooFewReaders,
    time_is_over,
    too_many_images,
    unknown_doctors,
    unknown_finding,
    unknown_images,
)
from annotation_service.assignments.models import Assignment
from annotation_service.assignments.schemas import MAX_IMAGES, NewAssignment, Rule
from annotation_service.schemes.service import Schemes
from annotation_service.suggestions import repository as suggestions
from annotation_service.workflow import assigning, assigning_repository, totals_repository
from annotation_service.workflow.assigning import ReaderPlan, TooFewDoctors
from annotation_service.workflow.assigning_repository import Assignable
from annotation_service.workflow.service import Cause
from lightbox_shared.auth.principal import Authority
from lightbox_shared.concurrency.bounded_threads import BoundedThreads
from lightbox_shared.database import Database, WriteSession
from lightbox_shared.errors import Unavailable

QUEUE = "queue"
REASON = "assigned with others"


class Assignments:
    """The use cases of assigning. Used by many tasks of one event loop."""

    def __init__(self, database: Database, accounts: KnownAccounts, schemes: Schemes, threads: BoundedThreads) -> None:
        self._database = database
        self._accounts = accounts
        self._schemes = schemes
        self._threads = threads

    async def know_readers(self, account_ids: Sequence[int] | None, field: str) -> list[int]:
        """The accounts that may read, by default all doctors. Raises `InvalidRequest`, which names `field`, for ids of
        others, after asking whether they have become doctors a moment ago.

        It has a connection to the database for itself, so it comes before the transaction of the request.
        """
        if account_ids is None:
            with suppress(Unavailable):  # without auth-service the doctors are those of some seconds ago
                await self._accounts.refresh()
            return await self._readers(None)
        wanted = sorted(set(account_ids))
        known = await self._readers(wanted)
        if known != wanted:
            await self._accounts.refresh()
            known = await self._readers(wanted)
        unknown = sorted(set(wanted) - set(known))
        if unknown:
            raise unknown_doctors(unknown, field)
        return known

    async def _readers(self, account_ids: Sequence[int] | None) -> list[int]:
        """Of these accounts those that can have jobs; without `account_ids` all doctors. By their ids."""
        async with self._database.reading() as session:
            found = await accounts.readers(session, account_ids)
        return [each for each, authority in found.items() if account_ids is not None or authority is Authority.DOCTOR]

    async def create(
        self, session: WriteSession, asked: NewAssignment, doctors: Sequence[int], actor: int
    ) -> tuple[Assignment, Mapping[int, int]]:
        """Ask for readers of images; the assignment, and how many jobs each doctor got.

        Raises `InvalidRequest` for a time that is over, for unknown images, schemes and findings and for too many
        images, `NotAssignable` and `TooFewReaders`.
        """
        due_at = await _due(session, asked)
        images = await self._lock_images(session, asked)
        seed = secrets.randbits(63)
        plan = ReaderPlan.of((), doctors)
        if asked.mode != QUEUE:
            open_jobs = await totals_repository.open_jobs(session, doctors)
            choose = partial(assigning.choose_readers, images, open_jobs, asked.readers, seed=seed)
            try:
                plan = await self._threads.run(choose)
            except TooFewDoctors as error:
                raise TooFewReaders(error.image_id, asked.readers) from error
        assignment = await repository.add(
            session,
            {
                "mode": asked.mode,
                "readers": asked.readers,
                "doctors": None if asked.doctors is None else list(doctors),
                "due_at": due_at,
                "shows_suggestions": asked.shows_suggestions,
                "order_seed": seed,
                "images": len(images),
                "jobs": len(plan.jobs),
                "created_by": actor,
            },
        )
        await assigning.give(session, plan, Cause(REASON, actor), order_seed=seed, due_at=due_at)
        of_images = {
            "assignment_id": assignment.id,
            "eligible_doctors": assignment.doctors,
            "shows_suggestions": asked.shows_suggestions,
        }
        await assigning.want(session, [each.id for each in images], asked.readers, of_images)
        return assignment, plan.by_doctor

    async def _lock_images(self, session: WriteSession, asked: NewAssignment) -> list[Assignable]:
        if asked.images is not None:
            wanted = sorted(set(asked.images))
            conditions = repository.of_ids(wanted)
            images = await assigning_repository.lock_images(session, conditions, limit=MAX_IMAGES)
            unknown = sorted(set(wanted) - {each.id for each in images})
            if unknown:
                raise unknown_images(unknown)
            settled = [each.id for each in images if not each.state.takes_readers]
            if settled:
                raise NotAssignable(settled)
            return images
        scheme_id = None if asked.scheme is None else (await self._schemes.named(session, asked.scheme)).id
        conditions = repository.of_state(asked.state, scheme_id)
        if asked.rule is not None:
            conditions += repository.of_ids(await self._images_of(session, asked.rule))
        images = await assigning_repository.lock_images(session, conditions, limit=MAX_IMAGES + 1)
        if len(images) > MAX_IMAGES:
            raise too_many_images(MAX_IMAGES)
        return images

    async def _images_of(self, session: WriteSession, rule: Rule) -> Sequence[int]:
        low, high = rule.between
        found = await suggestions.images_within(session, rule.model, rule.finding, low, high)
        known = [] if found else await suggestions.findings_of(session, rule.model)
        if known and rule.finding not in known:
            raise unknown_finding(rule.model, known)
        return found


async def _due(session: WriteSession, asked: NewAssignment) -> datetime | None:
    """When the jobs are due. Raises `InvalidRequest` for a time that is over."""
    if asked.due_days is not None:
        return await repository.now(session) + timedelta(days=asked.due_days)
    if asked.due_at is not None and asked.due_at <= await repository.now(session):
        raise time_is_over()
    return asked.due_at
