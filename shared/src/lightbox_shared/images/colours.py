"""Colour profiles (ICC.1:2022), by LittleCMS.

A picture keeps its profile where the pixels stay in the profile's colour space. Where they can't (inks become red,
green and blue; grey gets transparency) or the format of a file has no place for a profile, they are converted to sRGB.
"""

from io import BytesIO
from typing import Final

from PIL import Image, ImageCms

_LARGEST_PROFILE: Final = 1024 * 1024
_SPACES: Final = {
    **dict.fromkeys(("1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I;16N"), b"GRAY"),
    **dict.fromkeys(("P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "YCbCr", "HSV"), b"RGB "),
    "CMYK": b"CMYK",
}
"""The colour space in the header of a profile (section 7.2.6) that suits pictures of a mode."""


def profile_of(image: Image.Image) -> bytes | None:
    """The profile of a picture as it was opened, if it suits the mode and is not larger than any real one."""
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or len(profile) > _LARGEST_PROFILE:
        return None
    return profile if suits(profile, image.mode) else None


def suits(profile: bytes, mode: str) -> bool:
    """Whether pixels of this mode are in the colour space of the profile."""
    return profile[16:20] == _SPACES.get(mode)


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
