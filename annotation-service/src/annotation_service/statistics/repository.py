"""The queries for statistics. Labels come in pages, so that a million of them do not have to be in memory at once."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, Text, cast, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, aliased

from annotation_service.accounts.models import Account
from annotation_service.accounts.repository import SHOWN_NAME
from annotation_service.pictures.models import Picture
from annotation_service.statistics.filters import LabelFilter
from annotation_service.statistics.models import Doctor, Progress
from annotation_service.workflow.models import Image, Job, JobTotal, Label
from annotation_service.workflow.rules import COMMENT
from annotation_service.workflow.states import JobKind, JobState
from lightbox_shared.database import ReadSession

PAGE_ROWS: Final = 20_000

_TRUTH = aliased(Label, name="truth")
_SAME_IMAGE = aliased(Image, name="same_image")
_SAME_PICTURE = aliased(Picture, name="same_picture")


async def readings(session: ReadSession, scheme_id: int, labels: LabelFilter) -> AsyncIterator[Sequence[Row[Any]]]:
    """Pages of (picture, account_id, fields as JSON text) of the finished labels of readers, in the order in which they
    were finished. `picture` is one number for all images of the same bytes, so that a doctor who labels a picture twice
    is seen. Readers who were asked because others differed are left out: they would make agreement look worse."""
    same = (
        select(func.min(_SAME_IMAGE.id))
        .join(_SAME_PICTURE, _SAME_PICTURE.id == _SAME_IMAGE.picture_id)
        .where(_SAME_PICTURE.sha256 == Picture.sha256)
        .correlate(Picture)
        .scalar_subquery()
    )
    statement = (
        select(
            same.label("picture"),
            Job.account_id,
            _without_comment(Label.fields).label("fields"),
            Job.finished_at,
            Job.id,
        )
        .join(Label, Label.id == Job.label_id)
        .join(Image, Image.id == Job.image_id)
        .join(Picture, Picture.id == Image.picture_id)
        .where(*_conditions(scheme_id, labels), Job.kind == JobKind.READER)
    )
    async for page in _pages(session, statement):
        yield page


async def judged(session: ReadSession, scheme_id: int, labels: LabelFilter) -> AsyncIterator[Sequence[Row[Any]]]:
    """Pages of (account_id, fields, truth) of the finished labels of images with a ground truth, both as JSON texts."""
    statement = (
        select(
            Job.account_id,
            _without_comment(Label.fields).label("fields"),
            _without_comment(_TRUTH.fields).label("truth"),
            Job.finished_at,
            Job.id,
        )
        .join(Label, Label.id == Job.label_id)
        .join(Image, Image.id == Job.image_id)
        .join(_TRUTH, _TRUTH.id == Image.ground_truth_id)
        .where(*_conditions(scheme_id, labels), _TRUTH.scheme_id == scheme_id)
    )
    async for page in _pages(session, statement):
        yield page


async def progress(session: ReadSession, account_id: int) -> Progress:
    """The jobs of an account, by the totals that triggers keep."""
    counted = select(JobTotal.state, func.sum(JobTotal.change)).where(JobTotal.account_id == account_id)
    jobs = {row[0]: int(row[1]) for row in (await session.execute(counted.group_by(JobTotal.state))).all()}
    seconds = func.extract("epoch", Job.finished_at - Job.started_at)
    median = select(func.percentile_cont(0.5).within_group(seconds)).where(
        Job.account_id == account_id, Job.state == JobState.FINISHED
    )
    found = (await session.execute(median)).scalar_one()
    return Progress(
        unlabeled=jobs.get(JobState.UNLABELED, 0),
        labeling=jobs.get(JobState.LABELING, 0),
        finished=jobs.get(JobState.FINISHED, 0),
        median_seconds=None if found is None else round(float(found), 1),
    )


async def doctors(session: ReadSession) -> Sequence[Doctor]:
    """The accounts that have finished jobs, in the order of their ids."""
    statement = (
        select(Account.id, SHOWN_NAME.label("name"))
        .join(JobTotal, JobTotal.account_id == Account.id)
        .where(JobTotal.state == JobState.FINISHED)
        .group_by(Account.id)
        .having(func.sum(JobTotal.change) > 0)
        .order_by(Account.id)
    )
    return [Doctor(row.id, row.name) for row in (await session.execute(statement)).all()]


def _without_comment(fields: InstrumentedAttribute[dict[str, Any]]) -> ColumnElement[str]:
    """The fields as JSON text. Without the comment most labels are equal to an earlier one."""
    return cast(fields.op("-")(cast(COMMENT, Text)), Text)


def _conditions(scheme_id: int, labels: LabelFilter) -> list[ColumnElement[bool]]:
    found = [Job.state == JobState.FINISHED, Label.scheme_id == scheme_id]
    if labels.assignment_id is not None:
        found.append(Image.assignment_id == labels.assignment_id)
    if labels.account_id is not None:
        found.append(Job.account_id == labels.account_id)
    if labels.finished_from is not None:
        found.append(Job.finished_at >= labels.finished_from)
    if labels.finished_before is not None:
        found.append(Job.finished_at < labels.finished_before)
    return found


async def _pages(session: ReadSession, statement: Select[*tuple[Any, ...]]) -> AsyncIterator[Sequence[Row[Any]]]:
    """The rows of a statement in pages, each behind the last row of the page before."""
    place: tuple[datetime, int] | None = None
    while True:
        page = statement.order_by(Job.finished_at, Job.id).limit(PAGE_ROWS)
        if place is not None:
            page = page.where(tuple_(Job.finished_at, Job.id) > place)
        rows = (await session.execute(page)).all()
        if rows:
            yield rows
        if len(rows) < PAGE_ROWS:
            return
        place = (rows[-1].finished_at, rows[-1].id)
