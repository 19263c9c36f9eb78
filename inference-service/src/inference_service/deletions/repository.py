"""The statements that delete a prediction and the rows that refer to it."""

from sqlalchemy import delete, select

from inference_service.predictions.models import Prediction, PredictionLabel
from inference_service.xrays.models import XRay
from lightbox_shared.database import WriteSession


async def find_owner(session: WriteSession, prediction_id: int) -> int | None:
    """The account of a prediction, which never changes; None if there is no such prediction."""
    owner: int | None = await session.scalar(select(Prediction.account_id).where(Prediction.id == prediction_id))
    return owner


async def delete_with_all(session: WriteSession, prediction_id: int) -> list[int] | None:
    """Delete a prediction, its X-ray and its label. Returns what was counted for them among all that strangers
    store; None if the prediction is not there any more.

    Rows are locked in the order in which retention locks them: the X-ray, then its prediction. A label that is told
    meanwhile waits for the prediction, or is there before it is locked.
    """
    xrays = delete(XRay).where(XRay.prediction_id == prediction_id).returning(XRay.anonymous_bytes)
    sizes = list(await session.scalars(xrays))
    locked = select(Prediction.anonymous_bytes).where(Prediction.id == prediction_id).with_for_update()
    row = (await session.execute(locked)).one_or_none()
    if row is None:
        return None
    await session.execute(delete(PredictionLabel).where(PredictionLabel.prediction_id == prediction_id))
    await session.execute(delete(Prediction).where(Prediction.id == prediction_id))
    return [size for size in (*sizes, row.anonymous_bytes) if size is not None]
