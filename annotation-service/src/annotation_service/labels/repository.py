"""The queries on labels."""

from typing import Any, Final, cast

from sqlalchemy import Table, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from annotation_service.workflow.models import Label
from lightbox_shared.database import ReadSession, Statements, WriteSession

_LABELS: Final = cast("Table", Label.__table__)
_ADD: Final = (
    insert(_LABELS)
    .values({name: bindparam(name, type_=_LABELS.c[name].type) for name in ("author_id", "scheme_id", "fields")})
    .returning(*_LABELS.c)
)


async def find(session: ReadSession | WriteSession, label_id: int) -> Label | None:
    """One label."""
    return await session.get(Label, label_id)


async def lock(session: WriteSession, label_id: int) -> Label | None:
    """The label as it is now, locked until the end of the transaction."""
    statement = select(Label).where(Label.id == label_id).with_for_update(key_share=True)
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()


async def add(statements: Statements, author_id: int, scheme_id: int, fields: dict[str, Any]) -> Label:
    """Insert a label."""
    values = {"author_id": author_id, "scheme_id": scheme_id, "fields": fields}
    return Label(**(await statements.execute(_ADD, values)).mappings().one())


async def change(session: WriteSession, label_id: int, fields: dict[str, Any]) -> Label:
    """Replace the fields of a locked label."""
    columns = {"fields": fields, "version": Label.version + 1, "modified_at": func.now()}
    statement = update(Label).where(Label.id == label_id).values(columns).returning(Label)
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one()


async def remove(session: WriteSession, label_id: int) -> None:
    """Delete a label."""
    await session.execute(delete(Label).where(Label.id == label_id))
