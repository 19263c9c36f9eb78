"""The queries on assignments."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from annotation_service.accounts.models import READERS, Account
from annotation_service.accounts.repository import SHOWN_NAME
from annotation_service.assignments.models import Assignment, Progress
from annotation_service.workflow.assigning_repository import any_of
from annotation_service.workflow.models import Image, Job
from annotation_service.workflow.states import OPEN_STATES, ImageState, JobState, NamedState
from annotation_service.workflow.totals_repository import open_jobs_of
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.responses.pagination import PageRequest

Session = ReadSession | WriteSession


async def now(session: WriteSession) -> datetime:
    """The time by the clock of the database, which says what is overdue."""
    return (await session.execute(select(func.now()))).scalar_one()


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


def of_ids(image_ids: Sequence[int]) -> list[ColumnElement[bool]]:
    """The condition for images with these ids."""
    return [Image.id == any_of(image_ids)]


def of_state(state: NamedState | None, scheme_id: int | None) -> list[ColumnElement[bool]]:
    """The conditions for images that can get readers, of one state and one scheme where they are given."""
    found: list[ColumnElement[bool]] = [Image.state.in_(OPEN_STATES)]
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
    gone = or_(Account.deleted, Account.authority.not_in(READERS))
    return list((await session.scalars(select(Account.id).where(gone, open_jobs_of(Account.id) > 0))).all())
