"""Types of path parameters."""

from typing import Annotated

from fastapi import Path

RowId = Annotated[int, Path(ge=1, lt=2**63)]
"""A path parameter with the id of a row, in the range of `lightbox_shared.database.orm.PrimaryKey`."""
