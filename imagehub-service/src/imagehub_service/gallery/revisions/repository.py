"""The statements on the counters of the gallery. Each change locks the row until its transaction ends, so it comes last
in the transaction."""

from typing import NamedTuple

from sqlalchemy import select, update

from imagehub_service.gallery.revisions.models import Revision
from lightbox_shared.database import ReadSession, WriteSession


class GalleryRevision(NamedTuple):
    """What was made of the gallery is true as long as this does not change."""

    contents: int
    order: int


async def current(session: ReadSession) -> GalleryRevision:
    """The counters at this moment."""
    row = (await session.execute(select(Revision.contents, Revision.order))).one()
    return GalleryRevision(*row)


async def changed(session: WriteSession, *, order: bool) -> None:
    """Visitors see something else from now on; with `order` also other groups, or in another order."""
    values = {"contents": Revision.contents + 1, **({"order": Revision.order + 1} if order else {})}
    await session.execute(update(Revision).values(values))


async def next_group(session: WriteSession) -> int:
    """A number for a new group."""
    statement = update(Revision).values(next_group=Revision.next_group + 1).returning(Revision.next_group - 1)
    return (await session.execute(statement)).scalar_one()
