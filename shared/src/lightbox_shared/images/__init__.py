"""Decoding of pictures from untrusted sources.

The size of a picture is checked before memory is allocated for it, and the format must be one of a list. A picture that
can't be decoded raises `PictureError`; it does not crash the process, block it or make it run out of memory.

`lightbox_shared.images.decoding` decodes; `decode_grey` here is what models read of it, `display` what browsers show.
Formats: JPEG, PNG, WebP, TIFF, BMP and DICOM; the modules of the formats say what of each is read. Of several frames
the first one is. GIF, which no radiograph comes in, is read only where a caller asks for it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from lightbox_shared.errors.sentences import Sentence

Pixels = npt.NDArray[np.float32]


class PictureError(ValueError):
    """The bytes are not a picture that can be read. The text says why and may be sent to the client."""

    code: ClassVar[str] = "unreadable-picture"

    @property
    def sentence(self) -> Sentence:
        """The text with its own code, or else that of the class."""
        text = str(self)
        return text if isinstance(text, Sentence) else Sentence(self.code, text)


class UnsupportedPicture(PictureError):
    """The bytes are not a picture, or one of an unsupported kind."""

    code = "unsupported-picture"


class BrokenPicture(PictureError):
    """The picture has a supported format but is damaged."""

    code = "broken-picture"


class PictureTooLarge(PictureError):
    """The picture has more pixels than the limit."""

    code = "too-many-pixels"


class MediaType(StrEnum):
    """The supported formats, by their registered media types."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    GIF = "image/gif"
    TIFF = "image/tiff"
    BMP = "image/bmp"
    DICOM = "application/dicom"

    @property
    def shown_by_browsers(self) -> bool:
        """Whether browsers show pictures of this format in an `<img>` element."""
        return self not in {MediaType.TIFF, MediaType.DICOM}


RADIOGRAPH_TYPES: Final = tuple(each for each in MediaType if each is not MediaType.GIF)
"""The formats that are read where a caller does not name others."""
BROWSER_TYPES: Final = tuple(each.value for each in RADIOGRAPH_TYPES if each.shown_by_browsers)


_BEGINNINGS: Final[Mapping[MediaType, tuple[bytes, ...]]] = {
    MediaType.JPEG: (b"\xff\xd8\xff",),
    MediaType.PNG: (b"\x89PNG\r\n\x1a\n",),
    MediaType.GIF: (b"GIF87a", b"GIF89a"),
    MediaType.TIFF: (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    MediaType.BMP: (b"BM",),
}


@dataclass(frozen=True, slots=True)
class GreyPicture:
    """A decoded picture, upright. `image` has mode "L" (0 black to 255 white) or "F" (0 black to 1 white)."""

    image: Image.Image
    media_type: MediaType


def sniff(data: bytes, types: Collection[MediaType] = RADIOGRAPH_TYPES) -> MediaType:
    """The format of a picture by its first bytes, not by the media type that the client names. Raises
    `UnsupportedPicture` if it is none of `types`."""
    found = _format_of(data)
    if found is None or found not in types:
        *names, last = (each.name if each is not MediaType.WEBP else "WebP" for each in MediaType if each in types)
        raise UnsupportedPicture(f"This is not a picture in {', '.join(names)} or {last} format.")
    return found


def _format_of(data: bytes) -> MediaType | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return MediaType.WEBP
    found = next((each for each, beginnings in _BEGINNINGS.items() if data.startswith(beginnings)), None)
    return MediaType.DICOM if found is None and data[128:132] == b"DICM" else found


def decode_grey(data: bytes, *, max_pixels: int, min_size: tuple[int, int] | None = None) -> GreyPicture:
    """Decode a picture of at most `max_pixels` pixels as a model reads it. Raises `PictureError`.

    With `min_size` (width and height, upright) a JPEG may be decoded at a reduced size that is not below it. See
    `lightbox_shared.images.decoding.decode`, of whose result this is a view.
    """
    from lightbox_shared.images.decoding import decode  # noqa: PLC0415 - it imports this module for its types

    picture = decode(data, max_pixels=max_pixels, min_size=min_size, grey=True)
    return GreyPicture(picture.grey(), picture.media_type)


@dataclass(frozen=True, slots=True)
class PictureInfo:
    """The format of a picture, and the size in pixels that it has when it is upright."""

    media_type: MediaType
    width: int
    height: int


def inspect(data: bytes, *, max_pixels: int) -> PictureInfo:
    """Read the header of a picture without decoding it, for services that only store pictures.

    The checksums of a PNG are verified; a picture that breaks off behind its header is not detected. All formats but
    DICOM take some microseconds, up to some milliseconds for hostile files. DICOM is opened by its library, for which a
    file can take much longer, so call this in a thread. Raises `PictureError`.
    """
    from lightbox_shared.images.decoding import read_info  # noqa: PLC0415 - as above

    return read_info(data, max_pixels=max_pixels)


def check_pixels(width: int, height: int, max_pixels: int) -> None:
    """Raises `PictureTooLarge` for more than `max_pixels` pixels, and `BrokenPicture` for none."""
    if width < 1 or height < 1:
        raise BrokenPicture("The picture has no pixels.")
    if width * height > max_pixels:
        message = f"The picture has {width} x {height} pixels; at most {max_pixels:,} are accepted."
        raise PictureTooLarge(message)
