"""Pictures as browsers show them: in colour, upright, with 8 bits a sample.

Browsers show neither DICOM nor TIFF, each turns pictures by EXIF in some formats only, and of more than 8 bits they
show the upper ones. For such pictures there is a preview: a PNG without a loss, or for a JPEG that has to be turned
another JPEG of high quality, since a PNG of a photograph is several times as large. Colours stay what they are
(`lightbox_shared.images.colours`); all other metadata (where, of whom and by whom a picture was taken) are left out. Of
several frames the first one is shown.

Known limit: the chunks gAMA and cHRM of a PNG, an older way to say what a profile says, are not obeyed.
"""

import sys
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from PIL import Image, TiffImagePlugin

from lightbox_shared.images import RADIOGRAPH_TYPES, MediaType, UnsupportedPicture, decode_grey, sniff
from lightbox_shared.images.colours import profile_of, suits, to_srgb
from lightbox_shared.images.encoding import EncodedPicture, encode
from lightbox_shared.images.raster import open_picture

_JPEG_QUALITY: Final = 95
# Zlib's default takes three times as long, and saves an eighth.
_PNG_COMPRESSION: Final = 1
_ORIENTATION: Final = 0x0112
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by its orientation (EXIF 4.6.5). All other values mean that it is."""
_SIDEWAYS: Final = frozenset({5, 6, 7, 8})
_SIXTEEN_BITS: Final = frozenset({"I;16", "I;16B", "I;16L", "I;16N"})
_CONVERTED: Final = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV"})
_GREY_MODES: Final = frozenset({"1", "L", "LA", "La"})


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
    bits: int
    """Of a sample in the file: 8 or 16."""


def preview_type(media_type: MediaType) -> MediaType:
    """The format of previews of pictures in this format."""
    return MediaType.JPEG if media_type is MediaType.JPEG else MediaType.PNG


def check_picture(data: bytes, *, max_pixels: int) -> CheckedPicture:
    """Decode a picture of at most `max_pixels` pixels completely, and make a preview if it needs one.

    Takes up to some seconds for the largest pictures: call it in a thread. Raises `PictureError`.
    """
    shown = read_for_display(data, max_pixels=max_pixels)
    shown_as_it_is = (
        shown.media_type.shown_by_browsers and shown.orientation == 1 and shown.bits == 8 and not shown.is_animated
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
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return encode(image.getchannel("G"), MediaType.PNG, compress_level=_PNG_COMPRESSION)


def read_for_display(
    data: bytes,
    *,
    max_pixels: int,
    types: Collection[MediaType] = RADIOGRAPH_TYPES,
    min_size: tuple[int, int] | None = None,
) -> ShownPicture:
    """Decode a picture of one of `types`, of at most `max_pixels` pixels, as it is shown.

    With `min_size` (width and height, upright) a JPEG may be decoded at a half, a quarter or an eighth of its size, as
    long as it is not below that. All of its bytes are decoded all the same, so that damage is found. Takes up to some
    seconds for the largest pictures: call it in a thread. Raises `PictureError`.
    """
    media_type = sniff(data, types)
    if media_type is MediaType.DICOM:
        grey = decode_grey(data, max_pixels=max_pixels).image
        return _unreduced(_eight_bits(grey), media_type, bits=16 if grey.mode == "F" else 8)
    with open_picture(data, media_type, max_pixels=max_pixels) as image:
        size = image.size
        if media_type is MediaType.JPEG and min_size is not None:
            image.draft(None, min_size[::-1] if _orientation(image) in _SIDEWAYS else min_size)
        reduction = round(size[0] / image.width)
        is_animated = media_type is not MediaType.JPEG and bool(getattr(image, "is_animated", False))
        image.load()
        bits = 16 if image.mode in _SIXTEEN_BITS else 8
        orientation = _orientation(image)
        shown, profile = _in_shown_mode(image)
        shown.info = {}
        if orientation in _TURNS:
            shown = shown.transpose(_TURNS[orientation])
        width, height = size[::-1] if orientation in _SIDEWAYS else size
        return ShownPicture(
            shown, profile, media_type, width, height, reduction, orientation, is_animated=is_animated, bits=bits
        )


def orientation_of_jpeg(data: bytes) -> int:
    """How a JPEG that can be decoded has to be turned, from 1 to 8 (EXIF 4.6.5), without decoding it."""
    with open_picture(data, MediaType.JPEG, max_pixels=sys.maxsize) as image:
        return _orientation(image)


def encode_preview(shown: ShownPicture) -> EncodedPicture:
    """The file of a picture for browsers that can't show its own, in the format `preview_type`."""
    options: dict[str, Any] = {"compress_level": _PNG_COMPRESSION}
    if preview_type(shown.media_type) is MediaType.JPEG:
        options = {"quality": _JPEG_QUALITY, "subsampling": 0}
    return encode(shown.image, preview_type(shown.media_type), profile=shown.profile, **options)


def _unreduced(image: Image.Image, media_type: MediaType, *, bits: int) -> ShownPicture:
    return ShownPicture(image, None, media_type, image.width, image.height, 1, 1, is_animated=False, bits=bits)


def _orientation(image: Image.Image) -> int:
    """What the EXIF says, or a tag of a TIFF; 1 if it can't be read. Pillow's own reading would also obey XMP, which
    browsers do not."""
    value: object = None
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        value = image.tag_v2.get(_ORIENTATION)
    elif isinstance(written := image.info.get("exif"), bytes):
        exif = Image.Exif()
        with suppress(Exception):  # it parses a file inside of the file, which fails in many ways
            exif.load(written)
            value = exif.get(_ORIENTATION)
    return value if isinstance(value, int) and value in _TURNS else 1


def _in_shown_mode(image: Image.Image) -> tuple[Image.Image, bytes | None]:
    """With 8 bits a sample: grey, in colours, or in colours with transparency; and the profile of these pixels."""
    profile = profile_of(image)
    if image.mode in _SIXTEEN_BITS:
        return _scaled(image, 255 / 65535), profile
    if image.mode not in _CONVERTED:
        raise UnsupportedPicture("Pictures of 32 bits a sample have no defined white; send 8 or 16 bits.")
    if image.has_transparency_data:
        shown = image.convert("RGBA")
    elif image.mode in {"L", "RGB"}:
        shown = image  # `convert` would copy it
    else:
        shown = image.convert("L" if image.mode in _GREY_MODES else "RGB")
    if profile is None or suits(profile, shown.mode):
        return shown, profile
    if image.mode == "CMYK":
        return to_srgb(image, profile), None
    grey = to_srgb(image.convert("LA").getchannel("L"), profile).convert("RGB")  # a grey picture with transparency
    grey.putalpha(shown.getchannel("A"))
    return grey, None


def _eight_bits(image: Image.Image) -> Image.Image:
    """A grey picture in mode "L"; it comes in that mode, or in mode "F" from 0 to 1."""
    return image if image.mode == "L" else _scaled(image, 255)


def _scaled(image: Image.Image, factor: float) -> Image.Image:
    """The values times `factor`, rounded. In place, since those of a large picture take 200 MB."""
    values = np.asarray(image).astype(np.float32)
    values *= np.float32(factor)
    np.rint(values, out=values)
    return Image.fromarray(values.astype(np.uint8))
