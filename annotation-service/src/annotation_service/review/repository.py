"""The queries for reviews."""

from collections.abc import Sequence

from sqlalchemy import func, select

from annotation_service.accounts.models import Account
from annotation_service.accounts.repository import SHOWN_NAME
from annotation_service.review.models import ReviewedLabel
from annotation_service.schemes.models import Scheme
from annotation_service.workflow.models import Image, Job, Label
from annotation_service.workflow.states import JobKind, JobState
from lightbox_shared.database import ReadSession


async def settles(session: ReadSession, image_id: int, account_id: int) -> bool:
    """Whether the account has a job to settle the image."""
    job = select(Job.id).where(Job.image_id == image_id, Job.account_id == account_id, Job.kind == JobKind.EXPERT)
    return await session.scalar(job) is not None


async def scheme(session: ReadSession, image_id: int) -> str | None:
    """The label scheme of an image, as `name/version`; None if there is no such image."""
    statement = (
        select(Scheme.name, Scheme.version).join(Image, Image.scheme_id == Scheme.id).where(Image.id == image_id)
    )
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else f"{row.name}/{row.version}"


async def labels(session: ReadSession, image_id: int) -> Sequence[ReviewedLabel]:
    """The labels of the finished jobs of an image, in the order of the jobs."""
    statement = (
        select(
            Label.id,
            Job.id.label("job_id"),
            Job.kind,
            Job.account_id,
            SHOWN_NAME.label("name"),
            Label.fields,
            Job.finished_at,
            func.extract("epoch", Job.finished_at - Job.started_at).label("seconds"),
        )
        .join(Job, Job.label_id == Label.id)
        .outerjoin(Account, Account.id == Job.account_id)
        .where(Job.image_id == image_id, Job.state == JobState.FINISHED)
        .order_by(Job.id)
    )
    return [
        ReviewedLabel(
            label_id=row.id,
            job_id=row.job_id,
            kind=JobKind(row.kind),
            account_id=row.account_id,
            name=row.name,
            fields=row.fields,
            finished_at=row.finished_at,
            seconds=None if row.seconds is None else round(float(row.seconds), 1),
        )
        for row in (await session.execute(statement)).all()
    ]
