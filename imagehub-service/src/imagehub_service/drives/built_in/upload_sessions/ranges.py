"""The header `Content-Range` of a chunk (RFC 9110 section 14.4; Microsoft Graph, driveItem: createUploadSession)."""

import re
from dataclasses import dataclass
from typing import Final

from imagehub_service.drives.built_in.upload_sessions.errors import (
    FragmentLengthMismatch,
    FragmentTooLarge,
    InvalidContentRange,
)

FRAGMENT_UNIT: Final = 327_680
"""All chunks but the last have a multiple of this many bytes (320 KiB)."""
MAX_FRAGMENT_BYTES: Final = 60 * 1024 * 1024
_CONTENT_RANGE: Final = re.compile(r"bytes +([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Fragment:
    """A chunk: the bytes of a file from `start` on, up to `end`, which is the first byte behind it."""

    start: int
    end: int
    total: int
    """Bytes of the whole file."""

    @property
    def size(self) -> int:
        """Bytes of the chunk."""
        return self.end - self.start

    @property
    def is_last(self) -> bool:
        """Whether the file ends with this chunk."""
        return self.end == self.total


def parse_fragment(content_range: str | None, content_length: str | None) -> Fragment:
    """The chunk that the headers of a request announce.

    Raises `InvalidContentRange`, `FragmentTooLarge`, and `FragmentLengthMismatch` for a body of another length and for
    a length that no chunk can have.
    """
    match = _CONTENT_RANGE.fullmatch((content_range or "").strip())
    if match is None:
        raise InvalidContentRange
    first, last, total = (int(each) for each in match.groups())
    if not first <= last < total:
        raise InvalidContentRange("The Content-Range ends before it begins, or behind the end of the file.")
    fragment = Fragment(first, last + 1, total)
    if fragment.size > MAX_FRAGMENT_BYTES:
        raise FragmentTooLarge(f"A chunk has at most {MAX_FRAGMENT_BYTES} bytes.")
    if content_length is not None and content_length.strip() != str(fragment.size):
        raise FragmentLengthMismatch("The body has another length than the Content-Range says.")
    if not fragment.is_last and fragment.size % FRAGMENT_UNIT:
        raise FragmentLengthMismatch(f"All chunks but the last have a multiple of {FRAGMENT_UNIT} bytes.")
    return fragment
