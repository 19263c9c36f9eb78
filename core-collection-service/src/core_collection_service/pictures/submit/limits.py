"""How large a picture, and the document that it is sent in, may be; the same over HTTP and CoAP."""

from dataclasses import dataclass
from typing import Final

from core_collection_service.protocol.base64_text import BLANKS, decode_base64, encoded_size
from core_collection_service.protocol.documents import Format
from lightbox_shared.requests.file_sizes import DECIDING_BYTES, OTHER_FIELDS_BYTES, FileSizes

_DECIDING_CHARACTERS: Final = encoded_size(DECIDING_BYTES)
_WITHOUT_BLANKS: Final = str.maketrans("", "", BLANKS)


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """How large a picture may be."""

    sizes: FileSizes
    max_pixels: int

    @property
    def max_bytes(self) -> int:
        """Of a picture of any kind."""
        return self.sizes.largest

    def largest_document(self, form: Format) -> int:
        """The bytes of the largest document that can contain a picture of the allowed size."""
        return self.sizes.json_document if form is Format.JSON else self.sizes.cbor_document

    def exceeded_by(self, picture: bytes, document_size: int, form: Format) -> int | None:
        """The limit that a picture exceeds by the size of its document, most of which is something else then; None for
        a document of the allowed size."""
        limit = self.sizes.limit_of(picture)
        of_kind = PictureLimits(FileSizes(limit, limit), self.max_pixels)
        is_larger = document_size > min(of_kind.largest_document(form), self.largest_document(form))
        return limit if is_larger else None

    def exceeded_by_base64(self, text: str) -> int | None:
        """The limit that the picture in this base64 exceeds, by its length less blanks; None for one that may be of the
        allowed size."""
        if len(text) <= encoded_size(min(self.sizes.raster, self.sizes.dicom)):
            return None
        limit = self.sizes.limit_of(_beginning(text))
        longest = encoded_size(limit)
        if len(text) <= longest:
            return None
        return None if len(text) - sum(map(text.count, BLANKS)) <= longest else limit

    def fits_json(self, document: bytes) -> bool:
        """Whether a JSON text can contain a picture of the allowed size, estimated without parsing it. Not counted are
        blanks, escapes (which have at most six bytes for one character) and the other members."""
        longest = encoded_size(self.max_bytes) + OTHER_FIELDS_BYTES
        if len(document) <= longest:
            return True
        blanks = sum(map(document.count, BLANKS.encode()))
        return len(document) - blanks - 6 * document.count(b"\\") <= longest


def _beginning(text: str) -> bytes:
    """The first bytes of a file in base64; none of a text that is no base64."""
    characters = text[: 2 * _DECIDING_CHARACTERS].translate(_WITHOUT_BLANKS)[:_DECIDING_CHARACTERS]
    try:
        return decode_base64(characters)
    except ValueError:
        return b""
