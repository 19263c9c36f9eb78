"""The statements on the tables of predictions and their labels."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from inference_service.predictions.models import Prediction, PredictionLabel
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


async def labels_of(session: ReadSession, prediction_ids: Sequence[int]) -> dict[int, PredictionLabel]:
    """The labels of these predictions, by the id of the prediction, of those that have one."""
    found = await session.scalars(select(PredictionLabel).where(PredictionLabel.prediction_id.in_(prediction_ids)))
    return {row.prediction_id: row for row in found}


async def put_label(session: WriteSession, label: dict[str, Any]) -> None:
    """Insert the label of a prediction, given by its columns, or replace the one that is there."""
    changed = {name: value for name, value in label.items() if name != "prediction_id"}
    statement = insert(PredictionLabel).values(label)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[PredictionLabel.prediction_id], set_={**changed, "received_at": func.now()}
        )
    )


async def exists(session: WriteSession, prediction_id: int) -> bool:
    """Whether there is a prediction with this id."""
    return await session.scalar(select(Prediction.id).where(Prediction.id == prediction_id)) is not None


async def add(session: WriteSession, prediction: Prediction) -> Prediction:
    """Insert a prediction and return it with the id and time that the database has set."""
    session.add(prediction)
    await session.flush()
    return prediction
