"""The queries on drafts, which are columns of jobs."""

from typing import Any

from sqlalchemy import case, func, select, text, update

from annotation_service.workflow.models import Job
from annotation_service.workflow.states import JobState
from lightbox_shared.database import WriteSession


async def lock(session: WriteSession, job_id: int) -> Job | None:
    """The job with its draft as it is now, locked until the end of the transaction."""
    statement = select(Job).where(Job.id == job_id).with_for_update(key_share=True)
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()


async def save(
    session: WriteSession, job_id: int, account_id: int, draft: dict[str, Any], *, lease_seconds: int
) -> Job | None:
    """Replace the draft of an open job of this account, and extend its lease; None if there is no such job.

    The job's version stays: a draft that is saved while the doctor types does not outdate what the doctor sees.
    """
    lease = func.now() + text(f"interval '{int(lease_seconds)} seconds'")
    values = {
        "draft": draft,
        "draft_saved_at": func.now(),
        "started_at": func.coalesce(Job.started_at, func.now()),
        "leased_until": case((Job.leased_until.is_(None), None), else_=func.greatest(Job.leased_until, lease)),
    }
    mine = (Job.id == job_id, Job.account_id == account_id, Job.state < JobState.FINISHED)
    return (await session.execute(update(Job).where(*mine).values(values).returning(Job))).scalar_one_or_none()
