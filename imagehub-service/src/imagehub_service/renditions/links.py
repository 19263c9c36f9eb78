"""The addresses of a picture in other sizes, as answers in JSON have them."""

import base64
from typing import Final, Protocol

from pydantic import BaseModel, Field

WIDTHS: Final = (180, 360, 700, 1400, 2800)
"""The widths in pixels that pages are offered; where the picture is narrower, its own."""


class LinkedPicture(Protocol):
    """What links are made of: a row of pictures, or of a query that has these columns."""

    @property
    def id(self) -> int: ...

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    @property
    def thumbhash(self) -> bytes: ...


class PictureLinks(BaseModel):
    """What a page needs to show a picture: at once by its thumbhash, then in the size that suits."""

    src: str = Field(description="The address of the picture, 700 pixels wide or less.")
    srcset: str = Field(description="Addresses with widths, for the attribute `srcset`.")
    width: int = Field(description="Pixels of the upright picture.")
    height: int
    thumbhash: str = Field(description="In base64: https://evanw.github.io/thumbhash/")
    iiif: str = Field(description="The base address of the picture in the IIIF Image API 3.0.")


def picture_links(picture: LinkedPicture, *, public_base: str, key: str | None = None) -> PictureLinks:
    """The links of a picture. With `key`, the key of a share, they work without an account."""
    path, suffix = f"/image/file/{picture.id}", "" if key is None else f"&key={key}"
    widths = dict.fromkeys(min(width, picture.width) for width in WIDTHS)
    identifier = f"{picture.id}" if key is None else f"{picture.id}~{key}"
    return PictureLinks(
        src=f"{path}?w={min(700, picture.width)}{suffix}",
        srcset=", ".join(f"{path}?w={width}{suffix} {width}w" for width in widths),
        width=picture.width,
        height=picture.height,
        thumbhash=base64.b64encode(picture.thumbhash).decode(),
        iiif=f"{public_base}/iiif/3/{identifier}",
    )
