"""The estimate of what decoding takes is above what it really takes, measured in processes of their own."""

import json
import subprocess
import sys
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image
from support import pictures, raster_files

from lightbox_shared.images import MediaType, PictureError
from lightbox_shared.images.decoding import decode
from lightbox_shared.images.decoding_memory import decoding_memory

SIZE: Final = (4000, 3000)
PIXELS: Final = 12_000_000
SLACK: Final = 24 * 1024 * 1024
"""For the memory of the interpreter, of the libraries, and of the file that is made."""
Tags = dict[int, tuple[int, tuple[int, ...]]]
DEEP: Final = np.full(SIZE[::-1], 777, np.uint16)
DEEP_COLOURS: Final = np.full((*SIZE[::-1], 3), 777, np.uint16)

_MEASURE: Final = """
import json, sys
from lightbox_shared.images import decode_grey
from lightbox_shared.images.decoding import read_grey_values
from lightbox_shared.images.display import check_picture, encode_preview, green_channel, read_for_display, render
from lightbox_shared.images.windows import Window, WindowNotApplicable
data, warm = (open(name, "rb").read() for name in sys.argv[1:])

def windowed(data):
    try:
        render(data, max_pixels=10**9, window=Window(777, 500))
    except WindowNotApplicable:
        pass

uses = {
    "grey": lambda data: decode_grey(data, max_pixels=10**9),
    "preview": lambda data: encode_preview(read_for_display(data, max_pixels=10**9)),
    "reduced": lambda data: decode_grey(data, max_pixels=10**9, min_size=(224, 224)),
    "shown": lambda data: check_picture(data, max_pixels=10**9),
    "green": lambda data: green_channel(data, max_pixels=10**9),
    "values": lambda data: read_grey_values(data, max_pixels=10**9),
    "windowed": windowed,
    "small": lambda data: render(data, max_pixels=10**9, viewport=(900, 900)),
}

def resident(name):
    (line,) = (line for line in open("/proc/self/status") if line.startswith(name))
    return int(line.split()[1]) * 1024

peaks = {}
for name, use in uses.items():
    use(warm)
    open("/proc/self/clear_refs", "w").write("5")  # proc(5): the peak begins anew
    before = resident("VmRSS")
    use(data)
    peaks[name] = resident("VmHWM") - before
print(json.dumps(peaks))
"""


def tiff_of(values: npt.NDArray[Any], photometric: Any = "rgb", **options: Any) -> bytes:
    """A compressed TIFF in colours."""
    buffer = BytesIO()
    tifffile.imwrite(buffer, values, photometric=photometric, compression="lzw", rowsperstrip=64, **options)
    return buffer.getvalue()


def palette_tiff() -> bytes:
    """With colours of 16 bits, which no 8 bits stand for."""
    colours = np.arange(3 * 256, dtype=np.uint16).reshape(3, 256) * 77
    return tiff_of(np.full(SIZE[::-1], 5, np.uint8), "palette", colormap=colours)


