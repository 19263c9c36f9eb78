"""The picture of a prediction as browsers show it, also through a window and no larger than a viewport, and what a
viewer has to know of its values to offer windows.

The parameters are those of DICOMweb's rendered resources (PS3.18 8.3.5.1), without the part of the picture that a
viewport may name.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from inference_service.model_repository.tensors import PREPROCESSING_VERSION
from inference_service.predictions.models import Prediction
from inference_service.predictions.quotas import charge_for
from inference_service.renditions.answers import ShownPicture
from inference_service.renditions.for_browsers import BROWSER_RECIPE, picture_for_browsers
from inference_service.renditions.service import etag
from inference_service.state import Services
from lightbox_shared.errors import BadRequest, FieldError, NotFound
from lightbox_shared.images import MediaType, PictureError, PictureInfo, inspect
from lightbox_shared.images.decoding import read_grey_values
from lightbox_shared.images.display import preview_type, render
from lightbox_shared.images.windows import GreyValues, Window, WindowNotApplicable
from lightbox_shared.requests.disconnect import Client
from lightbox_shared.storage.blobs import BlobMissing

LARGEST_SIDE: Final = 65_535
"""Pixels of a viewport; no picture of DICOM is larger (PS3.3 C.7.6.3)."""
_SIDE: Final = re.compile(r"[0-9]{1,5}")

VALUES_VERSION: Final = "1"
"""To be changed together with anything that changes what is told of the values."""

PictureValues = tuple[PictureInfo, GreyValues | None]
Result = TypeVar("Result")


class PictureNotKept(NotFound):
    """The picture of the prediction is not there. The detail says why."""

    code = "picture-not-kept"
    default_detail = "The picture of this prediction is not kept here."


class InvalidRendering(BadRequest):
    """The picture can't be rendered as the query says, which PS3.18 8.3.5.1 answers by 400."""

    code = "invalid-rendering"

    @classmethod
    def of(cls, field: str, message: str) -> "InvalidRendering":
        """An error about one parameter."""
        return cls(f"{field}: {message}", fields=[FieldError(field, message, "query")])


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a picture is to be rendered; None for what the query does not say."""

    window: Window | None = None
    viewport: tuple[int, int] | None = None
    """The largest width and height, in pixels."""

    @classmethod
    def parse(cls, window: str | None, viewport: str | None) -> "Rendering":
        """What a query says. Raises `InvalidRendering`."""
        try:
            chosen = None if window is None else Window.parse(window)
        except ValueError as error:
            raise InvalidRendering.of("window", str(error)) from None
        return cls(chosen, None if viewport is None else _viewport(viewport))


def _viewport(text: str) -> tuple[int, int]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2:
        raise InvalidRendering.of("viewport", "It takes two parts: width,height, such as 800,600.")
    for name, part in zip(("width", "height"), parts, strict=True):
        if not _SIDE.fullmatch(part) or not 1 <= int(part) <= LARGEST_SIDE:
            raise InvalidRendering.of("viewport", f"The {name} must be a whole number from 1 to {LARGEST_SIDE}.")
    return int(parts[0]), int(parts[1])


def shown(services: Services, prediction: Prediction, rendering: Rendering, client: Client) -> ShownPicture:
    """The picture, which is kept as it is shown by default, and made anew for each window and viewport.

    Raises `PictureNotKept`; so does loading it, which raises `InvalidRendering` for a window that does not apply, and
    `TooManyWindows` or `Unavailable` if too many pictures are being made, for the account or for all.
    """
    digest, media_type = _picture_of(prediction), MediaType(prediction.media_type)
    if rendering == Rendering():
        found = picture_for_browsers(services, digest, media_type, charge_for(services, prediction))
        return ShownPicture(found.media_type, found.etag, partial(_kept, found.load, client))
    recipe = f"{BROWSER_RECIPE}/{rendering.window or ''}/{rendering.viewport or ''}"

    def work(data: bytes) -> bytes:
        limit = services.max_picture_pixels
        return render(data, max_pixels=limit, window=rendering.window, viewport=rendering.viewport).data

    load = partial(_decoded, services, prediction, work, rendering.viewport)
    return ShownPicture(preview_type(media_type).value, etag(digest, recipe), partial(_kept, load, client))


def etag_of_values(prediction: Prediction) -> str:
    """The entity tag of what `values_of` tells, which is known before it is. Raises `PictureNotKept`."""
    return etag(_picture_of(prediction), f"values/{VALUES_VERSION}/{PREPROCESSING_VERSION}")


async def values_of(services: Services, prediction: Prediction, client: Client) -> PictureValues:
    """The picture's size and, where a window applies, its values. Raises `PictureNotKept`, `TooManyWindows`
    and `Unavailable`, as `shown` does."""

    def work(data: bytes) -> PictureValues:
        limit = services.max_picture_pixels
        return inspect(data, max_pixels=limit), read_grey_values(data, max_pixels=limit)

    return await _kept(partial(_decoded, services, prediction, work), client)


def _picture_of(prediction: Prediction) -> bytes:
    """The digest of the picture that is kept for the prediction's account. Raises `PictureNotKept`, also where others
    have stored the same bytes: that they have is nothing that the account may learn."""
    if prediction.picture_sha256 is None:
        raise PictureNotKept
    return prediction.picture_sha256


async def _decoded(
    services: Services,
    prediction: Prediction,
    work: Callable[[bytes], Result],
    min_size: tuple[int, int] | None = None,
) -> Result:
    """The result of work on the stored picture, which is loaded when its turn has come. Raises `PictureNotKept`."""
    digest = _picture_of(prediction)
    async with (
        services.window_turns.turn(prediction.account_id) as deadline,
        services.windows.turn(deadline=deadline) as turn,
    ):
        async with services.database.reading() as session:
            data = await services.blobs.get(session, digest)
        return await turn.decode(data, partial(work, data), min_size=min_size)


async def _kept(load: Callable[[], Awaitable[Result]], client: Client) -> Result:
    """The result of `load`, whose exceptions become those that the client is told; ends when the client leaves."""
    try:
        async with client.present():
            return await load()
    except BlobMissing as error:
        raise PictureNotKept from error
    except WindowNotApplicable as error:
        raise InvalidRendering.of("window", str(error)) from error
    except PictureError as error:
        raise PictureNotKept(f"The picture of this prediction can't be read any more. {error}") from error
