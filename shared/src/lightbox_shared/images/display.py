"""Pictures as browsers show them: in colour, upright, with 8 bits a sample.

This is a view of what `lightbox_shared.images.decoding` decodes. Browsers show neither DICOM nor TIFF nor the rarer
kinds of JPEG, not all of them turn a PNG, and of more than 8 bits they show the upper ones. For such pictures there is
a preview: a PNG without a loss, or for a JPEG another JPEG of high quality, since a PNG of a photograph is several
times as large. Colours stay what they are (`lightbox_shared.images.colours`); all other metadata (where, of whom and by
whom a picture was taken) are left out.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Final

from PIL import Image, ImageChops

from lightbox_shared.images import RADIOGRAPH_TYPES, MediaType, inspect, sniff
from lightbox_shared.images.decoding import decode
from lightbox_shared.images.encoding import EncodedPicture, encode
from lightbox_shared.images.headers import jpeg_header
from lightbox_shared.images.jpeg import is_shown_by_browsers
from lightbox_shared.images.orientation import UPRIGHT
from lightbox_shared.images.windows import Window

_JPEG_QUALITY: Final = 95
# Zlib's default takes three times as long, and saves an eighth.
_PNG_COMPRESSION: Final = 1


@dataclass(frozen=True, slots=True)
class CheckedPicture:
    """A picture that was decoded to its last pixel without an error. Width and height are those of the upright
    picture."""

    media_type: MediaType
    width: int
    height: int
    preview: EncodedPicture | None
    """None if browsers show the original as it has to be shown."""


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture that was decoded to its last pixel without an error, as it is shown."""

    image: Image.Image
    """Upright, of mode "L", "RGB" or "RGBA", without metadata."""
    profile: bytes | None
    """The colour profile of the pixels; None for sRGB."""
    media_type: MediaType
    """Of the file."""
    width: int
    """Pixels of the upright picture, of which `image` may have fewer."""
    height: int
    reduction: int
    """How many pixels in a row `image` has one for: 1, 2, 4 or 8."""
    orientation: int
    """As EXIF says it, from 1 to 8; 1 for a file that is upright itself."""
    is_animated: bool
    is_shown_by_browsers: bool
    """Whether they show the file at all, turned or not."""
    bits: int
    """Of a sample in the file: 8, or 16 for more than 8."""


def preview_type(media_type: MediaType) -> MediaType:
    """The format of previews of pictures in this format."""
    return MediaType.JPEG if media_type is MediaType.JPEG else MediaType.PNG


def check_picture(data: bytes, *, max_pixels: int) -> CheckedPicture:
    """Decode a picture of at most `max_pixels` pixels completely, and make a preview if it needs one.

    Takes up to some seconds for the largest pictures: call it in a thread. Raises `PictureError`.
    """
    shown = read_for_display(data, max_pixels=max_pixels)
    shown_as_it_is = (
        shown.is_shown_by_browsers and shown.orientation == UPRIGHT and shown.bits == 8 and not shown.is_animated
    )
    return CheckedPicture(
        shown.media_type, shown.width, shown.height, None if shown_as_it_is else encode_preview(shown)
    )


def decode_for_display(data: bytes, *, max_pixels: int) -> Image.Image:
    """A picture as browsers show it, of mode "L", "RGB" or "RGBA". Takes as long as `check_picture`. Raises
    `PictureError`."""
    return read_for_display(data, max_pixels=max_pixels).image


def green_channel(data: bytes, *, max_pixels: int) -> EncodedPicture | None:
    """The green channel of a picture in colour as a grey PNG, upright; None if the picture is grey itself.

    Blood vessels of the retina have the most contrast in green light. Transparent parts are black. Takes as long as
    `check_picture`. Raises `PictureError`.
    """
    image = decode_for_display(data, max_pixels=max_pixels)
    if image.mode == "L":
        return None
    green = image.getchannel("G")
    if image.mode == "RGBA":
        green = ImageChops.multiply(green, image.getchannel("A"))
    return encode(green, MediaType.PNG, compress_level=_PNG_COMPRESSION)


def read_for_display(
    data: bytes,
    *,
    max_pixels: int,
    types: Collection[MediaType] = RADIOGRAPH_TYPES,
    min_size: tuple[int, int] | None = None,
    window: Window | None = None,
) -> ShownPicture:
    """Decode a picture as it is shown: a view of what `lightbox_shared.images.decoding.decode` returns. Raises its
    exceptions."""
    picture = decode(data, max_pixels=max_pixels, types=types, min_size=min_size, window=window)
    image, profile = picture.shown()
    image.info = {}
    return ShownPicture(
        image,
        profile,
        picture.media_type,
        picture.width,
        picture.height,
        picture.reduction,
        picture.orientation,
        is_animated=picture.is_animated,
        is_shown_by_browsers=picture.is_shown_by_browsers,
        bits=picture.samples.bits,
    )


def render(
    data: bytes, *, max_pixels: int, window: Window | None = None, viewport: tuple[int, int] | None = None
) -> EncodedPicture:
    """The file of a picture as browsers show it, through a `window`, and no wider and higher than a `viewport`; smaller
    pixels are the mean of those that they stand for. A picture is never enlarged.

    Takes up to a second for the largest pictures: call it in a thread. Raises `PictureError`, and
    `WindowNotApplicable` for a window that the picture has no values for.
    """
    size = None
    if viewport is not None:
        info = inspect(data, max_pixels=max_pixels)
        size = _fitted((info.width, info.height), viewport)
    shown = read_for_display(data, max_pixels=max_pixels, min_size=size, window=window)
    if size is not None and size != shown.image.size:
        shown = replace(shown, image=shown.image.resize(size, Image.Resampling.BOX))
    return encode_preview(shown)


def _fitted(size: tuple[int, int], viewport: tuple[int, int]) -> tuple[int, int]:
    """The largest size of the same shape that fits into a viewport and is not larger than `size`."""
    share = min(1.0, viewport[0] / size[0], viewport[1] / size[1])
    width, height = (max(1, round(each * share)) for each in size)
    return width, height


def shows_file(data: bytes) -> bool:
    """Whether browsers show a file, by its format and header, if it can be decoded. Takes some microseconds."""
    media_type = sniff(data)
    return media_type.shown_by_browsers and (
        media_type is not MediaType.JPEG or is_shown_by_browsers(jpeg_header(data))
    )


def orientation_of_jpeg(data: bytes) -> int:
    """How a JPEG that can be decoded has to be turned, from 1 to 8 (EXIF 4.6.5), without decoding it."""
    return jpeg_header(data).orientation


def encode_preview(shown: ShownPicture) -> EncodedPicture:
    """The file of a picture for browsers that can't show its own, in the format `preview_type`."""
    options: dict[str, Any] = {"compress_level": _PNG_COMPRESSION}
    if preview_type(shown.media_type) is MediaType.JPEG:
        options = {"quality": _JPEG_QUALITY, "subsampling": 0}
    return encode(shown.image, preview_type(shown.media_type), profile=shown.profile, **options)
