"""The queries of the workflow. Locks are taken in one order: the image, then its jobs."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from annotation_service.accounts.models import Account
from annotation_service.labels.models import Label
from annotation_service.workflow.models import Image, ImageTotal, Job, JobTotal, Transition
from annotation_service.workflow.rules import Reading
from annotation_service.workflow.states import JobKind, JobState
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import ReadSession, WriteSession


async def lock_image(session: WriteSession, image_id: int) -> Image | None:
    """The image as it is now, locked until the end of the transaction."""
    statement = select(Image).where(Image.id == image_id).with_for_update(key_share=True)
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()


async def lock_image_of_job(session: WriteSession, job_id: int) -> tuple[Image, Job] | None:
    """The job as it is now, and its image, both locked until the end of the transaction."""
    image_id = await session.scalar(select(Job.image_id).where(Job.id == job_id))
    image = None if image_id is None else await lock_image(session, image_id)
    if image is None:
        return None
    statement = select(Job).where(Job.id == job_id).with_for_update().execution_options(populate_existing=True)
    job = (await session.execute(statement)).scalar_one_or_none()  # it may have been deleted in between
    return None if job is None else (image, job)


async def find_job(session: ReadSession | WriteSession, job_id: int) -> Job | None:
    """One job."""
    return await session.get(Job, job_id)


async def find_image(session: ReadSession | WriteSession, image_id: int) -> Image | None:
    """One image."""
    return await session.get(Image, image_id)


async def insert_job(session: WriteSession, values: Mapping[str, Any]) -> Job | None:
    """Insert a job; None if the doctor has one for this image already."""
    statement = insert(Job).values(values).on_conflict_do_nothing(constraint="uq_jobs_image_account").returning(Job)
    return (await session.execute(statement)).scalar_one_or_none()


async def change_job(session: WriteSession, job_id: int, values: Mapping[str, Any]) -> Job:
    """Change columns of a locked job."""
    columns = {**values, "version": Job.version + 1, "modified_at": func.now()}
    statement = update(Job).where(Job.id == job_id).values(columns).returning(Job)
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one()


async def change_image(session: WriteSession, image_id: int, values: Mapping[str, Any]) -> Image:
    """Change columns of a locked image."""
    columns = {**values, "version": Image.version + 1, "modified_at": func.now()}
    statement = update(Image).where(Image.id == image_id).values(columns).returning(Image)
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one()


async def delete_job(session: WriteSession, job_id: int) -> None:
    """Delete a job. Its label stays."""
    await session.execute(delete(Job).where(Job.id == job_id))


async def delete_image(session: WriteSession, image_id: int) -> None:
    """Delete an image without jobs."""
    await session.execute(delete(Image).where(Image.id == image_id))


async def has_jobs(session: WriteSession, image_id: int) -> bool:
    """Whether the image has a job."""
    return bool(await session.scalar(select(exists().where(Job.image_id == image_id))))


async def label_in_use(session: WriteSession, label_id: int, job_id: int) -> bool:
    """Whether another job carries the label."""
    return bool(await session.scalar(select(exists().where(Job.label_id == label_id, Job.id != job_id))))


async def lock_label(session: WriteSession, label_id: int) -> Label | None:
    """The label as it is now, locked until the end of the transaction."""
    statement = select(Label).where(Label.id == label_id).with_for_update(key_share=True)
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()


async def finish_label(session: WriteSession, label_id: int) -> None:
    """Close a label to changes."""
    await session.execute(update(Label).where(Label.id == label_id).values(finished_at=func.now()))


async def count_open_jobs(session: WriteSession, image_id: int) -> int:
    """How many jobs of the image are not finished."""
    statement = select(func.count()).where(Job.image_id == image_id, Job.state < JobState.FINISHED)
    return (await session.execute(statement)).scalar_one()


async def count_readers(session: WriteSession, image_id: int) -> int:
    """How many doctors have a job for the image as one of its readers."""
    statement = select(func.count()).where(Job.image_id == image_id, Job.kind == JobKind.READER)
    return (await session.execute(statement)).scalar_one()


async def readings(session: WriteSession, image_id: int) -> list[Reading]:
    """The labels of the finished jobs of an image, in the order of the jobs."""
    statement = (
        select(Label.id, Label.fields, Job.kind)
        .join(Job, Job.label_id == Label.id)
        .where(Job.image_id == image_id, Job.state == JobState.FINISHED)
        .order_by(Job.id)
    )
    return [Reading(row.id, row.fields, JobKind(row.kind)) for row in (await session.execute(statement)).all()]


async def free_reader(session: WriteSession, image: Image, authority: Authority) -> int | None:
    """The account of this authority that has no job for the image, with the fewest open jobs; None if there is none.

    A doctor has to be one of the image's eligible doctors, where it names some.
    """
    open_jobs = func.coalesce(
        select(func.sum(JobTotal.change))
        .where(JobTotal.account_id == Account.id, JobTotal.state < JobState.FINISHED)
        .scalar_subquery(),
        0,
    )
    statement = select(Account.id).where(
        Account.authority == authority,
        Account.deleted.is_(False),
        ~exists().where(Job.image_id == image.id, Job.account_id == Account.id),
    )
    if authority is Authority.DOCTOR and image.eligible_doctors is not None:
        statement = statement.where(Account.id.in_(image.eligible_doctors))
    found: int | None = await session.scalar(statement.order_by(open_jobs, Account.id).limit(1))
    return found


async def add_transition(session: WriteSession, **values: object) -> None:
    """Write an entry of the history."""
    await session.execute(insert(Transition).values(values))


async def history(session: ReadSession, image_id: int) -> Sequence[Transition]:
    """The history of an image and its jobs, oldest first."""
    statement = select(Transition).where(Transition.image_id == image_id).order_by(Transition.id)
    return (await session.execute(statement)).scalars().all()


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
    return (await session.execute(select(images + jobs))).scalar_one()


async def is_ground_truth_candidate(session: WriteSession, image_id: int, label_id: int, author_id: int) -> bool:
    """Whether a label is that of a finished job of the image, or one of this author that no job carries."""
    of_a_job = exists().where(Job.image_id == image_id, Job.label_id == Label.id, Job.state == JobState.FINISHED)
    own = (Label.author_id == author_id) & ~exists().where(Job.label_id == Label.id)
    return bool(await session.scalar(select(exists().where(Label.id == label_id, or_(of_a_job, own)))))
