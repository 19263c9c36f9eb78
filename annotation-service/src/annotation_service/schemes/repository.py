"""The queries on label schemes."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import func, select, text
from sqlalchemy.orm import aliased

from annotation_service.schemes.models import Scheme
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.responses.pagination import PageRequest

Session = ReadSession | WriteSession
_LOCK: Final = 0x5C4E3E5


async def get(session: Session, scheme_id: int) -> Scheme | None:
    """The scheme with this id."""
    return await session.get(Scheme, scheme_id)


async def find(session: Session, name: str, version: int | None = None) -> Scheme | None:
    """A version of a scheme, by default the newest one."""
    statement = select(Scheme).where(Scheme.name == name)
    if version is not None:
        statement = statement.where(Scheme.version == version)
    found: Scheme | None = await session.scalar(statement.order_by(Scheme.version.desc()).limit(1))
    return found


async def page(session: Session, page: PageRequest) -> Sequence[Scheme]:
    """The newest versions of the schemes of a page, and one more if there is a next page; the schemes that were
    changed last come first."""
    newer = aliased(Scheme)
    statement = (
        select(Scheme)
        .where(~select(newer.id).where(newer.name == Scheme.name, newer.version > Scheme.version).exists())
        .order_by(Scheme.id.desc())
        .limit(page.limit + 1)
    )
    if page.after is not None:
        statement = statement.where(Scheme.id < page.after)
    return (await session.scalars(statement)).all()


async def lock(session: WriteSession) -> None:
    """Wait until no other transaction adds a scheme, and keep others from it until this one ends."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


async def add(session: WriteSession, name: str, title: str, document: dict[str, Any], account_id: int) -> Scheme:
    """Insert the next version of a scheme, the first one if there is none. The caller has the lock."""
    last = await session.scalar(select(func.max(Scheme.version)).where(Scheme.name == name))
    row = Scheme(name=name, version=(last or 0) + 1, title=title, schema=document, created_by=account_id)
    session.add(row)
    await session.flush()
    await session.refresh(row)
    return row
