"""The region and the size of a picture that is fitted into a box. It is never enlarged."""

from dataclasses import dataclass
from enum import StrEnum

from imagehub_service.renditions.rendering import Rendition
from lightbox_shared.images import MediaType


class Fit(StrEnum):
    """How a picture is fitted into a box, named as in CSS (`object-fit`)."""

    CONTAIN = "contain"
    """All of it, as large as the box allows."""
    COVER = "cover"
    """It fills the box, and what is beyond that is cut off on both sides."""
    FILL = "fill"
    """It is stretched to the size of the box."""


@dataclass(frozen=True, slots=True)
class Box:
    """What a picture is fitted into. Without one of the sides, which are in pixels, the picture keeps its shape."""

    width: int | None
    height: int | None
    fit: Fit = Fit.CONTAIN


def fitted(width: int, height: int, box: Box, media_type: MediaType) -> Rendition:
    """The rendition of a picture of `width` times `height` pixels for a box."""
    wanted_width, wanted_height = box.width, box.height
    left = top = 0
    region = width, height
    if wanted_width is None or wanted_height is None or box.fit is Fit.CONTAIN:
        scale = min((wanted_width or width) / width, (wanted_height or height) / height, 1.0)
        size = _size(width * scale, height * scale)
    elif box.fit is Fit.FILL:
        size = min(wanted_width, width), min(wanted_height, height)
    else:
        cut = min(width / wanted_width, height / wanted_height)
        region = _size(min(wanted_width * cut, width), min(wanted_height * cut, height))
        left, top = (width - region[0]) // 2, (height - region[1]) // 2
        shrunk = min(cut, 1.0)
        size = _size(wanted_width * shrunk, wanted_height * shrunk)
    return Rendition(left, top, *region, *size, media_type)


def _size(width: float, height: float) -> tuple[int, int]:
    return max(1, round(width)), max(1, round(height))
