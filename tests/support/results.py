"""Results of labelling in a database: single ones by the tables, and very many by SQL."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from annotation_service.workflow.models import Image, Job, Label
from annotation_service.workflow.states import JobKind, JobState
from lightbox_shared.database import Database
from support.annotation import SEED_LABEL, Lab

STARTED = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

_MANY = """
INSERT INTO accounts (id, username, nickname, authority, deleted)
  SELECT 1000 + n, 'doctor-' || n, 'Dr. ' || n, 102, false FROM generate_series(0, :doctors - 1) AS n;
INSERT INTO blobs (sha256, size)
  SELECT sha256(CAST(CAST(n AS text) AS bytea)), 1 FROM generate_series(1, :images) AS n ON CONFLICT DO NOTHING;
INSERT INTO pictures (url, filename, source, sha256, media_type, width, height, size, created_by)
  SELECT 'many-' || n, n || '.png', 'test', sha256(CAST(CAST(n AS text) AS bytea)), 'image/png', 1, 1, 1, 2
  FROM generate_series(1, :images) AS n;
INSERT INTO images (picture_id, created_by) SELECT id, 2 FROM pictures ORDER BY id;
INSERT INTO labels (author_id, scheme_id, fields, finished_at)
  SELECT 1000 + n % :doctors, 1, CAST(:fields AS jsonb) || jsonb_build_object('comment', repeat('fine ', :words) || n),
    now()
  FROM generate_series(0, :images * 3 - 1) AS n;
INSERT INTO jobs (image_id, account_id, label_id, state, started_at, finished_at)
  SELECT image.id, label.author_id, label.id, 202, now() - interval '1 minute', now()
  FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM images) AS image
  JOIN (SELECT id, author_id, row_number() OVER (ORDER BY id) - 1 AS n FROM labels) AS label ON label.n / 3 = image.n;
ANALYZE
"""


async def many_results(database: Database, images: int, *, doctors: int = 12, words: int = 20) -> None:
    """Images of which each has three finished jobs, those of the doctors 1000, 1001 ... in turn, with comments of so
    many words. The database has no others."""
    fields = json.dumps({name: value for name, value in SEED_LABEL.items() if name != "comment"})
    values = {"images": images, "doctors": doctors, "words": words, "fields": fields}
    async with database.writing() as session:
        for statement in _MANY.split(";"):
            await session.execute(text(statement), {name: values[name] for name in values if f":{name}" in statement})


async def result(
    lab: Lab,
    image_id: int,
    account_id: int,
    fields: dict[str, Any] | None,
    *,
    state: JobState = JobState.FINISHED,
    ground_truth: bool = False,
    seconds: float = 30,
    started_at: datetime = STARTED,
    scheme_id: int = 1,
    kind: JobKind = JobKind.READER,
) -> tuple[int, int | None]:
    """A job with its label, if `fields` are given; their ids."""
    finished_at = started_at + timedelta(seconds=seconds) if state is JobState.FINISHED else None
    async with lab.database.writing() as session:
        label_id = None
        if fields is not None:
            label = Label(author_id=account_id, scheme_id=scheme_id, fields=fields, finished_at=finished_at)
            session.add(label)
            await session.flush()
            label_id = label.id
        job = Job(
            image_id=image_id,
            account_id=account_id,
            label_id=label_id,
            state=state,
            kind=kind,
            started_at=None if state is JobState.UNLABELED else started_at,
            finished_at=finished_at,
        )
        session.add(job)
        await session.flush()
        job_id = job.id
        if ground_truth:
            await _settle(session, image_id, label_id)
    return job_id, label_id


async def settled_by_administrator(lab: Lab, image_id: int, account_id: int, fields: dict[str, Any]) -> int:
    """The id of a ground truth that no job has."""
    async with lab.database.writing() as session:
        label = Label(author_id=account_id, scheme_id=1, fields=fields, finished_at=STARTED)
        session.add(label)
        await session.flush()
        await _settle(session, image_id, label.id)
        return label.id


async def _settle(session: Any, image_id: int, label_id: int | None) -> None:
    image = await session.get(Image, image_id)
    image.ground_truth_id, image.state = label_id, 304
