"""Previews for browsers, and green channels: colours, turning, and what is left out."""

import contextlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile, PngImagePlugin
from support import pictures

from lightbox_shared.images import MediaType, PictureError, PictureTooLarge, UnsupportedPicture
from lightbox_shared.images.display import check_picture, decode_for_display, green_channel, preview_type

LIMIT = 50_000_000
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def fundus() -> Image.Image:
    """A picture whose corners and channels all differ."""
    across = np.linspace(40, 250, 64)
    down = np.linspace(10, 120, 48)[:, np.newaxis]
    red, green = np.broadcast_to(across, (48, 64)), np.broadcast_to(down, (48, 64))
    blue = np.full((48, 64), 30.0)
    return Image.fromarray(np.stack([red, green, blue], axis=-1).round().astype(np.uint8))


FUNDUS = fundus()
COLOURS = np.asarray(FUNDUS, dtype=float)


def turned(format_name: str, orientation: int = 6, **options: Any) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "PHANTOM^SYNTHETIC"  # the description of the picture
    return pictures.encoded(FUNDUS, format_name, exif=exif, **options)


def preview_of(data: bytes) -> ImageFile.ImageFile:
    checked = check_picture(data, max_pixels=LIMIT)
    assert checked.preview is not None
    image = Image.open(BytesIO(checked.preview.data))
    assert image.get_format_mimetype() == checked.preview.media_type == preview_type(checked.media_type)
    assert image.size == (checked.width, checked.height)
    image.load()
    return image


@pytest.mark.parametrize(
    "data",
    [
        pictures.encoded(FUNDUS, "PNG"),
        pictures.encoded(FUNDUS, "JPEG"),
        pictures.encoded(FUNDUS, "BMP"),
        pictures.encoded(FUNDUS, "WEBP"),
        pictures.encoded(FUNDUS.convert("CMYK"), "JPEG"),
        pictures.encoded(FUNDUS.convert("P"), "PNG"),
        pictures.encoded(FUNDUS.convert("1"), "PNG"),
        turned("JPEG", orientation=1),
        turned("WEBP"),
    ],
)
def test_what_browsers_show_has_no_preview(data: bytes) -> None:
    checked = check_picture(data, max_pixels=LIMIT)
    assert checked.preview is None
    assert (checked.width, checked.height) == (64, 48)


def test_a_jpeg_is_turned_and_stays_a_jpeg_in_colour() -> None:
    preview = preview_of(turned("JPEG", quality=97, subsampling=0))
    assert (preview.format, preview.mode, preview.size) == ("JPEG", "RGB", (48, 64))
    assert np.abs(np.asarray(preview, float) - np.rot90(COLOURS, -1)).max() < 8


def test_a_png_is_turned_without_a_loss() -> None:
    preview = preview_of(turned("PNG"))
    assert preview.format == "PNG"
    np.testing.assert_array_equal(np.asarray(preview, float), np.rot90(COLOURS, -1))


@pytest.mark.parametrize("orientation", range(2, 9))
def test_all_orientations(orientation: int) -> None:
    from PIL import ImageOps  # noqa: PLC0415

    tagged = FUNDUS.copy()
    tagged.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(tagged))
    np.testing.assert_array_equal(np.asarray(preview_of(turned("PNG", orientation))), expected)


def test_tiff_keeps_its_colours() -> None:
    preview = preview_of(pictures.encoded(FUNDUS, "TIFF", compression="tiff_lzw"))
    assert (preview.format, preview.mode) == ("PNG", "RGB")
    np.testing.assert_array_equal(np.asarray(preview, float), COLOURS)
    np.testing.assert_array_equal(np.asarray(preview_of(turned("TIFF")), float), np.rot90(COLOURS, -1))


@pytest.mark.parametrize("format_name", ["PNG", "TIFF"])
def test_sixteen_bits_become_eight(format_name: str) -> None:
    stored = pictures.ramp(width=1000, top=65535)
    preview = preview_of(pictures.encoded(Image.fromarray(stored), format_name))
    assert (preview.format, preview.mode) == ("PNG", "L")
    assert np.abs(np.asarray(preview, float) - stored / 257).max() <= 0.5001


def test_dicom_is_shown_as_its_window_says() -> None:
    stored = pictures.ramp(top=4095)
    preview = preview_of(pictures.dicom(stored, photometric="MONOCHROME1"))
    assert (preview.format, preview.mode) == ("PNG", "L")
    assert np.abs(np.asarray(preview, float) - (255 - stored / 4095 * 255)).max() <= 0.51


def test_the_first_frame_is_shown() -> None:
    frames = [FUNDUS, Image.new("RGB", FUNDUS.size)]
    data = pictures.encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    preview = preview_of(data)
    assert getattr(preview, "n_frames", 1) == 1
    np.testing.assert_array_equal(np.asarray(preview, float), COLOURS)


