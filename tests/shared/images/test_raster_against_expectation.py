"""Raster files of every kind that is read: what a model reads, what a viewer and a thumbnail show, and the width and
height are those of the samples that were drawn."""

from io import BytesIO

import numpy as np
import numpy.typing as npt
from hypothesis import given
from PIL import Image
from support.properties import property_settings
from support.raster_drawings import all_files
from support.raster_expectations import ROUNDING, DrawnFile
from support.thumbnails import thumbnail_of

from lightbox_shared.images import MediaType, decode_grey, inspect
from lightbox_shared.images.display import check_picture, read_for_display

LIMIT = 1_000_000


def on_white(image: Image.Image) -> npt.NDArray[np.float64]:
    """A picture on a white page, from 0 to 1, without rounding in between."""
    values = np.asarray(image.convert("RGBA"), dtype=np.float64) / 255
    return values[..., :3] * values[..., 3:] + (1 - values[..., 3:])


@property_settings(max_examples=400)
@given(all_files())
def test_all_views_show_what_was_drawn(file: DrawnFile) -> None:
    expected = file.expected
    info = inspect(file.data, max_pixels=LIMIT)
    assert (info.media_type, info.width, info.height) == (file.media_type, *expected.size)

    grey = decode_grey(file.data, max_pixels=LIMIT)
    read = np.asarray(grey.image, dtype=np.float64) / (255 if grey.image.mode == "L" else 1)
    rounded = 3 * ROUNDING if grey.image.mode == "L" else 1e-4
    lossy = 0 if expected.tolerance <= ROUNDING else expected.tolerance
    np.testing.assert_allclose(read, expected.grey(), rtol=0, atol=rounded + lossy)

    shown = read_for_display(file.data, max_pixels=LIMIT)
    assert (shown.width, shown.height) == shown.image.size == expected.size
    alpha = expected.alpha if expected.alpha is not None else np.ones(expected.size[::-1])
    # Alpha that is rounded to 8 bits moves a colour on white as much as the colour itself.
    allowed = expected.tolerance + (0 if expected.tolerance == 0 else ROUNDING * (alpha < 1).max())
    np.testing.assert_allclose(on_white(shown.image), expected.on_white(), rtol=0, atol=allowed + 1e-9)

    thumbnail = thumbnail_of(file.data, (200, 200), max_pixels=LIMIT)
    is_photograph = MediaType(file.media_type) in {MediaType.JPEG, MediaType.WEBP} and shown.image.mode != "RGBA"
    assert thumbnail.format == ("JPEG" if is_photograph else "PNG")
    if not is_photograph:
        np.testing.assert_array_equal(on_white(thumbnail), on_white(shown.image))
    assert thumbnail.size == expected.size


@property_settings(max_examples=60)
@given(all_files())
def test_the_preview_for_browsers_is_the_same_picture(file: DrawnFile) -> None:
    checked = check_picture(file.data, max_pixels=LIMIT)
    assert (checked.width, checked.height) == file.expected.size
    if checked.preview is not None and checked.preview.media_type is MediaType.PNG:
        with Image.open(BytesIO(checked.preview.data)) as preview:
            shown = read_for_display(file.data, max_pixels=LIMIT).image
            np.testing.assert_array_equal(np.asarray(preview), np.asarray(shown))
