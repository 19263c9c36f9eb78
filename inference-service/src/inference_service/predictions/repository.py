"""The statements on the table of predictions."""

from collections.abc import Sequence

from sqlalchemy import select

from inference_service.predictions.models import Prediction
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.pagination import PageRequest


async def page_of_account(session: ReadSession, account_id: int, page: PageRequest) -> Sequence[Prediction]:
    """The predictions of an account, newest first: `page.limit` of them, and one more if there is a next page."""
    query = select(Prediction).where(Prediction.account_id == account_id)
    if page.after is not None:
        query = query.where(Prediction.id < page.after)
    return (await session.scalars(query.order_by(Prediction.id.desc()).limit(page.limit + 1))).all()


async def find(session: ReadSession, prediction_id: int) -> Prediction | None:
    """The prediction with this id, or None."""
    return await session.get(Prediction, prediction_id)


async def add(session: WriteSession, prediction: Prediction) -> Prediction:
    """Insert a prediction and return it with the id and time that the database has set."""
    session.add(prediction)
    await session.flush()
    return prediction
