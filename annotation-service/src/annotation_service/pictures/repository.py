"""The statements on pictures."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from annotation_service.pictures.models import GreenChannel, Picture
from lightbox_shared.database import ReadSession, WriteSession


async def insert_picture(session: WriteSession, values: Mapping[str, Any]) -> Picture:
    """Insert a picture whose bytes are stored."""
    return (await session.execute(insert(Picture).values(values).returning(Picture))).scalar_one()


async def find(session: ReadSession | WriteSession, picture_id: int) -> Picture | None:
    """The picture with this id."""
    return (await session.scalars(select(Picture).where(Picture.id == picture_id))).one_or_none()


async def find_by_url(session: ReadSession, url: str) -> Picture | None:
    """The picture with this name."""
    return (await session.scalars(select(Picture).where(Picture.url == url))).one_or_none()


async def newest_of_filename(session: ReadSession, filename: str) -> Picture | None:
    """The newest picture with this filename."""
    statement = select(Picture).where(Picture.filename == filename).order_by(Picture.id.desc()).limit(1)
    return (await session.scalars(statement)).one_or_none()


async def find_green_channel(session: ReadSession, digest: bytes) -> GreenChannel | None:
    """The green channel of the picture with these bytes, if it was made before."""
    return (await session.scalars(select(GreenChannel).where(GreenChannel.sha256 == digest))).one_or_none()


async def add_green_channel(session: WriteSession, digest: bytes, channel: bytes | None) -> None:
    """Keep which blob is the green channel of a picture; None for a picture that is grey. What is there stays."""
    statement = insert(GreenChannel).values(sha256=digest, channel_sha256=channel)
    await session.execute(statement.on_conflict_do_nothing(index_elements=[GreenChannel.sha256]))


async def count(session: ReadSession) -> int:
    """The number of all pictures."""
    return (await session.scalars(select(func.count()).select_from(Picture))).one()