def test_transparent_parts_stay_transparent() -> None:
    picture = FUNDUS.convert("RGBA")
    picture.putpixel((0, 0), (1, 2, 3, 0))
    exif = Image.Exif()
    exif[0x0112] = 3
    preview = preview_of(pictures.encoded(picture, "PNG", exif=exif))
    assert preview.mode == "RGBA"
    assert preview.getpixel((63, 47)) == (1, 2, 3, 0)


def test_nothing_but_pixels_and_the_colour_profile_is_kept() -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Patient", "PHANTOM^SYNTHETIC")
    for data in (turned("JPEG", icc_profile=SRGB), turned("PNG", icc_profile=SRGB, pnginfo=texts)):
        checked = check_picture(data, max_pixels=LIMIT)
        assert checked.preview is not None
        assert b"PHANTOM" in data
        assert b"PHANTOM" not in checked.preview.data
        shown = Image.open(BytesIO(checked.preview.data))
        assert shown.info.get("icc_profile") == SRGB
        assert dict(shown.getexif()) == {}


@pytest.mark.parametrize("profile", [b"", b"x", SRGB[:16] + b"CMYK" + SRGB[20:], SRGB + bytes(1024 * 1024)])
def test_a_profile_that_does_not_suit_is_left_out(profile: bytes) -> None:
    assert "icc_profile" not in preview_of(turned("TIFF", icc_profile=profile)).info


def channel_of(data: bytes) -> np.ndarray:
    made = green_channel(data, max_pixels=LIMIT)
    assert made is not None
    assert made.media_type is MediaType.PNG
    image = Image.open(BytesIO(made.data))
    assert (image.format, image.mode) == ("PNG", "L")
    return np.asarray(image, dtype=float)


def test_the_green_channel() -> None:
    green = COLOURS[..., 1]
    np.testing.assert_array_equal(channel_of(pictures.encoded(FUNDUS, "PNG")), green)
    np.testing.assert_array_equal(channel_of(pictures.encoded(FUNDUS, "TIFF")), green)
    np.testing.assert_array_equal(channel_of(turned("PNG")), np.rot90(green, -1))
    assert np.abs(channel_of(pictures.encoded(FUNDUS, "JPEG", quality=97, subsampling=0)) - green).max() < 5


def test_the_green_channel_of_transparent_parts_is_black() -> None:
    picture = FUNDUS.convert("RGBA")
    picture.putpixel((5, 5), (255, 255, 255, 0))
    found = channel_of(pictures.encoded(picture, "PNG"))
    assert found[5, 5] == 0
    assert found[6, 6] == COLOURS[6, 6, 1]


@pytest.mark.parametrize(
    "data",
    [
        pictures.png(),
        pictures.encoded(pictures.GREY, "JPEG"),
        pictures.encoded(pictures.GREY.convert("1"), "PNG"),
        pictures.encoded(Image.fromarray(pictures.ramp(top=65535)), "PNG"),
        pictures.dicom(),
    ],
)
def test_a_grey_picture_has_no_green_channel(data: bytes) -> None:
    assert green_channel(data, max_pixels=LIMIT) is None


def test_modes() -> None:
    for picture, mode in [
        (FUNDUS, "RGB"),
        (FUNDUS.convert("P"), "RGB"),
        (FUNDUS.convert("CMYK"), "RGB"),
        (FUNDUS.convert("RGBA"), "RGBA"),
        (FUNDUS.convert("LA"), "RGBA"),
        (FUNDUS.convert("L"), "L"),
    ]:
        data = pictures.encoded(picture, "JPEG" if picture.mode == "CMYK" else "PNG")
        assert decode_for_display(data, max_pixels=LIMIT).mode == mode


@pytest.mark.parametrize("work", [check_picture, green_channel])
def test_limits(work: Any) -> None:
    with pytest.raises(PictureTooLarge):
        work(pictures.png(64, 48), max_pixels=64 * 48 - 1)
    with pytest.raises(PictureTooLarge):
        work(pictures.png_claiming(60_000, 60_000), max_pixels=LIMIT)
    with pytest.raises(UnsupportedPicture, match="floating-point"):
        work(pictures.encoded(Image.fromarray(np.zeros((4, 4), np.float32)), "TIFF"), max_pixels=LIMIT)
    with pytest.raises(PictureError):
        work(pictures.encoded(FUNDUS, "JPEG")[:-200], max_pixels=LIMIT)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_random_damage_is_always_a_picture_or_an_error() -> None:
    generator = np.random.default_rng(11)
    for original in [turned("PNG", icc_profile=SRGB), turned("JPEG"), turned("WEBP"), turned("TIFF"), pictures.dicom()]:
        for _ in range(60):
            damaged = bytearray(original)
            for at in generator.integers(8, len(damaged), size=6):
                damaged[at] = generator.integers(256)
            for work in (check_picture, green_channel):
                with contextlib.suppress(PictureError):
                    work(bytes(damaged), max_pixels=LIMIT)
