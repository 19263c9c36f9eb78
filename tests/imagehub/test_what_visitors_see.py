"""Known colours at known places, whatever the file was: format, depth, transparency, orientation, animation,
profile."""

from io import BytesIO
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, ImageOps
from support import pictures
from support.colour_profiles import INK_IS_GREEN, LINEAR_GREY, RED_IS_GREEN, SRGB
from support.seen import difference, pixel

from imagehub_service.renditions.preparing import HIGH_SIZE, LOW_SIZE, PICTURE_TYPES, prepare_picture
from imagehub_service.renditions.rendering import Quality, Rendition, render
from lightbox_shared.images import MediaType, UnsupportedPicture, sniff
from lightbox_shared.images.display import orientation_of_jpeg, read_for_display
from lightbox_shared.images.encoding import encode
from lightbox_shared.images.metadata import without_metadata

LIMIT: Final = 10_000_000
WIDTH, HEIGHT = 96, 64
Colour = tuple[int, int, int]
CORNERS: Final[tuple[Colour, ...]] = ((220, 40, 40), (40, 180, 60), (50, 60, 200), (120, 120, 120))
"""Left above, right above, left below, right below, of the upright picture."""
WHITE: Final = (255, 255, 255)
GREYS: Final = tuple((round(0.299 * r + 0.587 * g + 0.114 * b),) * 3 for r, g, b in CORNERS)
TURNS: Final = {
    1: (),
    2: (Image.Transpose.FLIP_LEFT_RIGHT,),
    3: (Image.Transpose.ROTATE_180,),
    4: (Image.Transpose.FLIP_TOP_BOTTOM,),
    5: (Image.Transpose.TRANSPOSE,),
    6: (Image.Transpose.ROTATE_90,),
    7: (Image.Transpose.TRANSVERSE,),
    8: (Image.Transpose.ROTATE_270,),
}
"""How an upright picture is stored for an orientation (EXIF 4.6.5): what turns it back is the other way round."""
MODES: Final = {
    "JPEG": ("L", "RGB", "CMYK"),
    "PNG": ("L", "P", "RGB", "RGBA", "LA", "I;16"),
    "WEBP": ("RGB", "RGBA"),
    "GIF": ("L", "P", "RGBA"),
    "TIFF": ("L", "RGB", "RGBA", "I;16", "CMYK"),
    "BMP": ("L", "RGB", "P"),
}
TURNED: Final = {"JPEG", "PNG", "TIFF"}
ANIMATED: Final = {"GIF", "WEBP", "PNG"}