def narrow_tiff() -> bytes:
    """Of one column, whose colours are stored for units of 4 times 4 pixels."""
    units = bytes(18) * (PIXELS // 4)
    shape: Tags = {256: (4, (1,)), 257: (4, (PIXELS,)), 278: (4, (PIXELS,))}
    colours = {258: (3, (8, 8, 8)), 259: (3, (8,)), 262: (3, (6,)), 277: (3, (3,)), 530: (3, (4, 4))}
    return raster_files.tiff_of([zlib.compress(units)], shape | colours, raster_files.TiffOptions())


def lerc_tiff(pictures_in_strip: int) -> bytes:
    """Of 4 megapixels, in whose only strip there are as many pictures as are said."""
    side = 2000
    blob = bytes(imagecodecs.lerc_encode(np.full((side, side), 7, np.uint8)))
    shape: Tags = {256: (4, (side,)), 257: (4, (side,)), 278: (4, (side,)), 258: (3, (8,)), 277: (3, (1,))}
    packed = {259: (3, (34887,)), 262: (3, (1,)), 50674: (4, (4, 1))}
    strip = zlib.compress(blob * pictures_in_strip)
    return raster_files.tiff_of([strip], shape | packed, raster_files.TiffOptions())


def dicom_in_colours() -> bytes:
    """Of 16 bits, in JPEG 2000."""
    dataset = pictures.dicom_dataset(DEEP, bits=16, photometric="RGB")
    dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, 0
    frame = imagecodecs.jpeg2k_encode(DEEP_COLOURS, level=0, codecformat="j2k")
    return pictures.dicom_encapsulated(dataset, frame, "1.2.840.10008.1.2.4.90")


def drawn(mode: str, format_name: str, **options: Any) -> bytes:
    """A picture of `SIZE`."""
    return pictures.encoded(Image.new(mode, SIZE, 1 if mode in {"L", "P"} else None), format_name, **options)


KINDS: Final[dict[str, Callable[[], bytes]]] = {
    "png grey": lambda: drawn("L", "PNG"),
    "png palette": lambda: drawn("P", "PNG"),
    "png colours": lambda: drawn("RGB", "PNG"),
    "png transparent": lambda: drawn("RGBA", "PNG"),
    "png transparent grey": lambda: drawn("LA", "PNG"),
    "png transparent palette": lambda: drawn("P", "PNG", transparency=0),
    "png 16 bits": lambda: pictures.encoded(Image.fromarray(DEEP), "PNG"),
    "png 16 bits transparent": lambda: raster_files.png(DEEP_COLOURS[..., [0, 1, 2, 0]], 16, 6),
    "png 16 bits colours": lambda: raster_files.png(DEEP_COLOURS, 16, 2),
    "tiff 16 bits": lambda: pictures.encoded(Image.fromarray(DEEP), "TIFF", compression="tiff_lzw"),
    "tiff 16 bits colours": lambda: tiff_of(DEEP_COLOURS),
    "tiff 16 bits transparent": lambda: tiff_of(DEEP_COLOURS[..., [0, 1, 2, 0]]),
    "tiff transparent": lambda: drawn("RGBA", "TIFF", compression="tiff_lzw"),
    "tiff lerc, one picture": lambda: lerc_tiff(1),
    "tiff lerc, many pictures": lambda: lerc_tiff(400),
    "tiff palette": palette_tiff,
    "tiff inks of 16 bits": lambda: tiff_of(DEEP_COLOURS[..., [0, 1, 2, 0, 1]], photometric="separated"),
    "tiff subsampled, one pixel wide": narrow_tiff,
    "webp": lambda: drawn("RGBA", "WEBP", lossless=True, method=0),
    "bmp": lambda: drawn("RGB", "BMP"),
    "jpeg grey": lambda: drawn("L", "JPEG"),
    "jpeg": lambda: drawn("RGB", "JPEG"),
    "jpeg progressive": lambda: drawn("RGB", "JPEG", progressive=True),
    "jpeg 12 bits": lambda: bytes(imagecodecs.jpeg8_encode(DEEP, bitspersample=12)),
    "jpeg cmyk": lambda: drawn("CMYK", "JPEG"),
    "dicom": lambda: pictures.dicom(DEEP),
    "dicom jpeg 2000": lambda: pictures.dicom_jpeg2000(DEEP),
    "dicom jpeg 2000 colours": dicom_in_colours,
    "dicom rle": lambda: pictures.dicom_rle(DEEP),
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_takes_no_more(kind: str, tmp_path: Path) -> None:
    data = KINDS[kind]()
    files = [tmp_path / "picture", tmp_path / "warm"]
    files[0].write_bytes(data)
    files[1].write_bytes(pictures.png())
    command = [sys.executable, "-c", _MEASURE, *map(str, files)]
    peaks = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=120).stdout)
    whole = decoding_memory(data, max_pixels=PIXELS)
    for use, peak in peaks.items():
        estimate = decoding_memory(data, max_pixels=PIXELS, min_size=(224, 224)) if use == "reduced" else whole
        assert peak <= estimate + SLACK, use
    assert whole <= 40 * PIXELS


def test_a_jpeg_is_decoded_at_a_fraction_of_its_size() -> None:
    jpeg = drawn("RGB", "JPEG")
    whole, small = (decoding_memory(jpeg, max_pixels=PIXELS, min_size=size) for size in (None, (300, 200)))
    assert whole == 64 * small  # an eighth in both directions
    assert decoding_memory(jpeg, max_pixels=PIXELS, min_size=(3000, 3000)) == whole
    progressive = drawn("RGB", "JPEG", progressive=True)
    assert decoding_memory(progressive, max_pixels=PIXELS, min_size=(300, 200)) == small + 6 * PIXELS


def test_what_is_refused_by_its_header_takes_nothing() -> None:
    assert decoding_memory(b"no picture", max_pixels=PIXELS) == 0
    assert decoding_memory(b"", max_pixels=PIXELS) == 0
    for format_name in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"):
        data = pictures.encoded(Image.new("L", (100, 80)), format_name)
        assert decoding_memory(data, max_pixels=8000) > 0
        assert decoding_memory(data, max_pixels=7999) == 0
    assert decoding_memory(pictures.png_claiming(2**31 - 1, 2**31 - 1), max_pixels=PIXELS) == 0
    assert decoding_memory(pictures.dicom(), max_pixels=10) == 0


@pytest.mark.parametrize(
    "data",
    [pictures.png()[:20], b"\xff\xd8\xff\xe0", b"BM", b"RIFF1234WEBPVP8X", b"II*\0", b"GIF89a", bytes(128) + b"DICM"],
)
def test_what_has_no_header_takes_nothing_since_it_is_not_decoded(data: bytes) -> None:
    assert decoding_memory(data, max_pixels=PIXELS) == 0
    with pytest.raises(PictureError):
        decode(data, max_pixels=PIXELS, types=tuple(MediaType))


def test_of_a_gif_the_first_frame_counts() -> None:
    buffer = BytesIO()
    Image.new("P", (500, 400)).save(buffer, "GIF")
    data = bytearray(buffer.getvalue())
    data[6:10] = b"\1\0\1\0"  # a screen of one pixel
    assert decoding_memory(bytes(data), max_pixels=PIXELS) == decoding_memory(buffer.getvalue(), max_pixels=PIXELS)
