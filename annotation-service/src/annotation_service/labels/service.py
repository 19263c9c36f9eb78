"""Who may see and change labels."""

from annotation_service.dependencies import is_admin
from annotation_service.labels import repository
from annotation_service.labels.errors import (
    CannotDeleteLabelOfOthers,
    CannotEditLabelOfOthers,
    CannotSeeLabelOfOthers,
    LabelIsFinished,
    NoSuchLabel,
)
from annotation_service.schemes.rules import SchemeRules
from annotation_service.schemes.service import Schemes
from annotation_service.workflow import service as workflow
from annotation_service.workflow.models import Label
from lightbox_shared.auth.principal import Principal
from lightbox_shared.database import Database, ReadSession, WriteSession


async def see(session: ReadSession, caller: Principal, label_id: int) -> Label:
    """One label. Raises `NoSuchLabel`, and `CannotSeeLabelOfOthers` unless the caller is its author or an
    administrator: readers of one image must not see each other's labels."""
    label = await repository.find(session, label_id)
    if label is None:
        raise NoSuchLabel
    if not is_admin(caller) and label.author_id != caller.account:
        raise CannotSeeLabelOfOthers
    return label


async def lock_to_edit(session: WriteSession, caller: Principal, label_id: int) -> Label:
    """A label that the caller may change, locked. Raises `NoSuchLabel`, `CannotEditLabelOfOthers` and
    `LabelIsFinished`."""
    label = await _lock(session, label_id)
    if label.author_id != caller.account:
        raise CannotEditLabelOfOthers
    if label.finished_at is not None:
        raise LabelIsFinished
    return label


async def lock_to_delete(session: WriteSession, caller: Principal, label_id: int) -> Label:
    """A label that the caller may delete, locked; no job carries it any more. Raises `NoSuchLabel`,
    `CannotDeleteLabelOfOthers` and `LabelIsFinished`."""
    label = await repository.find(session, label_id)
    if label is None:
        raise NoSuchLabel
    if label.author_id != caller.account:
        raise CannotDeleteLabelOfOthers
    await workflow.take_label_out(session, label_id)
    label = await _lock(session, label_id)
    if label.finished_at is not None:
        raise LabelIsFinished
    return label


async def _lock(session: WriteSession, label_id: int) -> Label:
    label = await repository.lock(session, label_id)
    if label is None:
        raise NoSuchLabel
    return label


async def scheme_of_new_label(database: Database, schemes: Schemes, reference: str | None) -> SchemeRules:
    """The rules of the scheme that a new label names. Raises `InvalidRequest` if there is none.

    The connection to the database is given back before the label is stored: requests that hold one and wait for a
    second one would wait for each other.
    """
    async with database.reading() as session:
        return await schemes.find(session, await schemes.id_of(session, reference))
