"""Colour profiles (ICC.1:2022), by LittleCMS.

A picture keeps its profile where the pixels stay in the profile's colour space. Where they can't (inks become red,
green and blue; grey gets transparency) or the format of a file has no place for a profile, they are converted to sRGB.
"""

from io import BytesIO
from typing import Final

from PIL import Image, ImageCms

LARGEST_PROFILE: Final = 1024 * 1024
"""Bytes; no real profile is larger."""
_SPACES: Final = {"L": b"GRAY", "LA": b"GRAY", "RGB": b"RGB ", "RGBA": b"RGB ", "CMYK": b"CMYK"}
"""The colour space in the header of a profile (section 7.2.6) that suits pictures of a mode."""


def suits(profile: bytes, mode: str) -> bool:
    """Whether pixels of this mode are in the colour space of the profile, which is no larger than any real one."""
    return len(profile) <= LARGEST_PROFILE and profile[16:20] == _SPACES.get(mode)


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The same colours in sRGB, of mode "L", "RGB" or "RGBA". A profile that can't be used is ignored, as browsers do.

    The picture has mode "CMYK" or one of the three; transparency stays as it is.
    """
    target = "RGBA" if image.mode == "RGBA" else "RGB"
    if profile is None or not suits(profile, image.mode):
        return image if image.mode in {"L", "RGB", "RGBA"} else image.convert(target)
    try:
        converted = ImageCms.profileToProfile(
            image, ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode=target
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return to_srgb(image, None)
    if converted is None:  # it is only with `inPlace`
        return image
    return converted.convert("L") if image.mode == "L" else converted
