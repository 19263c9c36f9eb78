"""Many finished labels at once, for the tests of what is made from labels."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from annotation_service.workflow.models import Job, Label
from lightbox_shared.database import Database

START = datetime(2026, 3, 1, 8, tzinfo=UTC)


async def add_finished(
    database: Database, image_id: int, readings: Mapping[int, Mapping[str, Any]], *, at: datetime = START
) -> list[int]:
    """Finished jobs of an image by account, with their labels; the ids of the labels. Each took a minute."""
    found = []
    async with database.writing() as session:
        for place, (account_id, fields) in enumerate(readings.items()):
            finished = at + timedelta(seconds=place)
            label = Label(author_id=account_id, scheme_id=1, fields=dict(fields), finished_at=finished)
            session.add(label)
            await session.flush()
            started = finished - timedelta(minutes=1)
            values: dict[str, Any] = {"state": 202, "started_at": started, "finished_at": finished}
            session.add(Job(image_id=image_id, account_id=account_id, label_id=label.id, **values))
            found.append(label.id)
    return found


def columns(values: Sequence[object], name: str = "dr") -> list[dict[str, object]]:
    """Labels with one field."""
    return [{name: value} for value in values]
