"""What is made of a file: hashes by their published definitions, and that damage is found although a JPEG is decoded at
a fraction of its size."""

import itertools
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter
from support import pictures
from support.seen import difference
from thumbhash import rgba_to_thumb_hash, thumb_hash_to_average_rgba

from imagehub_service.renditions.preparing import difference_hash, prepare_picture
from imagehub_service.renditions.thumbhash import MAX_SIDE, thumbhash
from lightbox_shared.images import MediaType, PictureError, PictureTooLarge

LIMIT = 20_000_000


def photograph(width: int = 3000, height: int = 2200, seed: int = 1) -> Image.Image:
    """Smooth colours with noise in them."""
    generator = np.random.default_rng(seed)
    small = Image.fromarray(generator.integers(0, 256, (height // 200, width // 200, 3), dtype=np.uint8))
    noise = Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8))
    return Image.blend(small.resize((width, height), Image.Resampling.BICUBIC), noise, 0.1)


PHOTOGRAPH = photograph()


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
def test_a_large_jpeg_that_breaks_off_is_damaged(options: dict[str, Any]) -> None:
    data = pictures.encoded(PHOTOGRAPH, "JPEG", **options)
    prepared = prepare_picture(data, max_pixels=LIMIT)
    assert (prepared.width, prepared.height, prepared.preview) == (3000, 2200, None)
    for kept in (0.999, 0.97, 0.5, 0.01):
        with pytest.raises(PictureError):
            prepare_picture(data[: int(len(data) * kept)], max_pixels=LIMIT)


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", pictures.png_claiming(60_000, 60_000), pictures.dicom_without_pixels(), b"II*\0" + bytes(99)],
)
def test_what_is_no_picture(data: bytes) -> None:
    with pytest.raises(PictureError):
        prepare_picture(data, max_pixels=LIMIT)


def test_the_limit_is_of_the_whole_picture() -> None:
    with pytest.raises(PictureTooLarge):
        prepare_picture(pictures.encoded(PHOTOGRAPH, "JPEG"), max_pixels=3000 * 2200 - 1)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_reduced_picture_looks_like_the_whole_one(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = PHOTOGRAPH if orientation == 1 else PHOTOGRAPH.transpose(Image.Transpose.ROTATE_270)
    prepared = prepare_picture(pictures.encoded(PHOTOGRAPH, "JPEG", quality=95, exif=exif), max_pixels=LIMIT)
    for small in (prepared.low, prepared.high):
        seen = Image.open(BytesIO(small.data))
        expected = upright.resize(seen.size, Image.Resampling.BOX)
        assert difference(seen, expected).mean() < 5
    assert (prepared.width, prepared.height) == upright.size


def test_the_difference_hash_is_what_its_author_says() -> None:
    """A bit for each of 8 pixels in 8 rows of a picture of 9 x 8: whether the next one is brighter."""
    generator = np.random.default_rng(7)
    for _ in range(20):
        grey = generator.integers(0, 256, (8, 9), dtype=np.uint8)
        expected = 0
        for row in grey.tolist():
            for here, following in itertools.pairwise(row):
                expected = expected << 1 | (following > here)
        expected -= 2**64 if expected >= 2**63 else 0
        assert difference_hash(Image.fromarray(grey)) == expected


def distance(one: int, other: int) -> int:
    return ((one ^ other) & (2**64 - 1)).bit_count()


def test_similar_pictures_have_similar_hashes() -> None:
    hashes = [
        prepare_picture(data, max_pixels=LIMIT).difference_hash
        for data in (
            pictures.encoded(PHOTOGRAPH, "JPEG", quality=95),
            pictures.encoded(PHOTOGRAPH, "JPEG", quality=40),
            pictures.encoded(PHOTOGRAPH.resize((900, 660)), "WEBP"),
            pictures.encoded(PHOTOGRAPH.filter(ImageFilter.GaussianBlur(3)), "PNG"),
            pictures.encoded(photograph(seed=2), "JPEG"),
        )
    ]
    assert max(distance(hashes[0], each) for each in hashes[1:4]) <= 4
    assert distance(hashes[0], hashes[4]) > 15


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32))
def test_thumbhash_is_that_of_its_published_package(width: int, height: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    image = Image.fromarray(pixels)
    made, reference = thumbhash(image), bytes(rgba_to_thumb_hash(width, height, list(image.tobytes())))
    assert made[:5] == reference[:5]
    halves = [
        [half for byte in each[5:] for half in (byte & 15, byte >> 4)] for each in (made, reference)
    ]  # a frequency just between two steps may fall to either side
    assert len(halves[0]) == len(halves[1])
    if width > 2 and height > 2:  # else there are frequencies that are nothing but rounding errors
        assert difference(*halves).max() <= 1


def test_a_thumbhash_of_one_colour() -> None:
    """The published package adds a part for transparency only where there is any, which it fails to encode."""
    for colour, size in (((200, 100, 50, 255), 17), ((200, 100, 50, 128), 20), ((0, 0, 0, 0), 20)):
        made = thumbhash(Image.new("RGBA", (MAX_SIDE, 70), colour))
        assert len(made) >= size
        average = np.multiply(thumb_hash_to_average_rgba(list(made)), 255)
        expected = colour if colour[3] else (0, 0, 0, 0)
        assert np.abs(average - expected).max() < 10


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (2, 3)])
def test_the_smallest_and_the_thinnest_pictures(size: tuple[int, int]) -> None:
    for format_name in ("PNG", "JPEG", "GIF"):
        prepared = prepare_picture(
            pictures.encoded(Image.new("RGB", size, (9, 99, 199)), format_name), max_pixels=LIMIT
        )
        assert (prepared.width, prepared.height) == size
        assert prepared.media_type == MediaType(f"image/{format_name.lower()}")
        assert 5 < len(prepared.thumbhash) < 30
