"""The statements on upload sessions, and on the pieces that they have received."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    LargeBinary,
    Select,
    Uuid,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy import text as sql_text

from imagehub_service.drives.built_in.upload_sessions.models import UploadPiece, UploadSession
from lightbox_shared.database import ReadSession, Statements, WriteSession


class OpenSession(NamedTuple):
    """An upload session that has neither ended nor expired."""

    id: int
    folder_id: str
    name: str
    total: int | None
    received: int
    expires_at: datetime


async def add(session: WriteSession, token_sha256: bytes, folder_id: str, name: str, *, lifetime_seconds: int) -> None:
    """Insert a session. The folder must exist."""
    values = {
        "token_sha256": token_sha256,
        "folder_id": folder_id,
        "name": name,
        "expires_at": _expiry(lifetime_seconds),
    }
    await session.execute(insert(UploadSession).values(values))


async def find(session: ReadSession, token_sha256: bytes) -> OpenSession | None:
    """The session with this token; None if it has ended or expired."""
    return _row((await session.execute(_open(UploadSession.token_sha256 == token_sha256))).one_or_none())


async def lock(session: WriteSession, session_id: int) -> OpenSession | None:
    """A session, which no other transaction advances or ends until this one ends; None if it has ended or expired."""
    statement = _open(UploadSession.id == session_id).with_for_update(key_share=True)
    return _row((await session.execute(statement)).one_or_none())


async def advance(
    session: WriteSession, session_id: int, *, received: int, total: int, lifetime_seconds: int
) -> OpenSession:
    """Bytes up to `received` are there, and the session stays open for another while."""
    values = {"received": received, "total": total, "expires_at": _expiry(lifetime_seconds)}
    statement = update(UploadSession).where(UploadSession.id == session_id).values(values).returning(*_COLUMNS)
    return OpenSession(*(await session.execute(statement)).one())


async def delete_by_token(session: WriteSession, token_sha256: bytes) -> bool:
    """End an open session and forget its bytes. Returns whether there was one."""
    mine = (UploadSession.token_sha256 == token_sha256, UploadSession.expires_at > func.now())
    return await session.scalar(delete(UploadSession).where(*mine).returning(UploadSession.id)) is not None


async def delete_by_id(session: WriteSession, session_id: int) -> None:
    """End a session and forget its bytes."""
    await session.execute(delete(UploadSession).where(UploadSession.id == session_id))


async def delete_expired(session: WriteSession, *, limit: int) -> int:
    """Delete up to `limit` expired sessions with their bytes, and return their number. Those that are locked are left
    out."""
    expired = select(UploadSession.id).where(UploadSession.expires_at <= func.now()).limit(limit)
    found = (await session.scalars(expired.with_for_update(skip_locked=True))).all()
    await session.execute(delete(UploadSession).where(UploadSession.id.in_(found)))
    return len(found)


async def other_reserved_bytes(session: ReadSession | WriteSession, session_id: int) -> int:
    """Bytes for which the other open sessions have room."""
    others = (UploadSession.id != session_id, UploadSession.expires_at > func.now())
    total = select(func.coalesce(func.sum(UploadSession.reserved), 0)).where(*others)
    return int((await session.execute(total)).scalar_one())


async def reserve(session: WriteSession, session_id: int, size: int) -> None:
    """A session has room for `size` bytes, however much it had room for before. The drive must be locked."""
    await session.execute(update(UploadSession).where(UploadSession.id == session_id).values(reserved=size))


async def release(session: WriteSession, session_id: int) -> None:
    """A session has no room any more, unless a chunk has been received: then the size of its file is settled."""
    unsettled = (UploadSession.id == session_id, UploadSession.total.is_(None))
    await session.execute(update(UploadSession).where(*unsettled).values(reserved=0))


async def add_piece(statements: Statements, session_id: int, request_id: UUID, start: int, data: bytes) -> bool:
    """Insert a piece of a chunk. Returns whether the session is still there."""
    there = (
        select(
            UploadSession.id,
            literal(request_id, Uuid()),
            literal(start, BigInteger()),
            literal(data, LargeBinary()),
        )
        .where(UploadSession.id == session_id)
        .with_for_update(read=True, key_share=True)
    )
    columns = [UploadPiece.session_id, UploadPiece.request_id, UploadPiece.start, UploadPiece.data]
    inserted = await statements.execute(insert(UploadPiece).from_select(columns, there).returning(UploadPiece.id))
    return inserted.one_or_none() is not None


async def accept_pieces(session: WriteSession, request_id: UUID) -> int:
    """The pieces of a request count from now on. Returns how many they are."""
    statement = update(UploadPiece).where(UploadPiece.request_id == request_id).values(accepted_at=func.now())
    return len((await session.scalars(statement.returning(UploadPiece.id))).all())


async def delete_pieces(session: WriteSession, request_id: UUID) -> None:
    """Forget the pieces of a request that was not accepted."""
    pending = (UploadPiece.request_id == request_id, UploadPiece.accepted_at.is_(None))
    await session.execute(delete(UploadPiece).where(*pending))


async def delete_lost_pieces(session: WriteSession, *, after_seconds: int, limit: int) -> int:
    """Delete up to `limit` pieces whose requests have ended without a word, and return their number."""
    lost = (UploadPiece.accepted_at.is_(None), UploadPiece.received_at < func.now() - _seconds(after_seconds))
    found = select(UploadPiece.id).where(*lost).limit(limit).with_for_update(skip_locked=True)
    statement = delete(UploadPiece).where(UploadPiece.id.in_(found.scalar_subquery())).returning(UploadPiece.id)
    return len((await session.scalars(statement)).all())


async def file_with(session: ReadSession, session_id: int, request_id: UUID) -> list[bytes]:
    """All pieces of a file in their order: those that have been accepted, and those of this request."""
    counted = or_(UploadPiece.accepted_at.is_not(None), UploadPiece.request_id == request_id)
    statement = select(UploadPiece.data).where(UploadPiece.session_id == session_id, counted)
    return list(await session.scalars(statement.order_by(UploadPiece.start)))


_COLUMNS = (
    UploadSession.id,
    UploadSession.folder_id,
    UploadSession.name,
    UploadSession.total,
    UploadSession.received,
    UploadSession.expires_at,
)


def _open(condition: ColumnElement[bool]) -> Select[int, str, str, int | None, int, datetime]:
    return select(*_COLUMNS).where(condition, UploadSession.expires_at > func.now())


def _row(found: Any) -> OpenSession | None:  # noqa: ANN401 - a row of `_COLUMNS`
    return None if found is None else OpenSession(*found)


def _expiry(lifetime_seconds: int) -> ColumnElement[datetime]:
    return func.now() + _seconds(lifetime_seconds)


def _seconds(number: int) -> ColumnElement[Any]:
    return sql_text(f"interval '{int(number)} seconds'")  # type: ignore[return-value]
