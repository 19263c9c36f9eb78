"""The queries of the workflow. Locks are taken in one order: the image, then its jobs."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Double,
    SmallInteger,
    Table,
    Text,
    bindparam,
    case,
    delete,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import aliased

from annotation_service.accounts.models import Account
from annotation_service.workflow.models import Image, Job, Label, PastJob, Transition
from annotation_service.workflow.order_repository import order_key
from annotation_service.workflow.rules import JobLabel
from annotation_service.workflow.states import JobKind, JobState
from annotation_service.workflow.totals_repository import open_jobs_of
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import ReadSession, Statements, WriteSession

History = Sequence[Mapping[str, Any]]
"""Entries of the history, as columns of `Transition`."""

_JOBS: Final = cast("Table", Job.__table__)
_PAST_JOBS: Final = cast("Table", PastJob.__table__)
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
_IN_USE: Final = exists().where(Job.label_id == Label.id, Job.id != bindparam("job_id")).correlate(Label)
_LOCK_LABEL: Final = (
    select(Label, _IN_USE)
    .where(Label.id == bindparam("label_id"))
    .with_for_update(key_share=True, of=Label)
    .execution_options(populate_existing=True)
)
_LOCK_WITH_LABEL: Final = (
    select(Image, Job, Label, _IN_USE)
    .join(Job, Job.image_id == Image.id)
    .join(Label, Label.id == bindparam("label_id"))
    .where(Job.id == bindparam("job_id"))
    .with_for_update(key_share=True, of=[Image, Job, Label])
    .execution_options(populate_existing=True)
)
_OTHER: Final = aliased(Job, name="other")
_JOB_LABEL: Final = (_OTHER.id, _OTHER.state, _OTHER.kind, Label.id, Label.fields)
_JOBS_AND_LABELS: Final = (
    select(*_JOB_LABEL).outerjoin(Label, Label.id == _OTHER.label_id).where(_OTHER.image_id == bindparam("image_id"))
)

_FINISHED: Final = bindparam("new_state", type_=SmallInteger) == JobState.FINISHED
_ENTRIES: Final = (
    func.unnest(*(bindparam(f"recorded_{name}", type_=ARRAY(_TRANSITIONS.c[name].type)) for name in TRANSITION_COLUMNS))
    .table_valued(*TRANSITION_COLUMNS)
    .render_derived()
)
_RECORD: Final = insert(_TRANSITIONS).from_select(TRANSITION_COLUMNS, select(*_ENTRIES.c))
_CARRIER: Final = aliased(Job, name="carrier")
_WORK_BEGAN: Final = func.now() - func.make_interval(0, 0, 0, 0, 0, 0, bindparam("seconds", type_=Double))
_STEPPED: Final = (
    update(_JOBS)
    .where(
        _JOBS.c.id == bindparam("job_id"),
        # Another transaction may have put the label into another job while this one waited for it.
        ~exists().where(
            _CARRIER.label_id == bindparam("new_label_id", type_=BigInteger), _CARRIER.id != bindparam("job_id")
        ),
    )
    .values(
        state=bindparam("new_state"),
        label_id=bindparam("new_label_id"),
        started_at=case(
            (
                bindparam("new_state", type_=SmallInteger) >= JobState.LABELING,
                func.greatest(func.coalesce(_JOBS.c.started_at, func.now()), _WORK_BEGAN),  # NULL is passed over
            ),
            else_=_JOBS.c.started_at,
        ),
        finished_at=case((_FINISHED, func.now()), else_=_JOBS.c.finished_at),
        leased_until=case((_FINISHED, None), else_=_JOBS.c.leased_until),
        draft=case((_FINISHED, None), else_=_JOBS.c.draft),
        draft_saved_at=case((_FINISHED, None), else_=_JOBS.c.draft_saved_at),
        version=_JOBS.c.version + 1,
        modified_at=func.now(),
    )
    .returning(*_JOBS.c)
    .cte("stepped")
)
_CLOSED: Final = (
    update(_LABELS)
    .where(_LABELS.c.id == bindparam("new_label_id", type_=BigInteger), _FINISHED)
    .values(finished_at=func.now())
    .cte("closed")
)
_OTHERS: Final = (
    select(func.jsonb_agg(func.jsonb_build_array(*_JOB_LABEL), type_=JSONB))
    .outerjoin(Label, Label.id == _OTHER.label_id)
    .where(_OTHER.image_id == _STEPPED.c.image_id, _OTHER.id != _STEPPED.c.id)
    .scalar_subquery()
)
_STEP_JOB: Final = select(*_STEPPED.c, _OTHERS.label("others")).add_cte(_CLOSED, _RECORD.cte("recorded"))
_BEGUN: Final = (
    update(_JOBS)
    .where(
        _JOBS.c.id == bindparam("job_id"),
        _JOBS.c.account_id == bindparam("of_account"),
        _JOBS.c.state == JobState.UNLABELED,
    )
    .values(
        state=JobState.LABELING,
        started_at=func.coalesce(_JOBS.c.started_at, func.now()),
        version=_JOBS.c.version + 1,
        modified_at=func.now(),
    )
    .returning(*_JOBS.c)
    .cte("begun")
)
_BEGIN_JOB: Final = select(*_BEGUN.c).add_cte(
    insert(_TRANSITIONS)
    .from_select(
        TRANSITION_COLUMNS,
        select(
            _BEGUN.c.image_id,
            _BEGUN.c.id,
            literal(int(JobState.UNLABELED)),
            _BEGUN.c.state,
            _BEGUN.c.account_id,
            bindparam("reason", type_=Text),
        ),
    )
    .cte("recorded")
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


class LockedJob(NamedTuple):
    """A job with its image and the label that its doctor puts into it, all locked."""

    image: Image
    job: Job
    label: Label | None = None
    label_is_in_use: bool = False
    """Whether another job carries the label."""


async def lock_image(session: WriteSession, image_id: int) -> Image | None:
    """The image as it is now, locked until the end of the transaction."""
    statement = select(Image).where(Image.id == image_id).with_for_update(key_share=True)
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()


async def lock_image_of_job(session: WriteSession, job_id: int) -> LockedJob | None:
    """The job as it is now, and its image, both locked until the end of the transaction."""
    row = (await session.execute(_LOCK_IMAGE_OF_JOB, {"job_id": job_id})).one_or_none()
    return None if row is None else LockedJob(*row)


async def lock_with_label(session: WriteSession, job_id: int, label_id: int) -> LockedJob | None:
    """The same with a label, and whether another job carries that; None also if there is no such label."""
    row = (await session.execute(_LOCK_WITH_LABEL, {"job_id": job_id, "label_id": label_id})).one_or_none()
    return None if row is None else LockedJob(*row)


async def find_job(session: ReadSession | WriteSession, job_id: int) -> Job | None:
    """One job."""
    return await session.get(Job, job_id)


async def insert_job(session: WriteSession, values: Mapping[str, Any]) -> Job | None:
    """Insert a job, with the draft that the doctor has left behind for the image; None if the doctor has a job for the
    image already."""
    kept = (
        delete(_PAST_JOBS)
        .where(PastJob.image_id == values["image_id"], PastJob.account_id == values["account_id"])
        .returning(PastJob.draft, PastJob.draft_saved_at)
        .cte("kept")
    )
    drafts = {name: select(kept.c[name]).scalar_subquery() for name in ("draft", "draft_saved_at")}
    statement = insert(Job).values({**values, **drafts}).on_conflict_do_nothing(constraint="uq_jobs_image_account")
    return (await session.execute(statement.returning(Job))).scalar_one_or_none()


def place_and_time(image: Image, account_id: int) -> dict[str, Any]:
    """The columns of a further job of an image: due when the others were, and anywhere in the order of its doctor: at a
    place of its own it would tell that others disagree."""
    due_at = select(func.max(Job.due_at)).where(Job.image_id == image.id).scalar_subquery()
    if image.assignment_id is None:
        return {"due_at": due_at}
    return {"due_at": due_at, "order_key": order_key(image.id, account_id, image.assignment_id)}


async def begin_job(statements: Statements, job_id: int, account_id: int, reason: str) -> Job | None:
    """Move an unlabeled job of this account on to labeling; None if there is no such job. It needs no lock, since no
    decision on the image depends on it."""
    values = {"job_id": job_id, "of_account": account_id, "reason": reason}
    row = (await statements.execute(_BEGIN_JOB, values)).mappings().one_or_none()
    return None if row is None else Job(**row)


async def step_job(
    session: WriteSession, job_id: int, state: int, label_id: int | None, *, history: History, seconds: float | None
) -> tuple[Job, list[JobLabel]] | None:
    """Put a locked label into a locked job, and move it on to `state`; a finished job has no draft and no lease, and
    its label is closed to changes. The job, and the other jobs of its image, which has to be locked as well; None if
    another job carries the label, upon which the transaction has to be rolled back. `seconds` is the time of work,
    where that is less than the time since the job was begun."""
    values = {"job_id": job_id, "new_state": state, "new_label_id": label_id, "seconds": seconds}
    found = (await session.execute(_STEP_JOB, {**_columns(history), **values})).mappings().one_or_none()
    if found is None:
        return None
    row = dict(found)
    others = [JobLabel(*each) for each in row.pop("others") or ()]
    return Job(**row), others


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


async def delete_jobs(session: WriteSession, job_ids: Sequence[int]) -> None:
    """Delete locked jobs. Their labels stay, and so do drafts, for later jobs of the same doctors."""
    ids = bindparam("job_ids", type_=ARRAY(BigInteger))
    left = delete(_JOBS).where(_JOBS.c.id == func.any(ids)).returning(*_JOBS.c).cte("left_jobs")
    lease_ended = func.coalesce(left.c.leased_until < func.now(), false())
    values = select(left.c.image_id, left.c.account_id, left.c.draft, left.c.draft_saved_at, lease_ended)
    names = ["image_id", "account_id", "draft", "draft_saved_at", "lease_ended"]
    kept = insert(_PAST_JOBS).from_select(names, values.where(or_(left.c.draft.is_not(None), lease_ended)))
    columns = {name: kept.excluded[name] for name in names[2:]}
    statement = kept.on_conflict_do_update(index_elements=["image_id", "account_id"], set_=columns)
    await session.execute(statement, {"job_ids": list(job_ids)})


async def delete_image(session: WriteSession, image_id: int) -> None:
    """Delete an image without jobs."""
    await session.execute(delete(Image).where(Image.id == image_id))


async def has_jobs(session: ReadSession | WriteSession, image_id: int) -> bool:
    """Whether the image has a job."""
    return bool(await session.scalar(select(exists().where(Job.image_id == image_id))))


async def lock_label(session: WriteSession, label_id: int, job_id: int = 0) -> tuple[Label, bool] | None:
    """The label as it is now, locked until the end of the transaction, and whether another job than `job_id` carries
    it."""
    row = (await session.execute(_LOCK_LABEL, {"label_id": label_id, "job_id": job_id})).one_or_none()
    return None if row is None else (row[0], row[1])


async def count_readers(session: WriteSession, image_id: int) -> int:
    """How many doctors have a job for the image as one of its readers."""
    statement = select(func.count()).where(Job.image_id == image_id, Job.kind == JobKind.READER)
    return int((await session.execute(statement)).scalar_one())


async def jobs_and_labels(session: WriteSession, image_id: int) -> list[JobLabel]:
    """The jobs of an image, each with the label that it carries."""
    return [JobLabel(*row) for row in (await session.execute(_JOBS_AND_LABELS, {"image_id": image_id})).all()]


async def free_reader(
    session: WriteSession, image: Image, authority: Authority, *, among: Sequence[int] | None = None
) -> int | None:
    """The account of this authority that has no job for the image, with the fewest open jobs; None if there is none.

    A doctor has to be one of `among` if it is given, else one of the image's eligible doctors where it names some.
    """
    statement = select(Account.id).where(
        Account.authority == authority,
        Account.deleted.is_(False),
        ~exists().where(Job.image_id == image.id, Job.account_id == Account.id),
    )
    eligible = image.eligible_doctors if among is None and authority is Authority.DOCTOR else among
    if eligible is not None:
        statement = statement.where(Account.id.in_(eligible))
    found: int | None = await session.scalar(statement.order_by(open_jobs_of(Account.id), Account.id).limit(1))
    return found


async def record(session: WriteSession, history: History) -> None:
    """Write entries of the history."""
    await session.execute(_RECORD, _columns(history))


async def history(session: ReadSession, image_id: int) -> Sequence[Transition]:
    """The history of an image and its jobs, oldest first."""
    statement = select(Transition).where(Transition.image_id == image_id).order_by(Transition.id)
    return (await session.execute(statement)).scalars().all()