def upright(mode: str) -> Image.Image:
    """The four colours in a mode. With transparency the right one below is black and can't be seen."""
    image = Image.new("RGB", (WIDTH, HEIGHT))
    for place, colour in enumerate(CORNERS):
        image.paste(colour, (WIDTH // 2 * (place % 2), HEIGHT // 2 * (place // 2), WIDTH, HEIGHT))
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    if mode in {"RGBA", "LA"}:
        image = image.convert("RGBA")
        image.paste((0, 0, 0, 0), (WIDTH // 2, HEIGHT // 2, WIDTH, HEIGHT))
    return image.convert("P", palette=Image.Palette.ADAPTIVE) if mode == "P" else image.convert(mode)


def file_of(format_name: str, mode: str, orientation: int, *, animated: bool) -> bytes:
    image = upright(mode)
    for turn in TURNS[orientation]:
        image = image.transpose(turn)
    options: dict[str, Any] = {}
    if orientation != 1:
        options["exif"] = Image.Exif()
        options["exif"][0x0112] = orientation
    if format_name in {"JPEG", "WEBP"}:
        options["quality"] = 95
    if animated:
        options |= {"save_all": True, "append_images": [Image.new(image.mode, image.size)], "duration": 100}
    return pictures.encoded(image, format_name, **options)


def check_colours(image: Image.Image, mode: str, *, alpha: bool, tolerance: int = 14) -> None:
    """`alpha` says whether the format of this picture has transparency."""
    expected = list(GREYS if mode in {"L", "I;16", "LA"} else CORNERS)
    seen = image.convert("RGBA")
    if mode in {"RGBA", "LA"}:
        expected[3] = WHITE
        if alpha:
            assert pixel(seen, seen.width * 3 // 4, seen.height * 3 // 4)[3] < 10
        seen = Image.alpha_composite(Image.new("RGBA", seen.size, WHITE), seen)
    for place, colour in enumerate(expected):
        at = (seen.width * (1 + 2 * (place % 2)) // 4, seen.height * (1 + 2 * (place // 2)) // 4)
        found = pixel(seen, *at)[:3]
        assert difference(found, colour).max() <= tolerance, (place, found, colour)


def opened(data: bytes) -> ImageFile.ImageFile:
    return Image.open(BytesIO(data))


KINDS: Final = [(format_name, mode) for format_name, modes in MODES.items() for mode in modes]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(KINDS), st.integers(1, 8), st.booleans())
def test_every_size_has_the_colours(kind: tuple[str, str], orientation: int, animated: bool) -> None:
    format_name, mode = kind
    orientation = orientation if format_name in TURNED else 1
    animated = animated and format_name in ANIMATED and mode != "I;16"
    data = file_of(format_name, mode, orientation, animated=animated)
    prepared = prepare_picture(data, max_pixels=LIMIT)
    own = prepared.media_type if prepared.media_type.shown_by_browsers else MediaType.PNG
    assert (prepared.width, prepared.height) == (WIDTH, HEIGHT)
    for small, size in ((prepared.low, LOW_SIZE), (prepared.high, HIGH_SIZE)):
        image = opened(small.data)
        assert (image.size, image.get_format_mimetype(), small.media_type) == (size, own, own)
        assert getattr(image, "n_frames", 1) == 1
        check_colours(image, mode, alpha=own not in {MediaType.JPEG, MediaType.BMP})
    check_whole(data, prepared.preview.data if prepared.preview else None, mode)
    shown = read_for_display(data, max_pixels=LIMIT, types=PICTURE_TYPES)
    for media_type in (MediaType.JPEG, MediaType.PNG, MediaType.WEBP):
        rendition = Rendition(0, 0, WIDTH, HEIGHT, WIDTH // 2, HEIGHT // 2, media_type)
        image = opened(render(shown, rendition).data)
        assert image.size == (WIDTH // 2, HEIGHT // 2)
        check_colours(image, mode, alpha=media_type is not MediaType.JPEG)


def check_whole(data: bytes, preview: bytes | None, mode: str) -> None:
    """As browsers show it: they turn a JPEG by EXIF, and play animations."""
    if preview is None:
        media_type = sniff(data, PICTURE_TYPES)
        orientation = orientation_of_jpeg(data) if media_type is MediaType.JPEG else 1
        preview = without_metadata(data, media_type, orientation=orientation)
    image: Image.Image = opened(preview)
    assert getattr(image, "n_frames", 1) == 1
    if getattr(image, "format", None) == "JPEG":
        image = ImageOps.exif_transpose(image)
    assert image.size == (WIDTH, HEIGHT)
    if image.mode == "I;16":
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    check_colours(image, mode, alpha=True)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_profile_stays(format_name: str) -> None:
    """The numbers stay, and so does the profile that says what they mean."""
    options = {"quality": 95} if format_name in {"JPEG", "WEBP"} else {}
    data = pictures.encoded(upright("RGB"), format_name, icc_profile=RED_IS_GREEN, **options)
    prepared = prepare_picture(data, max_pixels=LIMIT)
    for small in (prepared.low, prepared.high):
        image = opened(small.data)
        assert image.info["icc_profile"] == RED_IS_GREEN
        check_colours(image, "RGB", alpha=True)


def test_where_a_profile_has_no_place_the_colours_become_srgb() -> None:
    red = Image.new("RGB", (64, 64), (255, 0, 0))
    for media_type in (MediaType.GIF, MediaType.BMP):
        image = opened(encode(red, media_type, profile=RED_IS_GREEN).data).convert("RGB")
        assert difference(pixel(image, 32, 32), (0, 255, 0)).max() <= 3
        assert "icc_profile" not in image.info


def test_grey_is_made_of_the_colours_that_are_meant() -> None:
    data = pictures.encoded(Image.new("RGB", (64, 64), (255, 0, 0)), "PNG", icc_profile=RED_IS_GREEN)
    shown = read_for_display(data, max_pixels=LIMIT)
    for quality, expected in ((Quality.GRAY, 150), (Quality.BITONAL, 255)):
        image = opened(render(shown, Rendition(0, 0, 64, 64, 64, 64, MediaType.PNG, quality=quality)).data)
        assert (image.mode, "icc_profile" in image.info) == ("L", False)
        assert difference(pixel(image, 32, 32), expected).max() <= 3


def test_inks_are_converted_by_their_profile() -> None:
    cyan = Image.new("CMYK", (64, 64), (255, 0, 0, 0))
    with_profile = read_for_display(pictures.encoded(cyan, "JPEG", icc_profile=INK_IS_GREEN), max_pixels=LIMIT)
    red, green, blue = pixel(with_profile.image, 32, 32)
    assert (with_profile.image.mode, with_profile.profile) == ("RGB", None)
    assert green > 150 > max(red, blue)
    without = read_for_display(pictures.encoded(cyan, "JPEG"), max_pixels=LIMIT)
    assert difference(pixel(without.image, 32, 32), (0, 255, 255)).max() <= 3


def test_grey_with_transparency_loses_a_profile_of_grey_and_not_its_brightness() -> None:
    grey = Image.new("LA", (64, 64), (128, 200))
    shown = read_for_display(pictures.encoded(grey, "PNG", icc_profile=LINEAR_GREY), max_pixels=LIMIT)
    assert (shown.image.mode, shown.profile) == ("RGBA", None)
    assert difference(pixel(shown.image, 1, 1), (188, 188, 188, 200)).max() <= 2
    opaque = read_for_display(pictures.encoded(grey.convert("L"), "PNG", icc_profile=LINEAR_GREY), max_pixels=LIMIT)
    assert (opaque.image.mode, opaque.profile, opaque.image.getpixel((1, 1))) == ("L", LINEAR_GREY, 128)


@pytest.mark.parametrize("profile", [b"", b"x" * 200, SRGB[:200], RED_IS_GREEN[:128] + bytes(500)])
def test_a_broken_profile_is_ignored(profile: bytes) -> None:
    data = pictures.encoded(upright("RGB"), "TIFF", icc_profile=profile)
    shown = read_for_display(data, max_pixels=LIMIT)
    image = opened(encode(shown.image, MediaType.BMP, profile=shown.profile).data)
    check_colours(image, "RGB", alpha=False)


def test_a_broken_exif_is_ignored() -> None:
    data = pictures.encoded(upright("RGB"), "JPEG", quality=95, exif=b"Exif\0\0no TIFF at all")
    assert read_for_display(data, max_pixels=LIMIT).orientation == 1


def test_who_reads_radiographs_reads_no_gif() -> None:
    with pytest.raises(UnsupportedPicture, match="JPEG, PNG, WebP, TIFF, BMP or DICOM"):
        read_for_display(pictures.gif(1), max_pixels=LIMIT)
    with pytest.raises(UnsupportedPicture, match="JPEG, PNG, WebP, GIF, TIFF, BMP or DICOM"):
        prepare_picture(b"text", max_pixels=LIMIT)
