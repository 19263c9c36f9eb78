"""Giving many images to doctors in one transaction, and giving the open jobs of one doctor to others."""

import heapq
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from annotation_service.accounts.models import READERS
from annotation_service.workflow import assigning_repository, repository
from annotation_service.workflow import service as workflow
from annotation_service.workflow.assigning_repository import Assignable, NewJob, OpenJob
from annotation_service.workflow.service import Cause
from annotation_service.workflow.states import ImageState, JobKind
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import WriteSession


class TooFewDoctors(Exception):
    """An image has fewer possible readers than are wanted."""

    def __init__(self, image_id: int) -> None:
        super().__init__(image_id)
        self.image_id = image_id


@dataclass(frozen=True, slots=True)
class ReaderPlan:
    """Who is to read which images."""

    jobs: tuple[tuple[int, int], ...]
    """The new jobs, as pairs of image and account."""
    by_doctor: Mapping[int, int]
    """How many of them each account has that could have some."""

    @classmethod
    def of(cls, jobs: Iterable[tuple[int, int]], doctors: Iterable[int]) -> Self:
        """From the new jobs, and the accounts that could have some."""
        planned = tuple(jobs)
        counted = Counter(account_id for _, account_id in planned)
        return cls(planned, {each: counted[each] for each in doctors})


def choose_readers(
    images: Sequence[Assignable], open_jobs: Mapping[int, int], readers: int, *, seed: int
) -> ReaderPlan:
    """Choose so many readers for each image that those who have a job for it already are enough with them.

    The accounts of `open_jobs` with the fewest open jobs are chosen, by chance among equal ones, so that every two
    doctors come to read images in common. No account is chosen for an image twice. Images that some can't read come
    first: the others level out what that leaves. Raises `TooFewDoctors`.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret depends on it
    waiting = [(load, chance.random(), account_id) for account_id, load in open_jobs.items()]
    heapq.heapify(waiting)
    jobs: list[tuple[int, int]] = []
    for image in sorted(images, key=lambda each: -len(each.account_ids)):
        passed = []
        needed = readers - len(image.account_ids)
        while needed > 0:
            if not waiting:
                raise TooFewDoctors(image.id)
            load, rank, account_id = heapq.heappop(waiting)
            if account_id in image.account_ids:
                passed.append((load, rank, account_id))
                continue
            passed.append((load + 1, chance.random(), account_id))
            jobs.append((image.id, account_id))
            needed -= 1
        for each in passed:
            heapq.heappush(waiting, each)
    return ReaderPlan.of(jobs, open_jobs)


def choose_successors(
    jobs: Sequence[OpenJob],
    authorities: Mapping[int, Authority],
    open_jobs: Mapping[int, int],
    *,
    among: Sequence[int] | None,
    seed: int,
) -> dict[int, int]:
    """Choose another account for each job, by the id of the job; jobs for which there is none are absent.

    `authorities` are those of all accounts that can read. An expert's job goes to an expert; another one to one of
    `among`, else of the doctors that the image names, else of all doctors: the one with the fewest open jobs that has
    none for the image. A job that was taken from the queue goes to no one, but back to it.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret depends on it
    load, chosen = dict(open_jobs), dict[int, int]()
    of_authority = {
        each: [account_id for account_id, authority in authorities.items() if authority is each] for each in READERS
    }
    for job in jobs:
        if job.is_leased or job.image_state is ImageState.DONE:
            continue
        needs = Authority.EXPERT if job.kind is JobKind.EXPERT else Authority.DOCTOR
        if job.kind is JobKind.EXPERT or (among is None and job.eligible_doctors is None):
            possible = of_authority[needs]
        else:
            possible = [each for each in (among or job.eligible_doctors or ()) if each in authorities]
        if among is not None:
            possible = [each for each in possible if each in among]
        if job.kind is not JobKind.READER:
            possible = [each for each in possible if authorities[each] is needs]
        free = [each for each in possible if each not in job.account_ids]
        if free:
            successor = min(free, key=lambda each: (load.get(each, 0), chance.random()))
            load[successor] = load.get(successor, 0) + 1
            chosen[job.id] = successor
    return chosen


async def give(
    session: WriteSession, plan: ReaderPlan, cause: Cause, *, order_seed: int, due_at: datetime | None
) -> None:
    """Make the jobs of a plan. The images are locked."""
    if not plan.jobs:
        return
    jobs = [NewJob(image_id, account_id, due_at=due_at) for image_id, account_id in plan.jobs]
    await assigning_repository.insert_jobs(session, jobs, cause, order_seed=order_seed)
    await assigning_repository.begin_images(session, sorted({image_id for image_id, _ in plan.jobs}), cause)


async def want(session: WriteSession, image_ids: Sequence[int], readers: int, columns: Mapping[str, object]) -> None:
    """Say how many readers locked images should have. Those that have enough by now are decided."""
    await assigning_repository.change_images(session, image_ids, readers=readers, columns=columns)
    for image_id in await assigning_repository.without_open_jobs(session, image_ids, ImageState.RUNNING):
        image = await repository.lock_image(session, image_id)
        if image is not None:
            await workflow.advance(session, image)


async def hand_over(
    session: WriteSession, jobs: Sequence[OpenJob], successors: Mapping[int, int], cause: Cause
) -> None:
    """Give locked open jobs to the accounts of `successors`, by the id of the job, who begin anew. Where there is none,
    the image misses a reader; one that has no other job begins again, and one about which doctors disagree waits for an
    expert."""
    if not jobs:
        return
    await repository.delete_jobs(session, [job.id for job in jobs])
    await repository.record(session, [workflow.entry(job, job.state, None, cause) for job in jobs])
    given = [
        NewJob(job.image_id, successors[job.id], job.kind, job.due_at, job.order_key)
        for job in jobs
        if job.id in successors
    ]
    await assigning_repository.insert_jobs(session, given, cause)
    left = [job for job in jobs if job.id not in successors]
    readers = [job.image_id for job in left if job.kind is JobKind.READER]
    await assigning_repository.miss_a_reader(session, readers)
    images = [job.image_id for job in left]
    await assigning_repository.empty_images(session, images, cause)
    for image_id in await assigning_repository.without_open_jobs(session, images, ImageState.DIFFERENT):
        image = await repository.lock_image(session, image_id)
        if image is not None:
            await workflow.advance(session, image)
