"""The queries on assignments, the queue, and leases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, any_, case, func, literal, or_, select, text
from sqlalchemy.dialects.postgresql import insert

from annotation_service.accounts.models import Account
from annotation_service.assignments.models import Assignment, KeptDraft
from annotation_service.pictures.models import Picture
from annotation_service.schemes.models import Scheme
from annotation_service.workflow.assigning_repository import order_key
from annotation_service.workflow.models import Image, Job, JobTotal
from annotation_service.workflow.states import ImageState, JobKind, JobState, NamedState
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.pagination import PageRequest

Session = ReadSession | WriteSession
_TURNS = 0x6E657874
OPEN_STATES = (int(ImageState.UNASSIGNED), int(ImageState.RUNNING))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an assignment has come."""

    images_by_state: dict[str, int]
    missing_readers: int
    doctors: list[dict[Any, Any]]


@dataclass(frozen=True, slots=True)
class Next:
    """A job, and what its form needs."""

    job: Job
    image: Image
    picture: Picture
    scheme: str
    open_jobs: int


async def add(session: WriteSession, values: Mapping[str, Any]) -> Assignment:
    """Insert an assignment."""
    return (await session.execute(insert(Assignment).values(values).returning(Assignment))).scalar_one()


async def find(session: ReadSession, assignment_id: int) -> Assignment | None:
    """One assignment."""
    return await session.get(Assignment, assignment_id)


async def page(session: ReadSession, request: PageRequest) -> Sequence[Assignment]:
    """A page of assignments, newest first, and one more if there is a next page."""
    statement = select(Assignment).order_by(Assignment.id.desc()).limit(request.limit + 1)
    if request.after is not None:
        statement = statement.where(Assignment.id < request.after)
    return (await session.execute(statement)).scalars().all()


async def readers(session: Session, account_ids: Sequence[int] | None) -> list[int]:
    """Of these accounts those that can have jobs; without `account_ids` all doctors. By their ids."""
    statement = select(Account.id).where(Account.deleted.is_(False)).order_by(Account.id)
    if account_ids is None:
        statement = statement.where(Account.authority == Authority.DOCTOR)
    else:
        can_read = (Authority.DOCTOR, Authority.EXPERT)
        statement = statement.where(Account.authority.in_(can_read), Account.id.in_(account_ids))
    return list((await session.scalars(statement)).all())


def of_ids(image_ids: Sequence[int]) -> list[ColumnElement[bool]]:
    """The condition for images with these ids."""
    return [Image.id == func.any(literal(list(image_ids), ARRAY(BigInteger)))]


def of_state(state: NamedState, scheme_id: int | None) -> list[ColumnElement[bool]]:
    """The conditions for images of this state, and scheme if one is given, that can get readers."""
    found: list[ColumnElement[bool]] = [Image.state.in_(sorted(state.states)), Image.state.in_(OPEN_STATES)]
    return found if scheme_id is None else [*found, Image.scheme_id == scheme_id]


async def progress(session: ReadSession, assignment_id: int) -> Progress:
    """How far an assignment has come."""
    by_state = select(Image.state, func.count(), func.sum(Image.missing_readers)).where(
        Image.assignment_id == assignment_id
    )
    images = (await session.execute(by_state.group_by(Image.state))).all()
    counts = {str(name): 0 for name in NamedState}
    for row in images:
        counts[NamedState.of(ImageState(row[0]))] += row[1]
    is_open = Job.state < JobState.FINISHED
    of_doctor = (
        select(
            Job.account_id,
            *(func.count().filter(Job.state == state).label(state.name.lower()) for state in JobState),
            func.count().filter(is_open, Job.due_at < func.now()).label("overdue"),
        )
        .join(Image, Image.id == Job.image_id)
        .where(Image.assignment_id == assignment_id)
        .group_by(Job.account_id)
        .order_by(Job.account_id)
    )
    doctors = [dict(row) for row in (await session.execute(of_doctor)).mappings()]
    return Progress(counts, sum(row[2] or 0 for row in images), doctors)


async def wait_for_turn(session: WriteSession, account_id: int) -> None:
    """Wait until no other transaction looks for the next job of this account, and keep others from it until this one
    ends."""
    key = func.hashint8extended(literal(account_id, BigInteger), literal(_TURNS, BigInteger))
    await session.execute(select(func.pg_advisory_xact_lock(key)))


async def lock_own_next(session: WriteSession, account_id: int) -> int | None:
    """The open job of an account that comes next, locked: one that was begun, then the one that is due first, then by
    the own order. None also if it went to someone else while it was waited for."""
    begun = case((or_(Job.state == JobState.LABELING, Job.draft.is_not(None)), 0), else_=1)
    statement = select(Job.id).where(Job.account_id == account_id, Job.state < JobState.FINISHED)
    first = statement.order_by(begun, Job.due_at.asc().nulls_last(), Job.order_key, Job.id).limit(1)
    found: int | None = await session.scalar(first.with_for_update(key_share=True))
    return found


