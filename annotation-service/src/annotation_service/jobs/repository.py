"""The queries on lists of jobs."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select

from annotation_service.accounts.models import Account
from annotation_service.accounts.repository import SHOWN_NAME
from annotation_service.totals import Total
from annotation_service.workflow.models import Image, Job, JobTotal
from annotation_service.workflow.states import ImageState, JobState
from lightbox_shared.database import ReadSession


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs are listed; None for all."""

    account_id: int | None = None
    image_id: int | None = None
    state: JobState | None = None
    image_states: frozenset[ImageState] | None = None

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions of the query."""
        found: list[ColumnElement[bool]] = []
        if self.account_id is not None:
            found.append(Job.account_id == self.account_id)
        if self.image_id is not None:
            found.append(Job.image_id == self.image_id)
        if self.state is not None:
            found.append(Job.state == self.state)
        if self.image_states is not None:
            of_state = select(Image.id).where(Image.id == Job.image_id, Image.state.in_(sorted(self.image_states)))
            found.append(of_state.exists())
        return found


async def listed(session: ReadSession, jobs: JobFilter, *, offset: int, limit: int) -> Sequence[tuple[Job, str | None]]:
    """A page of the jobs, each with the name of its doctor: those of one doctor in the order in which the doctor reads,
    others in the order of their ids."""
    order = [Job.id] if jobs.account_id is None else [Job.order_key, Job.id]
    page = select(Job.id).where(*jobs.conditions).order_by(*order).offset(offset).limit(limit).subquery()
    statement = (
        select(Job, SHOWN_NAME)
        .join(page, page.c.id == Job.id)
        .outerjoin(Account, Account.id == Job.account_id)
        .order_by(*order)
    )
    return [(row[0], row[1]) for row in (await session.execute(statement)).all()]


async def total(session: ReadSession, jobs: JobFilter) -> Total:
    """How many jobs there are. For all, and by doctor and state, the totals that triggers keep are summed up."""
    if jobs.image_id is None and jobs.image_states is None:
        counted = select(func.coalesce(func.sum(JobTotal.change), 0), func.coalesce(func.max(JobTotal.at), func.now()))
        if jobs.account_id is not None:
            counted = counted.where(JobTotal.account_id == jobs.account_id)
        if jobs.state is not None:
            counted = counted.where(JobTotal.state == jobs.state)
    else:
        counted = select(func.count(Job.id), func.coalesce(func.max(Job.modified_at), func.now()))
        counted = counted.where(*jobs.conditions)
    rows, modified_at = (await session.execute(counted)).one()
    return Total(int(rows), modified_at)
