"""Metadata are left out of files, and nothing else: the pixels, the colours and the orientation stay."""

import struct
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin
from support import pictures

from lightbox_shared.images import MediaType
from lightbox_shared.images.display import orientation_of_jpeg
from lightbox_shared.images.metadata import assembled, cut, parts_without_metadata, size_of, without_metadata

SECRET = "PHANTOM^SYNTHETIC"
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
COLOURS = Image.merge("RGB", [pictures.GREY, pictures.GREY.transpose(Image.Transpose.ROTATE_180), pictures.GREY])
XMP = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{SECRET}</x:xmpmeta>".encode()


def exif(orientation: int = 1) -> Image.Exif:
    made = Image.Exif()
    made[0x0112] = orientation
    made[0x010E] = SECRET  # the description of the picture
    made.get_ifd(0x8825)[0x001D] = "2024:08:18"  # the date of the GPS fix
    return made


def texts() -> PngImagePlugin.PngInfo:
    made = PngImagePlugin.PngInfo()
    made.add_text("Patient", SECRET)
    made.add_text("Comment", SECRET, zip=True)
    made.add_itxt("XML:com.adobe.xmp", XMP.decode())
    made.add(b"tIME", struct.pack(">HBBBBB", 2024, 8, 18, 2, 4, 7))
    return made


FILES: dict[str, tuple[MediaType, bytes]] = {
    "baseline JPEG": (
        MediaType.JPEG,
        pictures.encoded(COLOURS, "JPEG", exif=exif(6), icc_profile=SRGB, comment=SECRET, xmp=XMP),
    ),
    "progressive JPEG": (
        MediaType.JPEG,
        pictures.encoded(COLOURS, "JPEG", exif=exif(8), progressive=True, comment=SECRET, xmp=XMP, icc_profile=SRGB),
    ),
    "JPEG with restarts": (
        MediaType.JPEG,
        pictures.encoded(COLOURS, "JPEG", exif=exif(), comment=SECRET, restart_marker_blocks=2, icc_profile=SRGB),
    ),
    "PNG": (MediaType.PNG, pictures.encoded(COLOURS, "PNG", exif=exif(), pnginfo=texts(), icc_profile=SRGB)),
    "WebP": (MediaType.WEBP, pictures.encoded(COLOURS, "WEBP", exif=exif(), xmp=XMP, icc_profile=SRGB)),
    "lossless WebP with alpha": (
        MediaType.WEBP,
        pictures.encoded(COLOURS.convert("RGBA"), "WEBP", lossless=True, exif=exif(), xmp=XMP, icc_profile=SRGB),
    ),
}


def decoded(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("name", FILES)
def test_only_metadata_are_left_out(name: str) -> None:
    media_type, data = FILES[name]
    orientation = orientation_of_jpeg(data) if media_type is MediaType.JPEG else 1
    bare = without_metadata(data, media_type, orientation=orientation)
    before, after = decoded(data), decoded(bare)
    assert SECRET.encode() in data
    assert SECRET.encode() not in bare
    np.testing.assert_array_equal(np.asarray(after), np.asarray(before))
    assert after.info["icc_profile"] == SRGB
    assert dict(after.getexif()) == ({} if orientation == 1 else {0x0112: orientation})
    assert not {"comment", "xmp", "Patient", "Comment", "XML:com.adobe.xmp"} & after.info.keys()
    assert without_metadata(bare, media_type, orientation=orientation) == bare


def test_what_follows_the_end_is_left_out() -> None:
    for media_type, data in FILES.values():
        assert without_metadata(data + SECRET.encode(), media_type) == without_metadata(data, media_type)


@pytest.mark.parametrize("frames", [1, 3])
def test_gif(frames: int) -> None:
    images = [pictures.GREY.point(lambda value, add=add: value // 2 + add) for add in range(frames)]
    data = pictures.encoded(
        images[0], "GIF", save_all=True, append_images=images[1:], comment=SECRET.encode(), loop=0, duration=70
    )
    at = data.index(b"\x21\xfe")
    application = b"\x21\xff\x0bXMP DataXMP" + bytes([len(XMP)]) + XMP + b"\0"
    data = data[:at] + application + data[at:]
    bare = without_metadata(data, MediaType.GIF)
    assert SECRET.encode() not in bare
    before, after = Image.open(BytesIO(data)), Image.open(BytesIO(bare))
    assert getattr(after, "n_frames", 1) == getattr(before, "n_frames", 1) == frames
    for frame in range(frames):
        before.seek(frame)
        after.seek(frame)
        np.testing.assert_array_equal(np.asarray(after.convert("RGB")), np.asarray(before.convert("RGB")))
    assert after.info.get("loop") == before.info.get("loop")
    assert after.info.get("duration") == before.info.get("duration")


def test_the_colours_of_adobe_stay() -> None:
    """Without its segment a JPEG with four inks, or one in RGB, is shown in wrong colours."""
    for image, options in ((COLOURS.convert("CMYK"), {}), (COLOURS, {"keep_rgb": True})):
        data = pictures.encoded(image, "JPEG", exif=exif(), **options)
        bare = without_metadata(data, MediaType.JPEG)
        np.testing.assert_array_equal(np.asarray(decoded(bare)), np.asarray(decoded(data)))


def test_formats_without_metadata_stay_as_they_are() -> None:
    data = pictures.encoded(COLOURS, "BMP")
    assert without_metadata(data, MediaType.BMP) == data


@settings(deadline=None)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_a_part_of_the_parts_is_a_part_of_the_file(name: str, draw: st.DataObject) -> None:
    media_type, data = FILES[name]
    parts = parts_without_metadata(data, media_type, orientation=3)
    whole = assembled(parts, data)
    assert len(whole) == size_of(parts)
    start = draw.draw(st.integers(0, len(whole)))
    stop = draw.draw(st.integers(start, len(whole)))
    assert assembled(cut(parts, range(start, stop)), data) == whole[start:stop]


@settings(deadline=None)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_damage_ends(name: str, draw: st.DataObject) -> None:
    """Files are decoded before they come here; a decoder may bear more than the standards allow."""
    media_type, data = FILES[name]
    damaged = bytearray(data[: draw.draw(st.integers(12, len(data)))])
    for at in draw.draw(st.lists(st.integers(4, len(damaged) - 1), max_size=8)):
        damaged[at] = draw.draw(st.integers(0, 255))
    parts: Any = parts_without_metadata(bytes(damaged), media_type)
    assert all(part.stop <= len(damaged) for part in parts if isinstance(part, range))
