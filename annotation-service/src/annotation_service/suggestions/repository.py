"""The statements on suggestions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Float, cast, func, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert

from annotation_service.schemes.models import Scheme
from annotation_service.suggestions.models import Suggestion
from annotation_service.workflow.models import Image, Job, Label
from annotation_service.workflow.states import ImageState
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.requests.forms import is_storable


@dataclass(frozen=True, slots=True)
class UntoldTruth:
    """The ground truth of an image, of which the prediction behind a suggestion does not know yet."""

    suggestion_id: int
    prediction_id: int
    label_id: int
    fields: dict[str, Any]
    labelled_at: datetime
    scheme: str
    """name/version"""


async def find_job(session: ReadSession, image_id: int, account_id: int) -> Job | None:
    """The job of a doctor for an image."""
    statement = select(Job).where(Job.image_id == image_id, Job.account_id == account_id)
    return (await session.scalars(statement)).one_or_none()


async def find(
    session: ReadSession | WriteSession, image_id: int, model_name: str, model_version: int
) -> Suggestion | None:
    """The suggestion of one version of a model for an image."""
    statement = select(Suggestion).where(
        Suggestion.image_id == image_id,
        Suggestion.model_name == model_name,
        Suggestion.model_version == model_version,
    )
    return (await session.scalars(statement)).one_or_none()


async def of_image(session: ReadSession, image_id: int) -> Sequence[Suggestion]:
    """All suggestions for an image, in the order of their ids."""
    return (
        await session.scalars(select(Suggestion).where(Suggestion.image_id == image_id).order_by(Suggestion.id))
    ).all()


async def lock_ground_truth(session: WriteSession, image_id: int) -> tuple[bool, int | None]:
    """Whether the image exists, and its ground truth if it is done. Neither changes until the end of the
    transaction."""
    statement = select(Image.state, Image.ground_truth_id).where(Image.id == image_id).with_for_update(read=True)
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        return False, None
    return True, row[1] if row[0] == ImageState.DONE else None


async def add(session: WriteSession, values: Mapping[str, Any]) -> Suggestion | None:
    """Insert a suggestion; None if there is one of the same version of the model for the image."""
    statement = insert(Suggestion).values(values).on_conflict_do_nothing(constraint="uq_suggestions_image_model")
    return (await session.scalars(statement.returning(Suggestion))).one_or_none()


async def untold(session: ReadSession, *, after: int, limit: int) -> list[UntoldTruth]:
    """Labels that inference-service has not been told, for suggestions with an id above `after`."""
    statement = (
        select(
            Suggestion.id,
            Suggestion.prediction_id,
            Label.id,
            Label.fields,
            func.coalesce(Label.finished_at, Label.modified_at),
            Scheme.name,
            Scheme.version,
        )
        .join(Label, Label.id == Suggestion.label_id)
        .join(Scheme, Scheme.id == Label.scheme_id)
        .where(
            Suggestion.id > after,
            Suggestion.label_id.is_not(None),
            Suggestion.label_id.is_distinct_from(Suggestion.told_label_id),
        )
        .order_by(Suggestion.id)
        .limit(limit)
    )
    rows = (await session.execute(statement)).all()
    return [
        UntoldTruth(found, prediction, label, fields, at, f"{name}/{version}")
        for found, prediction, label, fields, at, name, version in rows
    ]


async def mark_told(session: WriteSession, suggestion_id: int, label_id: int, *, written: bool) -> None:
    """Note that inference-service has been told this label, and with `written` that it has kept it. If the ground truth
    has changed meanwhile, it is told again."""
    values = {"told_label_id": label_id, "written_back_at": func.now() if written else None}
    await session.execute(update(Suggestion).where(Suggestion.id == suggestion_id).values(values))


async def images_within(
    session: ReadSession | WriteSession, model: str, finding: str, low: float, high: float
) -> Sequence[int]:
    """The ids of the images for which a model gives a finding a score from `low` to `high`, in ascending order.

    `model` is `name/version`, or a name for the newest version that has read the image. Images that the model has not
    read are not among them.
    """
    conditions = _of_model(model)
    if conditions is None or not is_storable(finding):
        return []
    newest = (
        select(Suggestion.image_id, Suggestion.scores)
        .ext(distinct_on(Suggestion.image_id))
        .where(*conditions)
        .order_by(Suggestion.image_id, Suggestion.model_version.desc())
    )
    read = newest.subquery()
    score = cast(read.c.scores[finding].astext, Float)
    return (
        await session.scalars(select(read.c.image_id).where(score.between(low, high)).order_by(read.c.image_id))
    ).all()


async def findings_of(session: ReadSession | WriteSession, model: str) -> list[str]:
    """What a model, as `images_within` has it, gave scores for when it was last asked; nothing if it never was."""
    conditions = _of_model(model)
    if conditions is None:
        return []
    statement = select(Suggestion.scores).where(*conditions).order_by(Suggestion.id.desc()).limit(1)
    return sorted(await session.scalar(statement) or {})


def _of_model(model: str) -> list[ColumnElement[bool]] | None:
    """The conditions for suggestions of a model, as `name` or `name/version`; None if there can be no such model."""
    name, separator, version = model.partition("/")
    if not is_storable(model) or (separator and not _is_version(version)):
        return None
    found = [Suggestion.model_name == name]
    return [*found, Suggestion.model_version == int(version)] if separator else found


def _is_version(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
