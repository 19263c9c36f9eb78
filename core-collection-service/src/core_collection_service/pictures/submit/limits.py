"""How large a picture, and the document that it is sent in, may be; the same over HTTP and CoAP."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from core_collection_service.protocol.base64_text import BLANKS, encoded_size
from core_collection_service.protocol.documents import Format

OTHER_MEMBERS_BYTES: Final = 64 * 1024
"""For what a document has beside the picture."""
_DOCUMENT_FACTOR: Final[Mapping[Format, Fraction]] = {Format.JSON: Fraction(3, 2), Format.CBOR: Fraction(8, 3)}
"""How much larger than its picture a document can be. Base64 is 4/3 as large, and line ends and slashes that are
escaped in JSON add some percent. In CBOR the picture may be base64 too, all of it written in hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """How large a picture may be."""

    max_bytes: int
    max_pixels: int

    def largest_document(self, form: Format) -> int:
        """The bytes of the largest document that can contain a picture of the allowed size."""
        return int(self.max_bytes * _DOCUMENT_FACTOR[form]) + OTHER_MEMBERS_BYTES

    def fits_base64(self, text: str) -> bool:
        """Whether base64 of this length, less blanks, can be a picture of the allowed size."""
        longest = encoded_size(self.max_bytes)
        return len(text) <= longest or len(text) - sum(map(text.count, BLANKS)) <= longest

    def fits_json(self, document: bytes) -> bool:
        """Whether a JSON text can contain a picture of the allowed size, estimated without parsing it. Not counted are
        blanks, escapes (which have at most six bytes for one character) and the other members."""
        longest = encoded_size(self.max_bytes) + OTHER_MEMBERS_BYTES
        if len(document) <= longest:
            return True
        blanks = sum(map(document.count, BLANKS.encode()))
        return len(document) - blanks - 6 * document.count(b"\\") <= longest
