"""The items of the lists that visitors see."""

from typing import Any, TypeVar

from sqlalchemy import Row

from imagehub_service.gallery.pages.schemas import ImageHubGroupItem, ImageHubPageItem
from imagehub_service.renditions.data_urls import data_url
from imagehub_service.renditions.links import picture_links
from imagehub_service.visibility import GalleryVisitor

Item = TypeVar("Item", ImageHubPageItem, ImageHubGroupItem)


def item_of(
    model: type[Item], row: Row[*tuple[Any, ...]], group_id: int, visitor: GalleryVisitor, public_base: str
) -> Item:
    """A picture in low resolution with its links: one of a group, or the cover of one."""
    return model.model_construct(
        **dict(picture_links(row, public_base=public_base, key=visitor.key)),
        group=group_id,
        image_id=row.image_id,
        image_name=row.name,
        image=data_url(row.small_type, row.small),
        title=row.title,
        caption=row.caption,
    )
