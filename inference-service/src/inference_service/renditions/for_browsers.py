"""Stored pictures in a format that browsers show: the original, or a picture that is made of it once and kept."""

from functools import partial
from typing import Final

from inference_service.model_repository.tensors import PREPROCESSING_VERSION
from inference_service.renditions.answers import ShownPicture
from inference_service.renditions.service import Charge, LoadPicture, etag
from inference_service.state import Services
from lightbox_shared.images import MediaType
from lightbox_shared.images.display import render, shows_file

BROWSER_RECIPE: Final = f"browser/{PREPROCESSING_VERSION}"


def picture_for_browsers(
    services: Services, picture_sha256: bytes, media_type: MediaType, charge: Charge | None = None
) -> ShownPicture:
    """The picture: the original, or where browsers do not show it a PNG, which is made once and kept if `charge` finds
    room for it; for a rare kind of JPEG, a JPEG.

    Loading it raises `BlobMissing` if the picture is not there, and `Unavailable` if too many pictures are being
    converted.
    """
    if media_type.shown_by_browsers:
        load = partial(_original, services, picture_sha256, charge)
        return ShownPicture(media_type.value, picture_sha256.hex(), load)
    tag = etag(picture_sha256, BROWSER_RECIPE)
    return ShownPicture(MediaType.PNG.value, tag, partial(_converted, services, picture_sha256, charge))


async def _original(services: Services, picture_sha256: bytes, charge: Charge | None) -> bytes:
    async with services.database.reading() as session:
        data = await services.blobs.get(session, picture_sha256)
    # Of the rarer kinds of JPEG, browsers get a JPEG that they show.
    return data if shows_file(data) else await _converted(services, picture_sha256, charge)


async def _converted(services: Services, picture_sha256: bytes, charge: Charge | None) -> bytes:
    async def make(load: LoadPicture) -> bytes:
        async with services.rendering.turn() as turn:
            data = await load()
            work = partial(render, data, max_pixels=services.max_picture_pixels)
            return (await turn.decode(data, work)).data

    return await services.renditions.kept_or_made(picture_sha256, BROWSER_RECIPE, make, charge)
