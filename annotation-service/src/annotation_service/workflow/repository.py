"""The queries of the workflow. Locks are taken in one order: the image, then its jobs."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from sqlalchemy import (
    ARRAY,
    BigInteger,
    SmallInteger,
    Table,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from annotation_service.accounts.models import Account
from annotation_service.labels.models import Label
from annotation_service.workflow.models import Image, ImageTotal, Job, JobTotal, Transition
from annotation_service.workflow.rules import Reading
from annotation_service.workflow.states import JobKind, JobState
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import ReadSession, WriteSession

History = Sequence[Mapping[str, Any]]
"""Entries of the history, as columns of `Transition`."""

_LABELS: Final = cast("Table", Label.__table__)
_TRANSITIONS: Final = cast("Table", Transition.__table__)
TRANSITION_COLUMNS: Final = ("image_id", "job_id", "from_state", "to_state", "account_id", "reason")

# Statements of every label are built once: building one takes as long as running it.
_LOCK_IMAGE_OF_JOB: Final = (
    select(Image, Job)
    .join(Job, Job.image_id == Image.id)
    .where(Job.id == bindparam("job_id"))
    .with_for_update(key_share=True, of=[Image, Job])  # PostgreSQL locks the rows of a join in the order of its tables
    .execution_options(populate_existing=True)
)
_LOCK_LABEL: Final = (
    select(Label, exists().where(Job.label_id == Label.id, Job.id != bindparam("job_id")))
    .where(Label.id == bindparam("label_id"))
    .with_for_update(key_share=True, of=Label)
    .execution_options(populate_existing=True)
)
_JOBS_AND_LABELS: Final = (
    select(Job.state, Job.kind, Label.id, Label.fields)
    .outerjoin(Label, Label.id == Job.label_id)
    .where(Job.image_id == bindparam("image_id"))
    .order_by(Job.id)
)


_FINISHED: Final = bindparam("new_state", type_=SmallInteger) == JobState.FINISHED
_ENTRIES: Final = (
    func.unnest(*(bindparam(f"recorded_{name}", type_=ARRAY(_TRANSITIONS.c[name].type)) for name in TRANSITION_COLUMNS))
    .table_valued(*TRANSITION_COLUMNS)
    .render_derived()
)
_RECORD: Final = insert(_TRANSITIONS).from_select(TRANSITION_COLUMNS, select(*_ENTRIES.c))
_STEP_JOB: Final = (
    update(Job)
    .where(Job.id == bindparam("job_id"))
    .values(
        state=bindparam("new_state"),
        label_id=bindparam("new_label_id"),
        started_at=case(
            (
                bindparam("new_state", type_=SmallInteger) >= JobState.LABELING,
                func.coalesce(Job.started_at, func.now()),
            ),
            else_=Job.started_at,
        ),
        finished_at=case((_FINISHED, func.now()), else_=Job.finished_at),
        leased_until=case((_FINISHED, None), else_=Job.leased_until),
        draft=case((_FINISHED, None), else_=Job.draft),
        draft_saved_at=case((_FINISHED, None), else_=Job.draft_saved_at),
        version=Job.version + 1,
        modified_at=func.now(),
    )
    .returning(Job)
    .add_cte(
        update(_LABELS)
        .where(_LABELS.c.id == bindparam("new_label_id", type_=BigInteger), _FINISHED)
        .values(finished_at=func.now())
        .cte("closed"),
        _RECORD.cte("recorded"),
    )
    .execution_options(populate_existing=True, synchronize_session=False)
)
_MOVE_IMAGE: Final = (
    update(Image)
    .where(Image.id == bindparam("id_of_image"))
    .values(
        state=bindparam("new_state"),
        ground_truth_id=bindparam("new_ground_truth_id"),
        missing_readers=bindparam("new_missing_readers"),
        version=Image.version + 1,
        modified_at=func.now(),
    )
    .returning(Image)
    .add_cte(_RECORD.cte("recorded"))
    .execution_options(populate_existing=True, synchronize_session=False)
)


async def lock_image(session: WriteSession, image_id: int) -> Image | None:
    """The image as it is now, locked until the end of the transaction."""
    statement = select(Image).where(Image.id == image_id).with_for_update(key_share=True)
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()


async def lock_image_of_job(session: WriteSession, job_id: int) -> tuple[Image, Job] | None:
    """The job as it is now, and its image, both locked until the end of the transaction."""
    row = (await session.execute(_LOCK_IMAGE_OF_JOB, {"job_id": job_id})).one_or_none()
    return None if row is None else (row[0], row[1])


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


async def step_job(session: WriteSession, job_id: int, state: int, label_id: int | None, history: History) -> Job:
    """Put a label into a locked job, and move it on to `state`; a finished job has no draft and no lease, and its label
    is closed to changes."""
    values = {"job_id": job_id, "new_state": state, "new_label_id": label_id}
    return (await session.execute(_STEP_JOB, {**_columns(history), **values})).scalar_one()


async def move_image(
    session: WriteSession,
    image_id: int,
    state: int,
    *,
    ground_truth_id: int | None,
    missing_readers: int,
    history: History,
) -> Image:
    """Move a locked image to `state`."""
    values = {
        "id_of_image": image_id,
        "new_state": state,
        "new_ground_truth_id": ground_truth_id,
        "new_missing_readers": missing_readers,
    }
    return (await session.execute(_MOVE_IMAGE, {**_columns(history), **values})).scalar_one()


async def change_image(session: WriteSession, image_id: int, values: Mapping[str, Any]) -> Image:
    """Change other columns of a locked image than its state."""
    columns = {**values, "version": Image.version + 1, "modified_at": func.now()}
    statement = update(Image).where(Image.id == image_id).values(columns).returning(Image)
    changed = await session.execute(statement.execution_options(populate_existing=True, synchronize_session=False))
    return changed.scalar_one()


def _columns(history: History) -> dict[str, list[Any]]:
    """Entries of the history as arrays, one for each column."""
    return {f"recorded_{name}": [entry[name] for entry in history] for name in TRANSITION_COLUMNS}


async def delete_job(session: WriteSession, job_id: int) -> None:
    """Delete a job. Its label stays."""
    await session.execute(delete(Job).where(Job.id == job_id))


async def delete_image(session: WriteSession, image_id: int) -> None:
    """Delete an image without jobs."""
    await session.execute(delete(Image).where(Image.id == image_id))


async def has_jobs(session: WriteSession, image_id: int) -> bool:
    """Whether the image has a job."""
    return bool(await session.scalar(select(exists().where(Job.image_id == image_id))))


async def lock_label(session: WriteSession, label_id: int, job_id: int) -> tuple[Label, bool] | None:
    """The label as it is now, locked until the end of the transaction, and whether another job carries it."""
    row = (await session.execute(_LOCK_LABEL, {"label_id": label_id, "job_id": job_id})).one_or_none()
    return None if row is None else (row[0], row[1])


async def find_label(session: WriteSession, label_id: int) -> Label | None:
    """One label."""
    return await session.get(Label, label_id)


async def finish_label(session: WriteSession, label_id: int) -> None:
    """Close a label to changes, if it is not closed already."""
    open_label = update(Label).where(Label.id == label_id, Label.finished_at.is_(None))
    await session.execute(open_label.values(finished_at=func.now()))


async def count_readers(session: WriteSession, image_id: int) -> int:
    """How many doctors have a job for the image as one of its readers."""
    statement = select(func.count()).where(Job.image_id == image_id, Job.kind == JobKind.READER)
    return int((await session.execute(statement)).scalar_one())


async def readings(session: WriteSession, image_id: int) -> tuple[list[Reading], int]:
    """The labels of the finished jobs of an image, in the order of the jobs, and how many jobs are not finished."""
    rows = (await session.execute(_JOBS_AND_LABELS, {"image_id": image_id})).all()
    finished = [row for row in rows if row.state == JobState.FINISHED]
    found = [Reading(row.id, row.fields, JobKind(row.kind)) for row in finished]
    return found, len(rows) - len(finished)


async def free_reader(
    session: WriteSession, image: Image, authority: Authority, *, among: Sequence[int] | None = None
) -> int | None:
    """The account of this authority that has no job for the image, with the fewest open jobs; None if there is none.

    A doctor has to be one of `among` if it is given, else one of the image's eligible doctors where it names some.
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
    eligible = image.eligible_doctors if among is None and authority is Authority.DOCTOR else among
    if eligible is not None:
        statement = statement.where(Account.id.in_(eligible))
    found: int | None = await session.scalar(statement.order_by(open_jobs, Account.id).limit(1))
    return found


async def record(session: WriteSession, history: History) -> None:
    """Write entries of the history."""
    await session.execute(_RECORD, _columns(history))


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
    return int((await session.execute(select(images + jobs))).scalar_one())


async def is_ground_truth_candidate(session: WriteSession, image_id: int, label_id: int, author_id: int) -> bool:
    """Whether a label is that of a finished job of the image, or one of this author that no job carries."""
    of_a_job = exists().where(Job.image_id == image_id, Job.label_id == Label.id, Job.state == JobState.FINISHED)
    own = (Label.author_id == author_id) & ~exists().where(Job.label_id == Label.id)
    return bool(await session.scalar(select(exists().where(Label.id == label_id, or_(of_a_job, own)))))
