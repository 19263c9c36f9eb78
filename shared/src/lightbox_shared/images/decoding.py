"""The one place that decides what a picture is: what a model reads, what browsers are shown, what thumbnails are made
of, and the width and height that are stored are all views of what `decode` returns.

Which way is up is decided in `lightbox_shared.images.orientation`, and how the views differ in
`lightbox_shared.images.samples`.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from PIL import Image

from lightbox_shared.images import RADIOGRAPH_TYPES, MediaType, PictureInfo, check_pixels, sniff
from lightbox_shared.images.bmp import bmp_size, read_bmp
from lightbox_shared.images.colours import suits
from lightbox_shared.images.dicom import decode_dicom, dicom_grey_values, inspect_dicom
from lightbox_shared.images.headers import JpegHeader, PngHeader, gif_size, jpeg_header, png_header, webp_size
from lightbox_shared.images.jpeg import read_jpeg
from lightbox_shared.images.orientation import UPRIGHT, upright_size
from lightbox_shared.images.png import read_png
from lightbox_shared.images.raster_file import RasterFile, in_eight_bits, opened_by_pillow
from lightbox_shared.images.samples import DeepSamples, EightBitSamples, Samples
from lightbox_shared.images.tiff import read_tiff
from lightbox_shared.images.tiff_directory import Directory, read_directory
from lightbox_shared.images.windows import GreyValues, Window


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """A picture that was decoded to its last pixel without an error, upright."""

    media_type: MediaType
    samples: Samples
    profile: bytes | None
    """The colour profile, if there is one that suits the samples."""
    width: int
    """Pixels of the upright picture, of which `samples` may be fewer."""
    height: int
    reduction: int
    """How many pixels in a row `samples` have one for: 1, 2, 4 or 8."""
    orientation: int
    """Of the file, from 1 to 8 (EXIF 4.6.5); 1 for a file that is upright itself."""
    is_animated: bool
    is_shown_by_browsers: bool
    """Whether they show the file at all, turned or not."""

    def grey(self) -> Image.Image:
        """What a model reads: of mode "L" (0 black to 255 white) or "F" (0 black to 1 white)."""
        return self.samples.grey(self.profile)

    def shown(self) -> tuple[Image.Image, bytes | None]:
        """What people see, of mode "L", "RGB" or "RGBA", and the colour profile of these pixels; None for sRGB."""
        return self.samples.shown(self.profile)


def decode(
    data: bytes,
    *,
    max_pixels: int,
    types: Collection[MediaType] = RADIOGRAPH_TYPES,
    min_size: tuple[int, int] | None = None,
    grey: bool = False,
    window: Window | None = None,
) -> DecodedPicture:
    """Decode a picture of one of `types`, of at most `max_pixels` pixels.

    With `min_size` (width and height, upright) a JPEG may be decoded at a half, a quarter or an eighth of its size, as
    long as it is not below that. That is several times faster, since the inverse DCT makes fewer pixels; all bytes are
    decoded all the same, so that damage is found. With `grey` only `grey()` of the result is wanted, for which a JPEG
    need not be decoded in colours. A `window` decides which values are black and white, in place of what the file says
    or of the whole range. The result depends only on the arguments. Takes up to some seconds for the largest
    pictures: call it in a thread. Raises `PictureError`, and `WindowNotApplicable` for a window of a picture in colour
    or of 8 bits a sample.
    """
    media_type = sniff(data, types)
    file = _read(data, media_type, max_pixels=max_pixels, min_size=min_size, grey=grey, window=window)
    width, height = upright_size(file.size, file.orientation)
    profile = file.profile if file.profile is not None and suits(file.profile, file.samples.mode) else None
    return DecodedPicture(
        media_type,
        file.samples.upright(file.orientation),
        profile,
        width,
        height,
        round(file.size[0] / file.samples.size[0]),
        file.orientation,
        is_animated=file.is_animated,
        is_shown_by_browsers=file.is_shown_by_browsers,
    )


def read_info(data: bytes, *, max_pixels: int) -> PictureInfo:
    """As `lightbox_shared.images.inspect`."""
    media_type = sniff(data)
    stored, orientation = _STORED_SIZES[media_type](data)
    check_pixels(*stored, max_pixels)
    return PictureInfo(media_type, *upright_size(stored, orientation))


def read_grey_values(data: bytes, *, max_pixels: int) -> GreyValues | None:
    """The values of a picture that a window can be applied to (`decode`); None if it has none. Takes as long as
    `decode`. Raises `PictureError`."""
    if sniff(data) is MediaType.DICOM:
        return dicom_grey_values(data, max_pixels=max_pixels)
    return decode(data, max_pixels=max_pixels).samples.grey_values()


def _read(
    data: bytes,
    media_type: MediaType,
    *,
    max_pixels: int,
    min_size: tuple[int, int] | None,
    grey: bool,
    window: Window | None,
) -> RasterFile:
    if media_type is MediaType.DICOM:
        return _read_dicom(data, max_pixels, window)
    if media_type is MediaType.JPEG:
        file = read_jpeg(data, max_pixels=max_pixels, min_size=min_size, grey=grey)
    else:
        file = _READERS[media_type](data, max_pixels)
    return file if window is None else replace(file, samples=file.samples.windowed(window))


def _read_dicom(data: bytes, max_pixels: int, window: Window | None) -> RasterFile:
    """The window applies before the picture becomes grey (`lightbox_shared.images.dicom.grey`)."""
    values = decode_dicom(data, max_pixels=max_pixels, window=window)
    samples: Samples = (
        EightBitSamples(Image.fromarray(values))
        if values.dtype == np.uint8
        else DeepSamples(values.astype(np.float32, copy=False), 1.0)
    )
    return RasterFile(samples, samples.size, is_shown_by_browsers=False)


def _first_frame(name: str, size: tuple[int, int], data: bytes, max_pixels: int) -> RasterFile:
    """Of a WebP or GIF. Pillow allocates the canvas of a WebP when it opens the file, so its size is checked before."""
    check_pixels(*size, max_pixels)
    with opened_by_pillow(data, name) as image:
        check_pixels(image.width, image.height, max_pixels)
        is_animated = bool(getattr(image, "is_animated", False))
        image.load()
        profile = image.info.pop("icc_profile", None)
        return RasterFile(in_eight_bits(image), image.size, profile, is_animated=is_animated)


def _read_webp(data: bytes, max_pixels: int) -> RasterFile:
    return _first_frame("WEBP", webp_size(data), data, max_pixels)


def _read_gif(data: bytes, max_pixels: int) -> RasterFile:
    return _first_frame("GIF", gif_size(data), data, max_pixels)


_READERS: Final[Mapping[MediaType, Callable[[bytes, int], RasterFile]]] = {
    MediaType.PNG: read_png,
    MediaType.WEBP: _read_webp,
    MediaType.GIF: _read_gif,
    MediaType.TIFF: read_tiff,
    MediaType.BMP: read_bmp,
}
"""All but JPEG, which can be decoded in part, and DICOM."""


def _size_and_orientation(header: JpegHeader | PngHeader | Directory) -> tuple[tuple[int, int], int]:
    return header.size, header.orientation


_STORED_SIZES: Final[Mapping[MediaType, Callable[[bytes], tuple[tuple[int, int], int]]]] = {
    MediaType.JPEG: lambda data: _size_and_orientation(jpeg_header(data)),
    MediaType.PNG: lambda data: _size_and_orientation(png_header(data)),
    MediaType.TIFF: lambda data: _size_and_orientation(read_directory(data)),
    MediaType.WEBP: lambda data: (webp_size(data), UPRIGHT),
    MediaType.GIF: lambda data: (gif_size(data), UPRIGHT),
    MediaType.BMP: lambda data: (bmp_size(data), UPRIGHT),
    MediaType.DICOM: lambda data: (inspect_dicom(data), UPRIGHT),
}
"""Width and height as they are stored, and the orientation."""
