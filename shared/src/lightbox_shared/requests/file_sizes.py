"""How large picture files may be, and the bodies of requests that carry them: for the gateway and all services alike.

A radiograph of today's detectors is 30 MB of raw values, so DICOM has a limit of its own. Which one is for a file shows
in its first bytes, so that a photograph that is too large is refused before it has arrived.

Known limit: the four letters of DICOM are all that is looked at. A file of another format that has them at that place
is measured like DICOM.
"""

from dataclasses import dataclass
from typing import Final

KB: Final = 1024
MB: Final = 1024 * KB

DECIDING_BYTES: Final = 132
"""The preamble and the prefix of a DICOM file (PS3.10 section 7.1)."""
OTHER_FIELDS_BYTES: Final = 64 * KB
"""For what a body has beside its file."""
SEVERAL_FILES_BYTES: Final = 128 * MB
"""Of a form with several files, unless one of them may be larger."""


@dataclass(frozen=True, slots=True)
class FileSizes:
    """The largest files that are accepted, in bytes."""

    raster: int
    """Of every format but DICOM, and of what is no picture."""
    dicom: int

    @property
    def largest(self) -> int:
        """Of any format."""
        return max(self.raster, self.dicom)

    def limit_of(self, beginning: bytes) -> int:
        """The limit for a file that begins with these bytes, of which `DECIDING_BYTES` are looked at."""
        return self.dicom if beginning[DECIDING_BYTES - 4 : DECIDING_BYTES] == b"DICM" else self.raster

    @property
    def form(self) -> int:
        """The largest `multipart/form-data` body with one file."""
        return self.largest + OTHER_FIELDS_BYTES

    @property
    def form_of_several(self) -> int:
        """The largest `multipart/form-data` body with several files."""
        return max(SEVERAL_FILES_BYTES, self.form)

    @property
    def json_document(self) -> int:
        """The largest JSON document with a file in base64, which is 4/3 as large as the file; line ends, and slashes
        that are escaped, add some percent."""
        return self.largest * 3 // 2 + OTHER_FIELDS_BYTES

    @property
    def cbor_document(self) -> int:
        """The largest CBOR document with a file: any in base64 or less, and one that is no DICOM also where the base64
        is written in hexadecimal digits, two for each byte."""
        return max(self.json_document, self.raster * 8 // 3 + OTHER_FIELDS_BYTES)


def in_megabytes(size: int) -> str:
    """A limit as it stands in a sentence, such as "20 MB", or "1.5 MB"; smaller ones in bytes."""
    if size < MB:
        return f"{size:,} bytes"
    whole, rest = divmod(size, MB)
    return f"{whole} MB" if not rest else f"{int(10 * size / MB) / 10:g} MB"
