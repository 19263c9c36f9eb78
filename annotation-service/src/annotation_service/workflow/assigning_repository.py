"""The queries that give many images to many doctors at once. Images are locked in the order of their ids, so that two
such requests do not wait for each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, cast

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    SmallInteger,
    Table,
    Text,
    and_,
    bindparam,
    column,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from annotation_service.workflow.models import Image, Job, PastJob, Transition
from annotation_service.workflow.order_repository import order_key
from annotation_service.workflow.states import ImageState, JobKind, JobState
from lightbox_shared.database import WriteSession

_JOBS: Final = cast("Table", Job.__table__)
_PAST_JOBS: Final = cast("Table", PastJob.__table__)
_TRANSITIONS: Final = cast("Table", Transition.__table__)
_STATES: Final = {"unassigned": int(ImageState.UNASSIGNED), "running": int(ImageState.RUNNING)}

_GIVEN: Final = select(
    func.unnest(
        bindparam("images", type_=ARRAY(BigInteger)),
        bindparam("accounts", type_=ARRAY(BigInteger)),
        bindparam("kinds", type_=ARRAY(SmallInteger)),
        bindparam("due", type_=ARRAY(DateTime(timezone=True))),
        bindparam("places", type_=ARRAY(BigInteger)),
    )
    .table_valued(
        column("image_id", BigInteger),
        column("account_id", BigInteger),
        column("kind", SmallInteger),
        column("due_at", DateTime(timezone=True)),
        column("place", BigInteger),
    )
    .render_derived()
).cte("given")
# A job begins with what its doctor has left behind for the image.
_KEPT: Final = (
    delete(_PAST_JOBS)
    .where(_PAST_JOBS.c.image_id == _GIVEN.c.image_id, _PAST_JOBS.c.account_id == _GIVEN.c.account_id)
    .returning(_PAST_JOBS.c.image_id, _PAST_JOBS.c.account_id, _PAST_JOBS.c.draft, _PAST_JOBS.c.draft_saved_at)
    .cte("kept")
)
_OF_GIVEN: Final = and_(_KEPT.c.image_id == _GIVEN.c.image_id, _KEPT.c.account_id == _GIVEN.c.account_id)
_PLACE: Final = func.coalesce(
    _GIVEN.c.place, order_key(_GIVEN.c.image_id, _GIVEN.c.account_id, bindparam("seed", type_=BigInteger))
)
_MADE: Final = (
    insert(_JOBS)
    .from_select(
        ["image_id", "account_id", "kind", "due_at", "order_key", "draft", "draft_saved_at"],
        select(
            _GIVEN.c.image_id,
            _GIVEN.c.account_id,
            _GIVEN.c.kind,
            _GIVEN.c.due_at,
            _PLACE,
            _KEPT.c.draft,
            _KEPT.c.draft_saved_at,
        ).select_from(_GIVEN.outerjoin(_KEPT, _OF_GIVEN)),
    )
    .returning(_JOBS.c.id, _JOBS.c.image_id, _JOBS.c.state)
    .cte("made")
)
_INSERT_JOBS: Final = insert(_TRANSITIONS).from_select(
    ["image_id", "job_id", "to_state", "account_id", "reason"],
    select(
        _MADE.c.image_id,
        _MADE.c.id,
        _MADE.c.state,
        bindparam("actor", type_=BigInteger),
        bindparam("reason", type_=Text),
    ),
)
_BEGIN_IMAGES: Final = text("""
WITH begun AS (
  UPDATE images SET state = :running WHERE id = ANY (CAST(:images AS bigint[])) AND state = :unassigned RETURNING id
)
INSERT INTO transitions (image_id, from_state, to_state, account_id, reason)
  SELECT id, :unassigned, :running, CAST(:actor AS bigint), CAST(:reason AS text) FROM begun
""").bindparams(**_STATES)
# The doctor who leaves counts: as many readers are wanted as there were, if no more were wanted before.
_MISS_A_READER: Final = text("""
UPDATE images SET wanted_readers = wanted, missing_readers = wanted - there, version = version + 1, modified_at = now()
  FROM (
    SELECT images.id, count(jobs.id) AS there, greatest(wanted_readers, count(jobs.id) + 1) AS wanted
      FROM images LEFT JOIN jobs ON image_id = images.id AND kind = :reader
      WHERE images.id = ANY (CAST(:images AS bigint[])) AND images.state IN (:unassigned, :running)
      GROUP BY images.id
  ) AS counted
  WHERE counted.id = images.id
""").bindparams(reader=int(JobKind.READER), **_STATES)
_EMPTY_IMAGES: Final = text("""
WITH without AS (
  SELECT id, state FROM images
    WHERE id = ANY (CAST(:images AS bigint[])) AND state NOT IN (:unassigned, :done)
      AND NOT EXISTS (SELECT FROM jobs WHERE image_id = images.id)
), emptied AS (
  UPDATE images SET state = :unassigned, missing_readers = wanted_readers, version = version + 1, modified_at = now()
    FROM without WHERE without.id = images.id RETURNING images.id, without.state AS old
)
INSERT INTO transitions (image_id, from_state, to_state, account_id, reason)
  SELECT id, old, :unassigned, CAST(:actor AS bigint), CAST(:reason AS text) FROM emptied
