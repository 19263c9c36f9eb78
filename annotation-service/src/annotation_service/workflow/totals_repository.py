"""The queries on the totals of lists (`models.JobTotal`)."""

from collections.abc import Sequence

from sqlalchemy import ARRAY, BigInteger, ColumnElement, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute

from annotation_service.workflow.models import ImageTotal, JobTotal
from annotation_service.workflow.states import JobState
from lightbox_shared.database import ReadSession, WriteSession


def open_jobs_of(account_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[int]:
    """How many jobs of an account are not finished, where the column is that of another table in the query."""
    total = select(func.sum(JobTotal.change)).where(
        JobTotal.account_id == account_id, JobTotal.state < JobState.FINISHED
    )
    return func.coalesce(total.scalar_subquery(), 0)


async def open_jobs(session: WriteSession, account_ids: Sequence[int]) -> dict[int, int]:
    """How many jobs of each account are not finished."""
    accounts = func.unnest(literal(list(account_ids), ARRAY(BigInteger))).column_valued("accounts")
    rows = (await session.execute(select(accounts, open_jobs_of(accounts)))).all()
    return {row[0]: int(row[1]) for row in rows}


async def sum_up_totals(session: WriteSession) -> None:
    """Replace the rows of both tables of totals by one row a key. Rows that are added meanwhile stay."""
    for table, keys in ((ImageTotal, ["state"]), (JobTotal, ["account_id", "state"])):
        columns = [getattr(table, key) for key in keys]
        gone = delete(table).returning(*columns, table.change, table.at).cte("gone")
        summed = select(*(gone.c[key] for key in keys), func.sum(gone.c.change), func.max(gone.c.at)).group_by(
            *(gone.c[key] for key in keys)
        )
        await session.execute(insert(table).from_select([*keys, "change", "at"], summed))


async def totals_rows(session: ReadSession) -> int:
    """How many rows there are to sum up."""
    images, jobs = (select(func.count()).select_from(table).scalar_subquery() for table in (ImageTotal, JobTotal))
    return int((await session.execute(select(images + jobs))).scalar_one())
