"""The queries on lists of images."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from annotation_service.pictures.models import Picture
from annotation_service.totals import Total
from annotation_service.workflow.models import Image, ImageTotal, Job
from annotation_service.workflow.states import ImageState
from lightbox_shared.database import ReadSession, WriteSession


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """Which images are listed; None for all."""

    states: frozenset[ImageState] | None = None
    image_id: int | None = None
    account_id: int | None = None
    """Of a doctor with a job for the image."""

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions of the query."""
        found: list[ColumnElement[bool]] = []
        if self.states is not None:
            found.append(Image.state.in_(sorted(self.states)))
        if self.image_id is not None:
            found.append(Image.id == self.image_id)
        if self.account_id is not None:
            found.append(exists().where(Job.image_id == Image.id, Job.account_id == self.account_id))
        return found


async def find(session: ReadSession | WriteSession, image_id: int) -> tuple[Image, Picture] | None:
    """An image and its picture."""
    statement = select(Image, Picture).join(Picture, Picture.id == Image.picture_id).where(Image.id == image_id)
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else (row[0], row[1])


async def insert_image(session: WriteSession, picture_id: int, created_by: int, scheme_id: int) -> Image:
    """Insert an image that no doctor has been given."""
    values = {"picture_id": picture_id, "created_by": created_by, "scheme_id": scheme_id}
    return (await session.execute(insert(Image).values(values).returning(Image))).scalar_one()


async def set_source(session: WriteSession, picture_id: int, source: str) -> bool:
    """Change where a picture is said to come from; whether that is another source than before."""
    other = update(Picture).where(Picture.id == picture_id, Picture.source != source).values(source=source)
    return (await session.execute(other.returning(Picture.id))).scalar() is not None


async def listed(
    session: ReadSession, images: ImageFilter, *, offset: int, limit: int
) -> Sequence[tuple[Image, Picture]]:
    """A page of the images in the order of their ids, with their pictures."""
    page = select(Image.id).where(*images.conditions).order_by(Image.id).offset(offset).limit(limit).subquery()
    statement = (
        select(Image, Picture)
        .join(page, page.c.id == Image.id)
        .join(Picture, Picture.id == Image.picture_id)
        .order_by(Image.id)
    )
    return [(row[0], row[1]) for row in (await session.execute(statement)).all()]


async def total(session: ReadSession, images: ImageFilter) -> Total:
    """How many images there are. For all, and by state, the totals that triggers keep are summed up."""
    if images.image_id is None and images.account_id is None:
        counted = select(
            func.coalesce(func.sum(ImageTotal.change), 0), func.coalesce(func.max(ImageTotal.at), func.now())
        )
        if images.states is not None:
            counted = counted.where(ImageTotal.state.in_(sorted(images.states)))
    else:
        counted = select(func.count(Image.id), func.coalesce(func.max(Image.modified_at), func.now()))
        counted = counted.where(*images.conditions)
    rows, modified_at = (await session.execute(counted)).one()
    return Total(int(rows), modified_at)
