"""What info.json says of a picture (IIIF Image API 3.0 section 5)."""

from typing import Literal

from pydantic import BaseModel, Field

from imagehub_service.iiif.limits import (
    EXTRA_FEATURES,
    EXTRA_FORMATS,
    EXTRA_QUALITIES,
    MAX_AREA,
    MAX_SIDE,
    TILE_SIDE,
)
from imagehub_service.iiif.parameters import Size

CONTEXT = "http://iiif.io/api/image/3/context.json"
PROFILE = "http://iiif.io/api/image/3/level2.json"


class ImageServiceSize(BaseModel):
    """A size in which the whole picture is preferred, in pixels."""

    width: int
    height: int


class ImageServiceTiles(BaseModel):
    """Tiles in which the picture is preferred."""

    width: int = Field(description="Pixels of a square tile.")
    scale_factors: list[int] = Field(serialization_alias="scaleFactors")


class ImageServiceDescription(BaseModel):
    """The description of a picture for viewers, by the IIIF Image API 3.0."""

    context: str = Field(default=CONTEXT, serialization_alias="@context")
    id: str = Field(description="The base address of the picture, as it was called.")
    type: Literal["ImageService3"] = "ImageService3"
    protocol: Literal["http://iiif.io/api/image"] = "http://iiif.io/api/image"
    profile: Literal["level2"] = "level2"
    width: int
    height: int
    max_width: int = Field(default=MAX_SIDE, serialization_alias="maxWidth")
    max_height: int = Field(default=MAX_SIDE, serialization_alias="maxHeight")
    max_area: int = Field(default=MAX_AREA, serialization_alias="maxArea")
    sizes: list[ImageServiceSize]
    tiles: list[ImageServiceTiles]
    preferred_formats: list[str] = Field(default=["webp", "jpg"], serialization_alias="preferredFormats")
    extra_formats: list[str] = Field(default=list(EXTRA_FORMATS), serialization_alias="extraFormats")
    extra_qualities: list[str] = Field(default=list(EXTRA_QUALITIES), serialization_alias="extraQualities")
    extra_features: list[str] = Field(default=list(EXTRA_FEATURES), serialization_alias="extraFeatures")

    @classmethod
    def of(cls, whole: Size, base: str) -> "ImageServiceDescription":
        """Of a picture of this size with this base address."""
        factors = [1]
        while factors[-1] * TILE_SIDE < max(whole):
            factors.append(factors[-1] * 2)
        sizes = [Size(-(-whole.width // factor), -(-whole.height // factor)) for factor in reversed(factors)]
        return cls(
            id=base,
            width=whole.width,
            height=whole.height,
            sizes=[
                ImageServiceSize(width=size.width, height=size.height)
                for size in sizes
                if max(size) <= MAX_SIDE and size.width * size.height <= MAX_AREA
            ],
            tiles=[ImageServiceTiles(width=TILE_SIDE, scale_factors=factors)],
        )
