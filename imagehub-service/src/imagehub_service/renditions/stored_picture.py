"""What the file of a picture is read by."""

from typing import Protocol


class StoredPicture(Protocol):
    """What a file is read by: a row of pictures, or of a query that has these columns."""

    @property
    def sha256(self) -> bytes: ...

    @property
    def preview_sha256(self) -> bytes | None: ...

    @property
    def media_type(self) -> str: ...

    @property
    def size(self) -> int: ...
