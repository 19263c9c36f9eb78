"""The statements on the tables of predictions and their labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from inference_service.predictions.models import Prediction, PredictionLabel
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.responses.pagination import PageRequest


@dataclass(frozen=True, slots=True)
class PredictionFilter:
    """Which predictions are looked for: all, but for what is named."""

    title: str = ""
    """A part of the title. Upper and lower case are the same, and so are characters that differ by their width."""
    model_name: str | None = None
    model_version: int | None = None


async def page_of_account(
    session: ReadSession, account_id: int, page: PageRequest, wanted: PredictionFilter
) -> Sequence[Prediction]:
    """The predictions of an account, newest first: `page.limit` of them, and one more if there is a next page."""
    query = select(Prediction).where(Prediction.account_id == account_id)
    if wanted.title:
        query = query.where(func.strpos(Prediction.folded_title, func.folded_title(wanted.title)) > 0)
    if wanted.model_name is not None:
        query = query.where(Prediction.model_name == wanted.model_name)
    if wanted.model_version is not None:
        query = query.where(Prediction.model_version == wanted.model_version)
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


async def lock(session: WriteSession, prediction_id: int) -> bool:
    """Whether there is a prediction with this id. If so, it can't be deleted before the transaction ends."""
    found = select(Prediction.id).where(Prediction.id == prediction_id).with_for_update(read=True, key_share=True)
    return await session.scalar(found) is not None


async def count_pictures(session: ReadSession) -> int:
    """The number of predictions of accounts whose pictures are kept."""
    query = select(func.count()).select_from(Prediction).where(Prediction.picture_sha256.is_not(None))
    return (await session.scalars(query)).one()


async def forget_titles(session: WriteSession, prediction_ids: Sequence[int]) -> None:
    """Empty the titles of those of these predictions that a label keeps."""
    is_kept = select(PredictionLabel.prediction_id).where(PredictionLabel.prediction_id.in_(prediction_ids))
    await session.execute(update(Prediction).where(Prediction.id.in_(is_kept)).values(title="", folded_title=""))


async def add_anonymous_bytes(session: WriteSession, prediction_id: int, size: int) -> bool:
    """Count further bytes for a prediction, whose row stays locked. Returns whether it is still there and counts."""
    counts = (Prediction.id == prediction_id, Prediction.anonymous_bytes.is_not(None))
    more = update(Prediction).where(*counts).values(anonymous_bytes=Prediction.anonymous_bytes + size)
    return (await session.execute(more.returning(Prediction.id))).one_or_none() is not None


async def stop_counting(session: WriteSession, account_id: int, limit: int) -> list[int]:
    """Let up to `limit` predictions of an account count no more, and return what was counted for them. Those that
    another transaction changes or deletes are left alone, so that none waits for another."""
    counted = (Prediction.account_id == account_id, Prediction.anonymous_bytes.is_not(None))
    found = select(Prediction.id, Prediction.anonymous_bytes).where(*counted).limit(limit)
    rows = (await session.execute(found.with_for_update(skip_locked=True))).all()
    if rows:
        ids = [row.id for row in rows]
        await session.execute(update(Prediction).where(Prediction.id.in_(ids)).values(anonymous_bytes=None))
    return [row.anonymous_bytes for row in rows]


async def add(session: WriteSession, prediction: Prediction) -> Prediction:
    """Insert a prediction and return it with the id and time that the database has set."""
    prediction.folded_title = func.folded_title(prediction.title)
    session.add(prediction)
    await session.flush()
    return prediction
