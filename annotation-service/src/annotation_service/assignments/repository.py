"""The queries on assignments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, func, literal, or_, select
from sqlalchemy.dialects.postgresql import insert

from annotation_service.accounts.models import Account
from annotation_service.accounts.repository import SHOWN_NAME
from annotation_service.assignments.models import Assignment
from annotation_service.workflow.models import Image, Job, JobTotal
from annotation_service.workflow.states import ImageState, JobState, NamedState
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.pagination import PageRequest

Session = ReadSession | WriteSession


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an assignment has come."""

    images_by_state: dict[str, int]
    missing_readers: int
    doctors: list[dict[Any, Any]]


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


def of_state(state: NamedState | None, scheme_id: int | None) -> list[ColumnElement[bool]]:
    """The conditions for images that can get readers, of one state and one scheme where they are given."""
    can_get_readers = Image.state.in_((int(ImageState.UNASSIGNED), int(ImageState.RUNNING)))
    found: list[ColumnElement[bool]] = [can_get_readers]
    if state is not None:
        found.append(Image.state.in_(sorted(state.states)))
    if scheme_id is not None:
        found.append(Image.scheme_id == scheme_id)
    return found


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
            SHOWN_NAME.label("nickname"),
            *(func.count().filter(Job.state == state).label(state.name.lower()) for state in JobState),
            func.count().filter(is_open, Job.due_at < func.now()).label("overdue"),
        )
        .join(Image, Image.id == Job.image_id)
        .outerjoin(Account, Account.id == Job.account_id)
        .where(Image.assignment_id == assignment_id)
        .group_by(Job.account_id, Account.nickname, Account.username)
        .order_by(Job.account_id)
    )
    doctors = [dict(row) for row in (await session.execute(of_doctor)).mappings()]
    return Progress(counts, sum(row[2] or 0 for row in images), doctors)


async def count_labelled(session: Session, account_id: int) -> int:
    """How many open jobs of an account carry a label."""
    mine = (Job.account_id == account_id, Job.state < JobState.FINISHED, Job.label_id.is_not(None))
    return int((await session.execute(select(func.count()).where(*mine))).scalar_one())


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
