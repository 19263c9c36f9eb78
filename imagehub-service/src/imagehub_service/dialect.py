"""The form of the errors of ImageHub's endpoints."""

from typing import Final

from lightbox_shared.errors.dialects import DetailList

IMAGEHUB: Final = DetailList()
"""What fails logically is no error there: it is 200 with a `code`."""
IMAGEHUB_PATHS: Final = ("/admin", "/image")