""").bindparams(unassigned=int(ImageState.UNASSIGNED), done=int(ImageState.DONE))


class Caused(Protocol):
    """Why something changes, and whose request it was."""

    @property
    def reason(self) -> str:
        """For the history."""
        ...

    @property
    def account_id(self) -> int | None:
        """None for the service itself."""
        ...


@dataclass(frozen=True, slots=True)
class Assignable:
    """An image that is locked, and the accounts that have a job for it."""

    id: int
    state: ImageState
    account_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OpenJob:
    """An open job that is locked with its image, and what its image says about who may read it."""

    id: int
    image_id: int
    state: JobState
    kind: JobKind
    due_at: datetime | None
    order_key: int
    is_leased: bool
    image_state: ImageState
    eligible_doctors: Sequence[int] | None
    account_ids: tuple[int, ...]
    """The accounts that have a job for the image."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job that is to be made."""

    image_id: int
    account_id: int
    kind: JobKind = JobKind.READER
    due_at: datetime | None = None
    order_key: int | None = None
    """None for a random place."""


def any_of(ids: Sequence[int]) -> ColumnElement[int]:
    """What a column is equal to if it has one of these ids, however many they are."""
    return func.any(literal(list(ids), ARRAY(BigInteger)))


async def lock_images(
    session: WriteSession, conditions: Sequence[ColumnElement[bool]], *, limit: int
) -> list[Assignable]:
    """The images under these conditions as they are now, locked until the end of the transaction, by their ids."""
    locked = select(Image.id, Image.state).where(*conditions).order_by(Image.id).limit(limit)
    rows = (await session.execute(locked.with_for_update(key_share=True))).all()
    known = await _accounts_of(session, [row.id for row in rows])
    return [Assignable(row.id, ImageState(row.state), known.get(row.id, ())) for row in rows]


async def lock_open_jobs(
    session: WriteSession, account_id: int, *, with_labels: bool, limit: int | None = None
) -> list[OpenJob]:
    """The open jobs of an account, or the first ones, by their images, all of which are locked; those that carry a
    label only `with_labels`."""
    mine = [Job.account_id == account_id, Job.state < JobState.FINISHED]
    if not with_labels:
        mine.append(Job.label_id.is_(None))
    of_images = select(Image.id, Image.state, Image.eligible_doctors).where(
        Image.id.in_(select(Job.image_id).where(*mine))
    )
    rows = (await session.execute(of_images.order_by(Image.id).limit(limit).with_for_update(key_share=True))).all()
    images = {row.id: row for row in rows}
    columns = (Job.id, Job.image_id, Job.state, Job.kind, Job.due_at, Job.order_key, Job.leased_until)
    of_jobs = select(*columns).where(*mine, Job.image_id == any_of(list(images))).order_by(Job.image_id)
    jobs = (await session.execute(of_jobs.with_for_update())).all()
    known = await _accounts_of(session, list(images))
    return [
        OpenJob(
            job.id,
            job.image_id,
            JobState(job.state),
            JobKind(job.kind),
            job.due_at,
            job.order_key,
            job.leased_until is not None,
            ImageState(images[job.image_id].state),
            images[job.image_id].eligible_doctors,
            known[job.image_id],
        )
        for job in jobs
    ]


async def _accounts_of(session: WriteSession, image_ids: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """The accounts that have a job for each image."""
    accounts = func.array_agg(aggregate_order_by(Job.account_id, Job.id))
    with_jobs = select(Job.image_id, accounts).where(Job.image_id == any_of(image_ids)).group_by(Job.image_id)
    return {row[0]: tuple(row[1]) for row in (await session.execute(with_jobs)).all()}


async def insert_jobs(session: WriteSession, jobs: Sequence[NewJob], cause: Caused, *, order_seed: int = 0) -> None:
    """Insert jobs for locked images, with their history. Each doctor gets an own random order, by `order_seed`."""
    values = {
        "images": [job.image_id for job in jobs],
        "accounts": [job.account_id for job in jobs],
        "kinds": [int(job.kind) for job in jobs],
        "due": [job.due_at for job in jobs],
        "places": [job.order_key for job in jobs],
        "seed": order_seed,
    }
    await session.execute(_INSERT_JOBS, {**values, **_why(cause)})


async def change_images(
    session: WriteSession, image_ids: Sequence[int], *, readers: int, columns: Mapping[str, object]
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
    statement = update(Image).where(Image.id == any_of(image_ids)).values(values)
    await session.execute(statement, execution_options={"synchronize_session": False})


async def begin_images(session: WriteSession, image_ids: Sequence[int], cause: Caused) -> None:
    """Move locked images from unassigned to running, with their history."""
    await session.execute(_BEGIN_IMAGES, {"images": list(image_ids), **_why(cause)})


async def miss_a_reader(session: WriteSession, image_ids: Sequence[int]) -> None:
    """Say that locked images miss the reader whose job was deleted."""
    await session.execute(_MISS_A_READER, {"images": list(image_ids)})


async def empty_images(session: WriteSession, image_ids: Sequence[int], cause: Caused) -> None:
    """Move those locked images that have no job back to unassigned, with their history."""
    await session.execute(_EMPTY_IMAGES, {"images": list(image_ids), **_why(cause)})


async def without_open_jobs(session: WriteSession, image_ids: Sequence[int], state: ImageState) -> list[int]:
    """Of the images in this state those that wait for no reader, none that has a job and none that is missing."""
    open_job = select(Job.id).where(Job.image_id == Image.id, Job.state < JobState.FINISHED).exists()
    statement = select(Image.id).where(
        Image.id == any_of(image_ids), Image.state == state, Image.missing_readers == 0, ~open_job
    )
    return list((await session.scalars(statement.order_by(Image.id))).all())


def _why(cause: Caused) -> dict[str, object]:
    return {"actor": cause.account_id, "reason": cause.reason}
