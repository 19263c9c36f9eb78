"""What is served to browsers, and the thumbnail, against what Chromium shows of the file itself."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from PIL import Image
from support.chromium import PROGRAM, Chromium
from support.colour_profiles import LINEAR_GREY, RED_IS_GREEN
from support.pictures import encoded
from support.properties import property_settings
from support.raster_drawings import browser_files
from support.raster_expectations import DrawnFile
from support.thumbnails import thumbnail_of

from lightbox_shared.images import MediaType, inspect
from lightbox_shared.images.colours import to_srgb
from lightbox_shared.images.display import check_picture, preview_type, read_for_display

LIMIT = 1_000_000
PAGE = (255, 255, 255)
ROUNDED, LOSSY = 1, 6
"""Values of 255 by which pixels may differ by rounding (of alpha, of 16 bits), and by JPEG."""

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium")


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium().running(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


def on_page(image: Image.Image) -> npt.NDArray[np.int64]:
    """A picture on a white page: shape (height, width, 3)."""
    rgba = image.convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", rgba.size, PAGE), rgba))[..., :3].astype(np.int64)


def shown_by(chromium: Chromium, data: bytes, media_type: str) -> npt.NDArray[np.int64]:
    seen = chromium.shown(data, media_type, background=PAGE)
    assert seen is not None, "Chromium doesn't show it"
    return seen.astype(np.int64)


def compare(chromium: Chromium, data: bytes, tolerance: int) -> None:
    """The three views of a file against Chromium's."""
    info, checked = inspect(data, max_pixels=LIMIT), check_picture(data, max_pixels=LIMIT)
    shown = read_for_display(data, max_pixels=LIMIT)
    preview = None if checked.preview is None else shown_by(chromium, checked.preview.data, checked.preview.media_type)
    if shown.is_shown_by_browsers:
        seen = shown_by(chromium, data, shown.media_type)
    else:
        assert preview is not None
        seen = preview
    size = seen.shape[1], seen.shape[0]
    assert (shown.width, shown.height) == (info.width, info.height) == (checked.width, checked.height) == size

    viewed = on_page(to_srgb(shown.image, shown.profile))
    np.testing.assert_allclose(viewed, seen, rtol=0, atol=tolerance, err_msg="the view")
    if preview is not None:
        lossy = LOSSY if preview_type(shown.media_type) is MediaType.JPEG else 0
        np.testing.assert_allclose(preview, seen, rtol=0, atol=tolerance + lossy, err_msg="the preview")
    thumbnail = thumbnail_of(data, (200, 200), max_pixels=LIMIT)
    assert thumbnail.size == size
    if thumbnail.format != "JPEG" or info.media_type is MediaType.JPEG:  # the others have noise, which JPEG blurs
        lossy = 2 * LOSSY if thumbnail.format == "JPEG" else 0
        np.testing.assert_allclose(on_page(thumbnail), seen, rtol=0, atol=tolerance + lossy, err_msg="the thumbnail")


@property_settings(max_examples=150)
@given(browser_files())
def test_chromium_shows_the_same(chromium: Chromium, file: DrawnFile) -> None:
    if file.media_type == "image/jpeg":
        tolerance = LOSSY
    else:
        tolerance = (0 if file.expected.alpha is None else ROUNDED) + (0 if file.expected.tolerance == 0 else ROUNDED)
    compare(chromium, file.data, tolerance)


ACROSS, DOWN = np.linspace(20, 235, 32), np.linspace(240, 10, 24)[:, np.newaxis]
COLOURS = np.stack(np.broadcast_arrays(ACROSS, DOWN, 90), axis=-1).astype(np.uint8)
PICTURE = Image.fromarray(COLOURS)
GREYS = Image.fromarray(COLOURS[..., 0])
FRAMES: dict[str, Any] = {"save_all": True, "append_images": [Image.new("RGB", (32, 24))], "duration": 100_000}


def see_through(mode: str) -> Image.Image:
    """With a corner that is transparent, and one that is so in part."""
    image = PICTURE.convert(mode)
    alpha = Image.new("L", image.size, 255)
    alpha.paste(0, (0, 0, 9, 9))
    alpha.paste(100, (20, 15, 32, 24))
    image.putalpha(alpha)
    return image


@pytest.mark.parametrize(
    ("data", "tolerance"),
    [
        pytest.param(encoded(PICTURE, "WEBP", lossless=True, **FRAMES), 0, id="animated-webp"),
        pytest.param(encoded(PICTURE, "PNG", **FRAMES), 0, id="animated-png"),
        pytest.param(encoded(see_through("RGB"), "WEBP", lossless=True, exact=True), ROUNDED, id="webp-with-alpha"),
        pytest.param(encoded(PICTURE, "WEBP", quality=90), LOSSY, id="lossy-webp"),
        pytest.param(encoded(see_through("L"), "PNG"), ROUNDED, id="grey-with-alpha"),
        pytest.param(encoded(PICTURE.quantize(16), "BMP"), 0, id="palette-bmp"),
        pytest.param(encoded(PICTURE.convert("CMYK"), "JPEG", quality=98), LOSSY, id="cmyk-jpeg"),
        pytest.param(encoded(PICTURE, "JPEG", quality=98, keep_rgb=True), LOSSY, id="rgb-jpeg"),
        pytest.param(encoded(PICTURE, "PNG", icc_profile=RED_IS_GREEN), 3, id="png-with-profile"),
        pytest.param(
            encoded(PICTURE, "JPEG", quality=98, icc_profile=RED_IS_GREEN),
            LOSSY,
            id="jpeg-with-profile",
        ),
        pytest.param(
            encoded(PICTURE, "WEBP", lossless=True, icc_profile=RED_IS_GREEN),
            3,
            id="webp-with-profile",
        ),
        pytest.param(encoded(GREYS, "PNG", icc_profile=LINEAR_GREY), 3, id="grey-with-profile"),
    ],
)
def test_chromium_shows_these_the_same(chromium: Chromium, data: bytes, tolerance: int) -> None:
    compare(chromium, data, tolerance)


@pytest.mark.parametrize(
    "image",
    [PICTURE.quantize(64), see_through("RGB"), GREYS],
    ids=["", "alpha", "grey"],
)
@pytest.mark.parametrize("frames", [{}, FRAMES], ids=["still", "animated"])
def test_a_gif_is_shown_the_same(chromium: Chromium, image: Image.Image, frames: dict[str, Any]) -> None:
    data = encoded(image, "GIF", **frames)
    shown = read_for_display(data, max_pixels=LIMIT, types=tuple(MediaType))
    np.testing.assert_array_equal(on_page(shown.image), shown_by(chromium, data, "image/gif"))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
def test_chromium_turns_by_the_same_rule(chromium: Chromium, format_name: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 98} if format_name == "JPEG" else {"lossless": True}
    compare(chromium, encoded(PICTURE, format_name, exif=exif, **options), LOSSY)
