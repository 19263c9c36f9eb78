"""The statements on the table of renditions."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from inference_service.renditions.models import Rendition
from lightbox_shared.database import ReadSession, WriteSession


async def find(session: ReadSession, picture_sha256: bytes, recipe: str) -> bytes | None:
    """The digest of what was made of a picture by this recipe, or None."""
    query = select(Rendition.rendition_sha256).where(
        Rendition.picture_sha256 == picture_sha256, Rendition.recipe == recipe
    )
    digest: bytes | None = await session.scalar(query)
    return digest


async def add(session: WriteSession, picture_sha256: bytes, recipe: str, rendition_sha256: bytes) -> bool:
    """Insert a rendition, unless another request has made the same one in the meantime. Returns whether it is new."""
    row = {"picture_sha256": picture_sha256, "recipe": recipe, "rendition_sha256": rendition_sha256}
    added = insert(Rendition).values(row).on_conflict_do_nothing().returning(Rendition.recipe)
    return await session.scalar(added) is not None
