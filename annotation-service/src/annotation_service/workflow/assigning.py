"""Giving many images to doctors in one transaction, and giving a job to another doctor."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from annotation_service.workflow import assigning_repository, repository
from annotation_service.workflow import service as workflow
from annotation_service.workflow.assigning_repository import Assignable
from annotation_service.workflow.models import Image, Job
from annotation_service.workflow.service import Cause
from annotation_service.workflow.states import ImageState
from lightbox_shared.database import WriteSession


class TooFewDoctors(Exception):
    """An image has fewer possible readers than are wanted."""

    def __init__(self, image_id: int) -> None:
        super().__init__(image_id)
        self.image_id = image_id


@dataclass(frozen=True, slots=True)
class Team:
    """Who reads which images: pairs of image and account, and how many new jobs each account has."""

    pairs: list[tuple[int, int]] = field(default_factory=list)
    new_jobs: dict[int, int] = field(default_factory=dict)


def choose_readers(images: Sequence[Assignable], open_jobs: Mapping[int, int], readers: int, *, seed: int) -> Team:
    """Choose so many readers for each image that those who have a job for it already are enough with them.

    The accounts of `open_jobs` with the fewest open jobs are chosen, by chance among equal ones, so that every two
    doctors come to read images in common. No account is chosen for an image twice. Raises `TooFewDoctors`.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret depends on it
    load, team = dict(open_jobs), Team(new_jobs=dict.fromkeys(open_jobs, 0))
    for image in images:
        needed = readers - len(image.account_ids)
        free = [account_id for account_id in load if account_id not in image.account_ids]
        if needed > len(free):
            raise TooFewDoctors(image.id)
        for account_id in sorted(free, key=lambda each: (load[each], chance.random()))[: max(0, needed)]:
            load[account_id] += 1
            team.new_jobs[account_id] += 1
            team.pairs.append((image.id, account_id))
    return team


async def give(
    session: WriteSession, team: Team, cause: Cause, *, order_seed: int, job_columns: dict[str, Any]
) -> None:
    """Make the jobs of a team. The images are locked."""
    if not team.pairs:
        return
    actor = cause.account_id or 0
    await assigning_repository.insert_jobs(
        session, team.pairs, order_seed=order_seed, columns=job_columns, actor=actor, reason=cause.reason
    )
    images = sorted({image_id for image_id, _ in team.pairs})
    await assigning_repository.begin_images(session, images, actor=actor, reason=cause.reason)


async def want(session: WriteSession, image_ids: Sequence[int], readers: int, columns: dict[str, Any]) -> None:
    """Say how many readers locked images should have. Those that have enough by now are decided."""
    await assigning_repository.change_images(session, image_ids, readers=readers, columns=columns)
    for image_id in await assigning_repository.without_open_jobs(session, image_ids):
        image = await repository.lock_image(session, image_id)
        if image is not None:
            await workflow.advance(session, image)


async def hand_over(session: WriteSession, image: Image, job: Job, account_id: int, cause: Cause) -> Job | None:
    """Give an open job, which is locked with its image, to another account, who begins anew; None if that account has a
    job for the image."""
    await repository.delete_job(session, job.id)
    await repository.record(session, [workflow.entry(job, job.state, None, cause)])
    values = {"account_id": account_id, "kind": job.kind, "due_at": job.due_at, "order_key": job.order_key}
    return await workflow.insert_job(session, image, values, cause)


def is_assignable(state: ImageState) -> bool:
    """Whether readers can be asked for an image in this state."""
    return state in {ImageState.UNASSIGNED, ImageState.RUNNING}
