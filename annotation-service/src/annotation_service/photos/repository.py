"""The statements on photos."""

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from annotation_service.photos.models import Photo
from annotation_service.photos.rendering import RenderedPhoto
from lightbox_shared.database import ReadSession, WriteSession


async def find(session: ReadSession, name: str) -> Photo | None:
    """The photo of this name."""
    return (await session.scalars(select(Photo).where(Photo.name == name))).one_or_none()


async def add(session: WriteSession, name: str, account_id: int, photo: RenderedPhoto) -> None:
    """Insert a photo."""
    values = {"name": name, "account_id": account_id, "media_type": photo.media_type.value, "data": photo.data}
    await session.execute(insert(Photo).values(values))


async def remove(session: WriteSession, name: str) -> None:
    """Delete a photo, if it exists."""
    await session.execute(delete(Photo).where(Photo.name == name))


async def keep_newest(session: WriteSession, account_id: int, kept: int) -> None:
    """Delete the photos of an account but the newest ones."""
    of_account = Photo.account_id == account_id
    newest = select(Photo.name).where(of_account).order_by(Photo.created_at.desc(), Photo.name).limit(kept)
    await session.execute(delete(Photo).where(of_account, Photo.name.not_in(newest)))
