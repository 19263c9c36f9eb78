"""Types of parameters that several endpoints have."""

from typing import Annotated

from fastapi import Path

RowId = Annotated[int, Path(ge=1, lt=2**63)]
"""The id of a row in a path: what `lightbox_shared.database.orm.PrimaryKey` can be."""
