"""The entity tags of groups and pictures. What changes by itself, such as the number of pictures in a group, makes no
new version, so answers are not validated by these tags (`If-None-Match`)."""

from fastapi import Response

from lightbox_shared.responses.versioned import Versioned, etag_of


def tag(response: Response, row: Versioned) -> None:
    """Send the entity tag of a row with a response."""
    response.headers["ETag"] = f'"{etag_of(row)}"'
    response.headers["Cache-Control"] = "private, no-store"
