"""The forms of errors of this service."""

from typing import Final

from lightbox_shared.errors.dialects import DetailList

IMAGEHUB: Final = DetailList()
"""The form of ImageHub's errors. What fails logically is no error there: it is 200 with a `code`."""
IMAGEHUB_PATHS: Final = ("/admin", "/image")
