"""The queries on results: the rows of exports and of `/download`, read through a cursor of the server."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Text, cast, exists, func, literal, null, select, text
from sqlalchemy.sql import or_

from annotation_service.accounts.models import Account
from annotation_service.accounts.repository import SHOWN_NAME
from annotation_service.exports.models import ResultFilter
from annotation_service.exports.rows import ResultRow
from annotation_service.pictures.models import Picture
from annotation_service.schemes.models import Scheme
from annotation_service.workflow.models import Image, Job, Label
from annotation_service.workflow.states import ImageState, JobState
from lightbox_shared.database import WriteSession

BATCH_ROWS: Final = 200
"""A label can have tens of kilobytes."""
SCHEME_ID: Final = func.coalesce(Label.scheme_id, Image.scheme_id)


async def freeze(session: WriteSession) -> None:
    """Let the transaction see the database as it is now until its end. Call it before anything else in it."""
    await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))


async def schemes(session: WriteSession, results: ResultFilter) -> Sequence[Scheme]:
    """The label schemes of the results."""
    ids = [
        statement.with_only_columns(SCHEME_ID, maintain_column_froms=True).order_by(None).distinct()
        for statement in (_of_jobs(results), *_of_administrators(results))
    ]
    used = or_(*(Scheme.id.in_(each) for each in ids))
    return (await session.scalars(select(Scheme).where(used).order_by(Scheme.id))).all()


async def rows(session: WriteSession, results: ResultFilter) -> AsyncGenerator[list[ResultRow]]:
    """The results in batches: each job with its label, if it has one, and then the ground truths that administrators
    have written, which no job has."""
    for statement in (_of_jobs(results), *_of_administrators(results)):
        async for batch in _batches(session, statement):
            yield [ResultRow(*row) for row in batch]


async def labels_of_doctor(session: WriteSession, account_id: int, scheme: str) -> AsyncGenerator[Sequence[Any]]:
    """The finished jobs of a doctor in batches: the doctor's name, the image's name, the fields as JSON."""
    statement = (
        select(SHOWN_NAME, Picture.filename, cast(Label.fields, Text))
        .select_from(Job)
        .join(Label, Label.id == Job.label_id)
        .join(Scheme, Scheme.id == Label.scheme_id)
        .join(Image, Image.id == Job.image_id)
        .join(Picture, Picture.id == Image.picture_id)
        .outerjoin(Account, Account.id == Job.account_id)
        .where(Job.account_id == account_id, Job.state == JobState.FINISHED, Scheme.name == scheme)
        .order_by(Job.id)
    )
    async for batch in _batches(session, statement):
        yield batch


async def ground_truths(session: WriteSession, scheme: str) -> AsyncGenerator[Sequence[Any]]:
    """The images that are done in batches: the image's name, the fields of its ground truth as JSON."""
    statement = (
        select(Picture.filename, cast(Label.fields, Text))
        .select_from(Image)
        .join(Label, Label.id == Image.ground_truth_id)
        .join(Scheme, Scheme.id == Label.scheme_id)
        .join(Picture, Picture.id == Image.picture_id)
        .where(Image.state == ImageState.DONE, Scheme.name == scheme)
        .order_by(Image.id)
    )
    async for batch in _batches(session, statement):
        yield batch


async def _batches(session: WriteSession, statement: Select[*tuple[Any, ...]]) -> AsyncGenerator[Sequence[Any]]:
    result = await session.stream(statement, execution_options={"yield_per": BATCH_ROWS})
    async for batch in result.partitions():
        yield batch


def _of_jobs(results: ResultFilter) -> Select[*tuple[Any, ...]]:
    statement = (
        select(
            Image.id,
            Picture.filename,
            Image.state,
            Picture.sha256,
            SCHEME_ID,
            Job.id,
            Job.state,
            Job.kind,
            Job.account_id,
            SHOWN_NAME,
            Label.id,
            cast(Label.fields, Text),
            func.coalesce(Label.id == Image.ground_truth_id, False),
            Job.created_at,
            Job.started_at,
            Job.finished_at,
        )
        .select_from(Job)
        .join(Image, Image.id == Job.image_id)
        .join(Picture, Picture.id == Image.picture_id)
        .outerjoin(Label, Label.id == Job.label_id)
        .outerjoin(Account, Account.id == Job.account_id)
        .where(*_conditions(results, Job.account_id, Job.finished_at))
        .order_by(Job.id)
    )
    return statement if results.job_state is None else statement.where(Job.state == results.job_state)


def _of_administrators(results: ResultFilter) -> list[Select[*tuple[Any, ...]]]:
    """No query if only jobs in a state are wanted."""
    if results.job_state is not None:
        return []
    statement = (
        select(
            Image.id,
            Picture.filename,
            Image.state,
            Picture.sha256,
            SCHEME_ID,
            null(),
            null(),
            null(),
            Label.author_id,
            SHOWN_NAME,
            Label.id,
            cast(Label.fields, Text),
            literal(value=True),
            null(),
            null(),
            Label.finished_at,
        )
        .select_from(Image)
        .join(Label, Label.id == Image.ground_truth_id)
        .join(Picture, Picture.id == Image.picture_id)
        .outerjoin(Account, Account.id == Label.author_id)
        .where(
            ~exists().where(Job.label_id == Image.ground_truth_id),
            *_conditions(results, Label.author_id, Label.finished_at),
        )
        .order_by(Image.id)
    )
    return [statement]


def _conditions(results: ResultFilter, doctor: Any, finished_at: Any) -> list[ColumnElement[bool]]:  # noqa: ANN401
    """The conditions of a query, which has the doctor and the time of finishing in these columns."""
    found: list[ColumnElement[bool]] = []
    if results.image_states is not None:
        found.append(Image.state.in_(sorted(results.image_states)))
    if results.account_id is not None:
        found.append(doctor == results.account_id)
    if results.finished.begin is not None:
        found.append(finished_at >= results.finished.begin)
    if results.finished.end is not None:
        found.append(finished_at < results.finished.end)
    return found
