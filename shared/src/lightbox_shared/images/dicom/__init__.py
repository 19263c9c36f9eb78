"""DICOM files (PS3.5, PS3.10): one frame, grey or in colour, as a viewer shows it.

    reading.py          finds the attributes and the pixel data in the file
    image_pixel.py      checks what it says about its stored values
    frames.py           unpacks the stored values (codestreams.py checks what is compressed before it is decoded)
    grey.py             modality, VOI and presentation transformations, for which lookup_tables.py reads the tables
    colour.py           RGB, YBR and palettes

A viewer that opens a file shows its first VOI LUT, or its first window where it has no LUT, or else the whole range of
the stored values (PS3.3 C.11.2): so do we. The tests compare this with `dcm2pnm` of DCMTK, which is told the same with
`+Wl 1`, `+Wi 1` or no option, and a window that somebody has chosen with `+Ww`.

Known limits: overlays, pixel padding, pixel aspect ratio, ICC profiles, and windows inside functional groups (of
multi-frame objects that have one frame) are ignored; segmented palettes and floating-point pixels are refused.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from lightbox_shared.images import BrokenPicture, PictureError, Pixels
from lightbox_shared.images.dicom.colour import rgb
from lightbox_shared.images.dicom.frames import read_frame
from lightbox_shared.images.dicom.grey import grey, grey_values
from lightbox_shared.images.dicom.image_pixel import MONOCHROME, ImagePixel, integer
from lightbox_shared.images.dicom.reading import DicomFile
from lightbox_shared.images.windows import GreyValues, Window, WindowNotApplicable


def decode_dicom(data: bytes, *, max_pixels: int, window: Window | None = None) -> Pixels | npt.NDArray[np.uint8]:
    """The pixels of a DICOM file as they are shown: float32 of shape (height, width), 0 black to 1 white, of a grey
    picture; uint8 of shape (height, width, 3), RGB, of one in colour.

    A `window` is shown in place of the file's VOI LUT or window. Raises `PictureError`, and `WindowNotApplicable` for a
    window of a picture in colour.
    """
    with _failures_of_libraries():
        file = DicomFile.read(data)
        pixel = ImagePixel.of(file.dataset, max_pixels=max_pixels)
        if pixel.photometric_interpretation in MONOCHROME:
            return grey(read_frame(file, pixel), file.dataset, pixel, window)
        if window is not None:
            raise WindowNotApplicable("The DICOM picture is in colour, to which no window applies.")
        return rgb(read_frame(file, pixel), file.dataset, pixel)


def dicom_grey_values(data: bytes, *, max_pixels: int) -> GreyValues | None:
    """The values that a window can be applied to; None for a picture in colour. Decodes the whole picture. Raises
    `PictureError`."""
    with _failures_of_libraries():
        file = DicomFile.read(data)
        pixel = ImagePixel.of(file.dataset, max_pixels=max_pixels)
        if pixel.photometric_interpretation not in MONOCHROME:
            return None
        return grey_values(read_frame(file, pixel), file.dataset, pixel)


def inspect_dicom(data: bytes) -> tuple[int, int]:
    """Width and height of the frames in pixels. Other attributes are not checked. Raises `PictureError`."""
    with _failures_of_libraries():
        dataset = DicomFile.read(data).dataset
        return integer(dataset, "Columns"), integer(dataset, "Rows")


@contextmanager
def _failures_of_libraries() -> Iterator[None]:
    """pydicom and the decoders raise many kinds of exceptions for damaged files, which become `BrokenPicture`."""
    try:
        yield
    except PictureError:
        raise
    except Exception as error:
        raise BrokenPicture("The DICOM file is damaged or incomplete.") from error