async def extend_lease(session: WriteSession, job_id: int, *, seconds: int) -> None:
    """Begin the lease of a leased job anew, since its doctor is back."""
    job = await session.get_one(Job, job_id)
    if job.leased_until is not None:
        job.leased_until = await session.scalar(select(func.now() + _seconds(seconds)))
        await session.flush()


async def lock_next_image(session: WriteSession, account_id: int, *, is_doctor: bool) -> tuple[Image, int] | None:
    """The image that misses a reader and comes first in this account's own order, locked, and the account's place for
    it; None if there is none. Images that another transaction has locked are passed over."""
    place = order_key(Image.id, literal(account_id, BigInteger), func.coalesce(Assignment.order_seed, 0))
    eligible = literal(account_id, BigInteger) == any_(Image.eligible_doctors)
    statement = (
        select(Image, place)
        .outerjoin(Assignment, Assignment.id == Image.assignment_id)
        .where(
            Image.missing_readers > 0,
            Image.state.in_(OPEN_STATES),
            or_(Image.eligible_doctors.is_(None), eligible) if is_doctor else eligible,
            ~select(Job.id).where(Job.image_id == Image.id, Job.account_id == account_id).exists(),
        )
        .order_by(place)
        .limit(1)
        .with_for_update(key_share=True, of=Image, skip_locked=True)
    )
    row = (await session.execute(statement.execution_options(populate_existing=True))).one_or_none()
    return None if row is None else (row[0], row[1])


async def lock_next_for_expert(session: WriteSession, account_id: int) -> Image | None:
    """The first image that is different a second time and has no expert, locked; None if there is none."""
    by_expert = select(Job.id).where(Job.image_id == Image.id, Job.kind == JobKind.EXPERT).exists()
    own = select(Job.id).where(Job.image_id == Image.id, Job.account_id == account_id).exists()
    statement = select(Image).where(Image.state == ImageState.DIFFERENT_AGAIN, ~by_expert, ~own)
    statement = statement.order_by(Image.id).limit(1).with_for_update(key_share=True, skip_locked=True)
    return (await session.execute(statement)).scalar_one_or_none()


async def lease_end(session: WriteSession, seconds: int) -> datetime:
    """When a lease that begins now ends."""
    return (await session.execute(select(func.now() + _seconds(seconds)))).scalar_one()


async def next_of(session: WriteSession, job_id: int) -> Next:
    """A job with what its form needs."""
    job = await session.get_one(Job, job_id, populate_existing=True)
    statement = (
        select(Image, Picture, Scheme)
        .join(Picture, Picture.id == Image.picture_id)
        .join(Scheme, Scheme.id == Image.scheme_id)
        .where(Image.id == job.image_id)
    )
    image, picture, scheme = (await session.execute(statement)).one()
    counted = select(func.coalesce(func.sum(JobTotal.change), 0)).where(
        JobTotal.account_id == job.account_id, JobTotal.state < JobState.FINISHED
    )
    open_jobs = int((await session.execute(counted)).scalar_one())
    return Next(job, image, picture, f"{scheme.name}/{scheme.version}", open_jobs)


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


async def keep_draft(session: WriteSession, job: Job) -> None:
    """Keep the draft of a job that goes back to the queue."""
    values = {
        "image_id": job.image_id,
        "account_id": job.account_id,
        "draft": job.draft,
        "saved_at": job.draft_saved_at,
    }
    statement = insert(KeptDraft).values(values)
    changed = {"draft": statement.excluded.draft, "saved_at": statement.excluded.saved_at}
    await session.execute(statement.on_conflict_do_update(index_elements=["image_id", "account_id"], set_=changed))


async def kept_draft(session: WriteSession, image_id: int, account_id: int) -> KeptDraft | None:
    """The draft that an account has left behind for an image."""
    return await session.get(KeptDraft, (image_id, account_id))


async def open_jobs_of(session: Session, account_id: int) -> list[int]:
    """The open jobs of an account without a label, by image, which is the order of locks."""
    mine = (Job.account_id == account_id, Job.state < JobState.FINISHED, Job.label_id.is_(None))
    return list((await session.scalars(select(Job.id).where(*mine).order_by(Job.image_id))).all())


async def gone_with_open_jobs(session: ReadSession) -> list[int]:
    """Accounts that have been deleted or are no doctors any more, and have open jobs."""
    statement = (
        select(Account.id)
        .join(JobTotal, JobTotal.account_id == Account.id)
        .where(
            or_(Account.deleted, Account.authority.not_in((Authority.DOCTOR, Authority.EXPERT))),
            JobTotal.state < JobState.FINISHED,
        )
        .group_by(Account.id)
        .having(func.sum(JobTotal.change) > 0)
    )
    return list((await session.scalars(statement)).all())


def _seconds(seconds: int) -> ColumnElement[Any]:
    return text(f"interval '{int(seconds)} seconds'")  # type: ignore[return-value]
