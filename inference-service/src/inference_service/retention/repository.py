"""The statements that delete what is expired, a batch each, the oldest first."""

from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import delete, exists, func, select, union_all

from inference_service.predictions.models import Prediction, PredictionLabel
from inference_service.predictions.repository import forget_titles
from inference_service.xrays.models import XRay
from lightbox_shared.anonymous_storage.repository import CountStored
from lightbox_shared.auth.principal import ANONYMOUS_ACCOUNT
from lightbox_shared.database import ReadSession, WriteSession


class Deleted(NamedTuple):
    """Rows that were deleted, and what was counted for them."""

    rows: int
    counted: int
    """Those of them that were counted."""
    bytes: int


async def delete_xrays(session: WriteSession, age: timedelta, limit: int) -> Deleted:
    """Delete X-rays of the anonymous account that are older than `age`, and their titles, which are their
    predictions'."""
    old = select(XRay.id).where(XRay.account_id == ANONYMOUS_ACCOUNT, XRay.posted_at < func.now() - age)
    batch = old.order_by(XRay.posted_at).limit(limit).with_for_update(skip_locked=True)
    deleted = delete(XRay).where(XRay.id.in_(batch)).returning(XRay.anonymous_bytes, XRay.prediction_id)
    rows = (await session.execute(deleted)).all()
    await forget_titles(session, [row.prediction_id for row in rows])
    return _deleted([row.anonymous_bytes for row in rows])


async def delete_predictions(session: WriteSession, age: timedelta, limit: int) -> Deleted:
    """Delete predictions of the anonymous account that are older than `age`, but for those that an X-ray or a label
    refers to."""
    old = select(Prediction.id).where(
        Prediction.account_id == ANONYMOUS_ACCOUNT,
        Prediction.created_at < func.now() - age,
        ~exists().where(XRay.prediction_id == Prediction.id),
        ~exists().where(PredictionLabel.prediction_id == Prediction.id),
    )
    batch = old.order_by(Prediction.created_at).limit(limit).with_for_update(skip_locked=True)
    deleted = delete(Prediction).where(Prediction.id.in_(batch)).returning(Prediction.anonymous_bytes)
    return _deleted(list(await session.scalars(deleted)))


async def count_expired(session: ReadSession, age: timedelta) -> int:
    """How many X-rays of the anonymous account are older than `age`."""
    old = select(func.count()).where(XRay.account_id == ANONYMOUS_ACCOUNT, XRay.posted_at < func.now() - age)
    count: int = (await session.execute(old)).scalar_one()
    return count


def counted_anonymous() -> CountStored:
    """What is counted for anonymous X-rays, and for predictions of the anonymous account and of accounts that wait. The
    partial indexes find them."""
    xrays = select(XRay.anonymous_bytes).where(XRay.account_id == ANONYMOUS_ACCOUNT, XRay.anonymous_bytes.is_not(None))
    predictions = select(Prediction.anonymous_bytes).where(Prediction.anonymous_bytes.is_not(None))
    rows = union_all(xrays, predictions).subquery()
    size = func.coalesce(func.sum(rows.c.anonymous_bytes), 0).label("bytes")
    return select(func.count().label("pictures"), size).select_from(rows)


def _deleted(rows: list[int | None]) -> Deleted:
    counted = [each for each in rows if each is not None]
    return Deleted(len(rows), len(counted), sum(counted))
