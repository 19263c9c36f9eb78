"""Types of path parameters."""

from typing import Annotated, Final

from fastapi import Path

LARGEST_ROW_ID: Final = 2**63 - 1
"""The largest id of a row (`lightbox_shared.database.orm.PrimaryKey`)."""

RowId = Annotated[int, Path(ge=1, lt=2**63)]
"""A path parameter with the id of a row, in the range of `lightbox_shared.database.orm.PrimaryKey`."""
