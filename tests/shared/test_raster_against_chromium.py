"""What is served to browsers, and the thumbnail, against what Chromium shows of the file itself."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from PIL import Image
from support.chromium import PROGRAM, Chromium
from support.properties import property_settings
from support.raster_drawings import DrawnFile, browser_files
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
