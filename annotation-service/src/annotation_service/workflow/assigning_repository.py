"""The queries that give many images to many doctors at once. Images are locked in the order of their ids, so that two
such requests do not wait for each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Table, cast, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by

from annotation_service.workflow.models import Image, Job, JobTotal, Transition
from annotation_service.workflow.states import ImageState, JobKind, JobState
from lightbox_shared.database import WriteSession

_JOBS: Final[Table] = Job.__table__  # type: ignore[assignment]
_TRANSITIONS: Final[Table] = Transition.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Assignable:
    """An image that is locked, and the accounts that have a job for it."""

    id: int
    state: ImageState
    account_ids: tuple[int, ...]


async def lock_images(
    session: WriteSession, conditions: Sequence[ColumnElement[bool]], *, limit: int
) -> list[Assignable]:
    """The first images under these conditions as they are now, locked until the end of the transaction, by their
    ids."""
    wanted = select(Image.id, Image.state).where(*conditions).order_by(Image.id).limit(limit)
    locked = wanted.with_for_update(key_share=True)
    rows = (await session.execute(locked)).all()
    ids = cast(literal([row.id for row in rows], ARRAY(BigInteger)), ARRAY(BigInteger))
    accounts = func.array_agg(aggregate_order_by(Job.account_id, Job.id))
    with_jobs = select(Job.image_id, accounts).where(Job.image_id == func.any(ids)).group_by(Job.image_id)
    known = {row[0]: tuple(row[1]) for row in (await session.execute(with_jobs)).all()}
    return [Assignable(row.id, ImageState(row.state), known.get(row.id, ())) for row in rows]


async def open_jobs(session: WriteSession, account_ids: Sequence[int]) -> dict[int, int]:
    """How many jobs of each account are not finished."""
    counted = select(JobTotal.account_id, func.sum(JobTotal.change)).where(
        JobTotal.account_id.in_(account_ids), JobTotal.state < JobState.FINISHED
    )
    rows = (await session.execute(counted.group_by(JobTotal.account_id))).all()
    return {**dict.fromkeys(account_ids, 0), **{row[0]: int(row[1]) for row in rows}}


async def insert_jobs(
    session: WriteSession,
    pairs: Sequence[tuple[int, int]],
    *,
    order_seed: int,
    columns: dict[str, Any],
    actor: int,
    reason: str,
) -> None:
    """Insert jobs for pairs of image and account, with their history. Each doctor gets an own random order."""
    given = (
        func.unnest(
            literal([image_id for image_id, _ in pairs], ARRAY(BigInteger)),
            literal([account_id for _, account_id in pairs], ARRAY(BigInteger)),
        )
        .table_valued("image_id", "account_id")
        .render_derived()
    )
    values = select(
        given.c.image_id,
        given.c.account_id,
        order_key(given.c.image_id, given.c.account_id, order_seed),
        *(literal(value, _JOBS.c[name].type) for name, value in columns.items()),
    )
    names = ["image_id", "account_id", "order_key", *columns]
    made = insert(_JOBS).from_select(names, values).returning(_JOBS.c.id, _JOBS.c.image_id, _JOBS.c.state).cte("made")
    history = select(made.c.image_id, made.c.id, literal(actor, BigInteger), made.c.state, literal(reason))
    names = ["image_id", "job_id", "account_id", "to_state", "reason"]
    await session.execute(insert(_TRANSITIONS).from_select(names, history))


async def change_images(
    session: WriteSession, image_ids: Sequence[int], *, readers: int, columns: dict[str, Any]
) -> None:
    """Say how many readers locked images should have, with other columns; the missing ones are counted."""
    readings = select(func.count()).where(Job.image_id == Image.id, Job.kind == JobKind.READER).scalar_subquery()
    values = {
        **columns,
        "wanted_readers": readers,
        "missing_readers": func.greatest(0, readers - readings),
        "version": Image.version + 1,
        "modified_at": func.now(),
    }
    statement = update(Image).where(_among(image_ids)).values(values)
    await session.execute(statement, execution_options={"synchronize_session": False})


async def begin_images(session: WriteSession, image_ids: Sequence[int], *, actor: int, reason: str) -> None:
    """Move locked images from unassigned to running, with their history."""
    begun = (
        update(Image.__table__)  # type: ignore[arg-type]
        .where(_among(image_ids), Image.state == ImageState.UNASSIGNED)
        .values(state=ImageState.RUNNING)
        .returning(Image.id)
        .cte("begun")
    )
    moved = (literal(int(ImageState.UNASSIGNED)), literal(int(ImageState.RUNNING)))
    history = select(begun.c.id, literal(actor, BigInteger), *moved, literal(reason))
    names = ["image_id", "account_id", "from_state", "to_state", "reason"]
    await session.execute(insert(_TRANSITIONS).from_select(names, history))


async def without_open_jobs(session: WriteSession, image_ids: Sequence[int]) -> list[int]:
    """Of running images those that wait for no reader, none that has a job and none that is missing."""
    open_job = select(Job.id).where(Job.image_id == Image.id, Job.state < JobState.FINISHED).exists()
    statement = select(Image.id).where(
        _among(image_ids), Image.state == ImageState.RUNNING, Image.missing_readers == 0, ~open_job
    )
    return list((await session.scalars(statement.order_by(Image.id))).all())


def order_key(image_id: Any, account_id: Any, seed: Any) -> ColumnElement[int]:  # noqa: ANN401 - columns or numbers
    """The place of an image in the order of a doctor: random, and the same for the same seed."""
    return func.hashint8extended(image_id, cast(account_id, BigInteger).op("#")(cast(seed, BigInteger)))


def _among(image_ids: Sequence[int]) -> ColumnElement[bool]:
    return Image.id == func.any(literal(list(image_ids), ARRAY(BigInteger)))
