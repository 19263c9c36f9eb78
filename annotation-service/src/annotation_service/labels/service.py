"""Who may see and change labels."""

from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from pydantic import BaseModel

from annotation_service.dependencies import is_admin
from annotation_service.labels import repository
from annotation_service.labels.errors import (
    CannotDeleteLabelOfOthers,
    CannotEditLabelOfOthers,
    CannotSeeLabelOfOthers,
    LabelIsFinished,
    NoSuchLabel,
)
from annotation_service.labels.models import Label
from annotation_service.schemes.rules import SchemeRules
from annotation_service.state import Services
from lightbox_shared.auth.principal import Principal
from lightbox_shared.database import ReadSession, Statements, WriteSession
from lightbox_shared.idempotency import idempotency_key


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
    await repository.take_out_of_its_job(session, label_id)
    label = await _lock(session, label_id)
    if label.finished_at is not None:
        raise LabelIsFinished
    return label


async def _lock(session: WriteSession, label_id: int) -> Label:
    label = await repository.lock(session, label_id)
    if label is None:
        raise NoSuchLabel
    return label


async def scheme_of_new_label(services: Services, reference: str | None) -> SchemeRules:
    """The rules of the scheme that a new label names. Raises `InvalidRequest` if there is none.

    The connection to the database is given back before the label is stored: requests that hold one and wait for a
    second one would wait for each other.
    """
    async with services.database.reading() as session:
        return await services.schemes.find(session, await services.schemes.id_of(session, reference))


async def create_once(
    services: Services,
    request: Request,
    account_id: int,
    body: BaseModel,
    create: Callable[[Statements], Awaitable[Response]],
) -> Response:
    """The answer of `create`, or the stored one where the request has an `Idempotency-Key` that was used before.

    Without a key the insertion is the whole transaction, and its statement one round trip.
    """
    if idempotency_key(request) is None:
        async with services.database.autocommit() as connection:
            return await create(connection)
    async with services.database.writing() as session:
        return await services.idempotency.once(session, request, account_id, body, lambda: create(session))
