"""How what administrators have changed is written, for groups and pictures alike."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func

from lightbox_shared.database import WriteSession
from lightbox_shared.responses.versioned import Versioned


async def write_changes(session: WriteSession, row: Versioned, values: Mapping[str, Any]) -> None:
    """Write what is changed of a row, as a new version. The row is locked."""
    for name, value in {**values, "version": row.version + 1, "modified_at": func.now()}.items():
        setattr(row, name, value)
    await session.flush()
    await session.refresh(row)
