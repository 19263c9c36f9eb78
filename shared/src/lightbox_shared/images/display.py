"""Pictures as browsers show them: in colour, upright, with 8 bits a sample.

Browsers show neither DICOM nor TIFF, each turns pictures by EXIF in some formats only, and of more than 8 bits they
show the upper ones. For such pictures there is a preview: a PNG without a loss, or for a JPEG that has to be turned
another JPEG of high quality, since a PNG of a photograph is several times as large. Colour profiles stay, all other
metadata (where, of whom and by whom a picture was taken) are left out. Of several frames the first one is shown.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import numpy as np
from PIL import Image, ImageOps

from lightbox_shared.images import MediaType, UnsupportedPicture, decode_grey, sniff
from lightbox_shared.images.raster import open_picture

_JPEG_QUALITY: Final = 95
# Zlib's default takes three times as long, and saves an eighth.
_PNG_COMPRESSION: Final = 1
_ORIENTATION: Final = 0x0112
_UPRIGHT: Final = frozenset({None, 1})  # EXIF 4.6.5
_SIXTEEN_BITS: Final = frozenset({"I;16", "I;16B", "I;16L", "I;16N"})
_CONVERTED: Final = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV"})
_GREY_MODES: Final = frozenset({"1", "L", "LA", "La"})
_LARGEST_PROFILE: Final = 1024 * 1024
_PROFILE_SPACES: Final = {"L": b"GRAY", "RGB": b"RGB ", "RGBA": b"RGB "}
"""The colour space in the header of a profile (ICC.1:2022 section 7.2.6) that suits pictures of a mode."""


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """The bytes of a picture file."""

    data: bytes
    media_type: MediaType


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
class _Decoded:
    image: Image.Image
    """Upright, of mode "L", "RGB" or "RGBA"; if `shown_as_it_is`, of any mode."""
    media_type: MediaType
    shown_as_it_is: bool
    profile: bytes | None


def preview_type(media_type: MediaType) -> MediaType:
    """The format of previews of pictures in this format."""
    return MediaType.JPEG if media_type is MediaType.JPEG else MediaType.PNG


def check_picture(data: bytes, *, max_pixels: int) -> CheckedPicture:
    """Decode a picture of at most `max_pixels` pixels completely, and make a preview if it needs one.

    Takes up to some seconds for the largest pictures: call it in a thread. Raises `PictureError`.
    """
    decoded = _decode(data, max_pixels)
    preview = None if decoded.shown_as_it_is else _encode(decoded)
    return CheckedPicture(decoded.media_type, decoded.image.width, decoded.image.height, preview)


def decode_for_display(data: bytes, *, max_pixels: int) -> Image.Image:
    """A picture as browsers show it, of mode "L", "RGB" or "RGBA". Takes as long as `check_picture`. Raises
    `PictureError`."""
    return _decode(data, max_pixels, convert_all=True).image


def green_channel(data: bytes, *, max_pixels: int) -> EncodedPicture | None:
    """The green channel of a picture in colour as a grey PNG, upright; None if the picture is grey itself.

    Blood vessels of the retina have the most contrast in green light. Transparent parts are black. Takes as long as
    `check_picture`. Raises `PictureError`.
    """
    decoded = _decode(data, max_pixels, convert_all=True)
    image = decoded.image
    if image.mode == "L":
        return None
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return _encode(_Decoded(image.getchannel("G"), MediaType.PNG, shown_as_it_is=False, profile=None))


def _decode(data: bytes, max_pixels: int, *, convert_all: bool = False) -> _Decoded:
    """With `convert_all` pictures that browsers show as they are get one of the three modes, too."""
    media_type = sniff(data)
    if media_type is MediaType.DICOM:
        grey = decode_grey(data, max_pixels=max_pixels).image
        return _Decoded(_eight_bits(grey), media_type, shown_as_it_is=False, profile=None)
    with open_picture(data, media_type, max_pixels=max_pixels) as image:
        orientation = image.getexif().get(_ORIENTATION)
        is_animated = media_type is not MediaType.JPEG and getattr(image, "is_animated", False)
        image.load()
        shown_as_it_is = (
            media_type.shown_by_browsers
            and orientation in _UPRIGHT
            and image.mode not in _SIXTEEN_BITS
            and not is_animated
        )
        if shown_as_it_is and not convert_all:
            return _Decoded(image, media_type, shown_as_it_is, profile=None)
        shown = _in_shown_mode(image)
        if orientation not in _UPRIGHT:
            shown = ImageOps.exif_transpose(shown)
        return _Decoded(shown, media_type, shown_as_it_is, _profile(image, shown.mode))


def _in_shown_mode(image: Image.Image) -> Image.Image:
    """With 8 bits a sample: grey, in colours, or in colours with transparency."""
    if image.mode in _SIXTEEN_BITS:
        return _scaled(image, 255 / 65535)
    if image.mode not in _CONVERTED:
        raise UnsupportedPicture("Pictures of 32 bits a sample have no defined white; send 8 or 16 bits.")
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in {"L", "RGB"}:
        return image  # `convert` would copy it
    return image.convert("L" if image.mode in _GREY_MODES else "RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """A grey picture in mode "L"; it comes in that mode, or in mode "F" from 0 to 1."""
    return image if image.mode == "L" else _scaled(image, 255)


def _scaled(image: Image.Image, factor: float) -> Image.Image:
    """The values times `factor`, rounded. In place, since those of a large picture take 200 MB."""
    values = np.asarray(image).astype(np.float32)
    values *= np.float32(factor)
    np.rint(values, out=values)
    return Image.fromarray(values.astype(np.uint8))


def _profile(image: Image.Image, mode: str) -> bytes | None:
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or len(profile) > _LARGEST_PROFILE:
        return None
    return profile if profile[16:20] == _PROFILE_SPACES[mode] else None


def _encode(decoded: _Decoded) -> EncodedPicture:
    image, media_type = decoded.image, preview_type(decoded.media_type)
    options: dict[str, Any] = {"icc_profile": decoded.profile}
    if media_type is MediaType.JPEG:
        options |= {"quality": _JPEG_QUALITY, "subsampling": 0, "exif": b""}
    else:
        options |= {"compress_level": _PNG_COMPRESSION}
    image.info.clear()  # Pillow would write texts of the original into a PNG
    buffer = BytesIO()
    image.save(buffer, media_type.name, **options)
    return EncodedPicture(buffer.getvalue(), media_type)
