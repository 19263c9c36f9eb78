"""Pictures from strangers, decoded safely: the size is known before memory is spent, the format is one of a list, and
whatever is wrong ends in a `PictureError` with a sentence, never in a crash, a hang or a bomb.

A decoded picture is one grey channel, upright, 1 = white: what a radiograph is. Formats: JPEG, PNG (8 and 16 bit;
grey, RGB, palette, alpha), WebP, TIFF, BMP, and DICOM. Of several frames in a TIFF or WebP the first is read.
"""

from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.float32]


class PictureError(ValueError):
    """The bytes are not a picture that we can read; the text says why, for the person who sent it."""


class UnsupportedPicture(PictureError):
    """No picture at all, or one of a kind that we do not read."""


class BrokenPicture(PictureError):
    """A picture of a known format that can't be decoded."""


class PictureTooLarge(PictureError):
    """More pixels than we are willing to decode."""


class MediaType(StrEnum):
    """The formats that we read, by their registered names."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    TIFF = "image/tiff"
    BMP = "image/bmp"
    DICOM = "application/dicom"

    @property
    def shown_by_browsers(self) -> bool:
        """Whether an `<img>` tag can show it as it is."""
        return self not in {MediaType.TIFF, MediaType.DICOM}


BROWSER_TYPES: Final = tuple(each.value for each in MediaType if each.shown_by_browsers)


@dataclass(frozen=True, slots=True)
class GreyPicture:
    """One upright grey picture: `image` has mode "L" (0 to 255) or "F" (0 to 1), 1 or 255 being white."""

    image: Image.Image
    media_type: MediaType

    def png(self) -> bytes:
        """As an 8-bit PNG, for people to look at."""
        image = self.image
        if image.mode == "F":
            image = Image.fromarray(np.rint(np.asarray(image) * np.float32(255)).astype(np.uint8))
        buffer = BytesIO()
        image.save(buffer, "PNG")
        return buffer.getvalue()


def sniff(data: bytes) -> MediaType:
    """The format by the first bytes; what the sender claims is not asked. Raises `UnsupportedPicture`."""
    if data.startswith(b"\xff\xd8\xff"):
        return MediaType.JPEG
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return MediaType.PNG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return MediaType.WEBP
    if data[:4] in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}:
        return MediaType.TIFF
    if data[:2] == b"BM":
        return MediaType.BMP
    if data[128:132] == b"DICM":
        return MediaType.DICOM
    raise UnsupportedPicture("This is not a picture in JPEG, PNG, WebP, TIFF, BMP or DICOM format.")


def decode_grey(data: bytes, *, max_pixels: int, least_size: tuple[int, int] | None = None) -> GreyPicture:
    """Decode `data` into one grey channel. Raises `PictureError`.

    `least_size` (width, height) allows a JPEG to be decoded smaller than it is, not below that size: several times
    faster, since the inverse DCT makes fewer pixels. The result is the same for the same bytes and size.
    """
    # The two readers import this module for its types.
    from lightbox_shared.images.dicom import decode_dicom  # noqa: PLC0415
    from lightbox_shared.images.raster import decode_raster  # noqa: PLC0415

    media_type = sniff(data)
    if media_type is MediaType.DICOM:
        return GreyPicture(Image.fromarray(decode_dicom(data, max_pixels=max_pixels)), media_type)
    return GreyPicture(decode_raster(data, media_type, max_pixels=max_pixels, least_size=least_size), media_type)


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a picture's header says."""

    media_type: MediaType
    width: int
    height: int


def inspect(data: bytes, *, max_pixels: int) -> Inspected:
    """Look at the header alone, for those who keep pictures and do not read them: the format, the size, and for a PNG
    the checksums of all its chunks. A JPEG whose scan was cut short is not noticed. PNG and JPEG take some
    microseconds; the others are opened, and take as long as their authors like. Raises `PictureError`."""
    from lightbox_shared.images.dicom import inspect_dicom  # noqa: PLC0415
    from lightbox_shared.images.headers import jpeg_size, png_size  # noqa: PLC0415
    from lightbox_shared.images.raster import inspect_raster  # noqa: PLC0415

    media_type = sniff(data)
    if media_type is MediaType.PNG:
        width, height = png_size(data)
    elif media_type is MediaType.JPEG:
        width, height = jpeg_size(data)
    elif media_type is MediaType.DICOM:
        width, height = inspect_dicom(data)
    else:
        width, height = inspect_raster(data, media_type, max_pixels=max_pixels)
    check_pixels(width, height, max_pixels)
    return Inspected(media_type, width, height)


def check_pixels(width: int, height: int, max_pixels: int) -> None:
    """Raises `PictureTooLarge`, or `BrokenPicture` for a picture without pixels."""
    if width < 1 or height < 1:
        raise BrokenPicture("The picture has no pixels.")
    if width * height > max_pixels:
        message = f"The picture has {width} x {height} pixels; at most {max_pixels:,} are accepted."
        raise PictureTooLarge(message)
