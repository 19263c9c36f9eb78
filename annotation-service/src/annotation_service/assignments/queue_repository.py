"""The queries on the queue and on leases."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, any_, case, func, literal, or_, select, text, update
from sqlalchemy.orm import InstrumentedAttribute

from annotation_service.assignments.models import Assignment, Next, Upcoming
from annotation_service.pictures.models import Picture
from annotation_service.schemes.models import Scheme
from annotation_service.workflow.models import Image, Job, PastJob
from annotation_service.workflow.order_repository import order_key
from annotation_service.workflow.states import OPEN_STATES, ImageState, JobKind, JobState
from annotation_service.workflow.totals_repository import open_jobs_of
from lightbox_shared.database import ReadSession, WriteSession

CANDIDATES: Final = 32
"""Images from which the next one is chosen. There are some more than doctors usually ask at the same moment."""


class Wanted(Enum):
    """What an image wants."""

    READER = auto()
    """A doctor."""
    NAMED_READER = auto()
    """A reader that the image names."""
    EXPERT = auto()


@dataclass(frozen=True, slots=True)
class Candidate:
    """An image that an account may take, and its place in the account's own order."""

    wanted: Wanted
    image_id: int
    place: int
    due_at: datetime | None


async def lock_doctor(session: WriteSession, account_id: int) -> None:
    """Wait until no other transaction takes a job for this account: one that asks twice gets the same job twice."""
    key = func.hashtextextended(f"the queue of {account_id}", 0)
    await session.execute(select(func.pg_advisory_xact_lock(key)))


async def own_next(session: ReadSession | WriteSession, account_id: int, *, after: int | None = None) -> Job | None:
    """The open job of an account that comes next: what was begun, the last one first, then what is due first, then by
    the own order. The job `after` is left out."""
    begun = case((or_(Job.state == JobState.LABELING, Job.draft.is_not(None)), 0), else_=1)
    last = func.greatest(Job.started_at, Job.draft_saved_at).desc().nulls_last()
    statement = select(Job).where(Job.account_id == account_id, Job.state < JobState.FINISHED)
    if after is not None:
        statement = statement.where(Job.id != after)
    order = (begun, last, Job.due_at.asc().nulls_last(), Job.order_key, Job.id)
    found: Job | None = await session.scalar(statement.order_by(*order).limit(1))
    return found


async def extend_lease(session: WriteSession, job_id: int, *, seconds: int) -> None:
    """Begin the lease of a job anew, if it has one."""
    leased = update(Job).where(Job.id == job_id, Job.leased_until.is_not(None)).values(leased_until=lease_end(seconds))
    await session.execute(leased, execution_options={"synchronize_session": False})


async def candidates(session: ReadSession | WriteSession, account_id: int, wanted: Wanted) -> list[Candidate]:
    """The first images that this account can take, in its own order; what it has let go back comes last."""
    account = literal(account_id, BigInteger)
    place = order_key(Image.id, account, func.coalesce(Assignment.order_seed, 0))
    let_go = select(PastJob.image_id).where(
        PastJob.image_id == Image.id, PastJob.account_id == account_id, PastJob.lease_ended
    )
    statement = (
        select(Image.id, place, Assignment.due_at)
        .outerjoin(Assignment, Assignment.id == Image.assignment_id)
        .where(*_takeable(wanted, account), ~_has_job(Image.id, account_id, wanted))
        .order_by(let_go.exists(), Assignment.due_at.asc().nulls_last(), place)
        .limit(CANDIDATES)
    )
    return [Candidate(wanted, *row) for row in (await session.execute(statement)).all()]


async def lock_candidate(session: WriteSession, image_id: int, *, waits: bool) -> Image | None:
    """The image as it is now, locked; None if it is gone, or locked elsewhere, unless `waits`."""
    statement = select(Image).where(Image.id == image_id).with_for_update(key_share=True, skip_locked=not waits)
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()


async def can_take(session: WriteSession, candidate: Candidate, account_id: int) -> bool:
    """Whether this account can take an image, which is locked. Jobs that others made before it was locked are seen."""
    account, wanted = literal(account_id, BigInteger), candidate.wanted
    has_job = _has_job(candidate.image_id, account_id, wanted)
    free = select(Image.id).where(Image.id == candidate.image_id, *_takeable(wanted, account), ~has_job)
    return await session.scalar(free) is not None


def _takeable(wanted: Wanted, account: ColumnElement[int]) -> list[ColumnElement[bool]]:
    if wanted is Wanted.EXPERT:
        return [Image.state == ImageState.DIFFERENT_AGAIN]
    named = account == any_(Image.eligible_doctors)
    eligible = named if wanted is Wanted.NAMED_READER else or_(Image.eligible_doctors.is_(None), named)
    return [Image.missing_readers > 0, Image.state.in_(OPEN_STATES), eligible]


def _has_job(image_id: int | InstrumentedAttribute[int], account_id: int, wanted: Wanted) -> ColumnElement[bool]:
    """Whether the account has a job for the image; or an expert has, where one is wanted."""
    mine: ColumnElement[bool] = Job.account_id == account_id
    if wanted is Wanted.EXPERT:
        mine = or_(mine, Job.kind == JobKind.EXPERT)
    return select(Job.id).where(Job.image_id == image_id, mine).exists()


async def next_of(session: ReadSession | WriteSession, job_id: int) -> Next | None:
    """A job with what its form needs; None if it is gone."""
    statement = (
        select(Job, Image, Picture, Scheme, open_jobs_of(Job.account_id))
        .join(Image, Image.id == Job.image_id)
        .join(Picture, Picture.id == Image.picture_id)
        .join(Scheme, Scheme.id == Image.scheme_id)
        .where(Job.id == job_id)
    )
    row = (await session.execute(statement.execution_options(populate_existing=True))).one_or_none()
    if row is None:
        return None
    job, image, picture, scheme, count = row
    return Next(job, image, picture, f"{scheme.name}/{scheme.version}", int(count))


async def upcoming(session: ReadSession, image_id: int) -> Upcoming | None:
    """An image with what a form for it needs; None if it is gone."""
    statement = (
        select(Image, Picture, Scheme)
        .join(Picture, Picture.id == Image.picture_id)
        .join(Scheme, Scheme.id == Image.scheme_id)
        .where(Image.id == image_id)
    )
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        return None
    image, picture, scheme = row
    return Upcoming(image, picture, f"{scheme.name}/{scheme.version}")


async def ended_leases(session: WriteSession, limit: int) -> list[int]:
    """The jobs whose lease has ended without a label, by image, which is the order of locks."""
    statement = (
        select(Job.id)
        .where(Job.leased_until < func.now(), Job.state < JobState.FINISHED, Job.label_id.is_(None))
        .order_by(Job.image_id)
        .limit(limit)
    )
    return list((await session.scalars(statement)).all())


async def has_ended(session: WriteSession, job: Job) -> bool:
    """Whether the lease of a locked job has ended."""
    if job.leased_until is None or job.label_id is not None or job.state == JobState.FINISHED:
        return False
    return bool(await session.scalar(select(literal(job.leased_until) < func.now())))


def lease_end(seconds: int) -> ColumnElement[Any]:
    """When a lease that begins now ends."""
    return func.now() + text(f"interval '{int(seconds)} seconds'")
