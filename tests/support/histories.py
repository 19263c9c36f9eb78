"""What `tests/annotation/test_workflow_histories.py` stands on: a transaction of a real PostgreSQL in which functions
of the workflow run one after the other, and the rules that hold after each of them."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, TypeVar

import uvloop
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncTransaction

from annotation_service.accounts.models import Account
from annotation_service.orm import BLOBS
from annotation_service.pictures.models import Picture
from annotation_service.schemes.models import Scheme
from annotation_service.workflow.states import IMAGE_TRANSITIONS, JOB_TRANSITIONS, ImageState, JobKind, JobState
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Database, WriteSession
from lightbox_shared.storage.blobs import Blobs

Answer = TypeVar("Answer")
Row = dict[str, Any]

ADMIN: Final = 2
DOCTORS: Final = (11, 12, 13, 14)
EXPERTS: Final = (21, 22)
OTHER_SCHEME: Final = "other"

_SEEN: Final = """
SELECT json_build_object(
  'image', (SELECT to_json(images) FROM images WHERE id = $1),
  'jobs', (
    SELECT coalesce(json_agg(each ORDER BY each.id), '[]') FROM (
      SELECT jobs.*, author_id, fields, labels.finished_at AS label_finished_at
        FROM jobs LEFT JOIN labels ON labels.id = label_id WHERE image_id = $1
    ) AS each
  ),
  'history', (SELECT coalesce(json_agg(each ORDER BY each.id), '[]') FROM transitions AS each WHERE image_id = $1)
)
"""

_NEW_IMAGE: Final = """
WITH made AS (
  INSERT INTO images (picture_id, created_by, wanted_readers, missing_readers) VALUES ($1, 2, $2, $2)
    RETURNING id, state
)
INSERT INTO transitions (image_id, to_state, account_id, reason)
  SELECT id, state, 2, 'made' FROM made RETURNING image_id
"""
_NEW_LABEL: Final = (
    "INSERT INTO labels (author_id, scheme_id, fields) VALUES ($1, $2, jsonb_build_object('dr', $3::int)) RETURNING id"
)


@dataclass(frozen=True, slots=True)
class Seen:
    """An image, its jobs with their labels, and the history of all of them, as they are in the database."""

    image: Row | None
    jobs: list[Row]
    history: list[Row]

    @property
    def state(self) -> int | None:
        """The state of the image; None if it is deleted."""
        return None if self.image is None else self.image["state"]

    @property
    def finished(self) -> list[Row]:
        """The finished jobs."""
        return [each for each in self.jobs if each["state"] == JobState.FINISHED]

    @property
    def open(self) -> list[Row]:
        """The other ones."""
        return [each for each in self.jobs if each["state"] != JobState.FINISHED]


class Bench:
    """Runs functions of the workflow from code that is not asynchronous, as that of hypothesis is."""

    def __init__(self, url: str) -> None:
        self._loop = uvloop.new_event_loop()
        self._database = Database(url, pool_size=1)
        self.picture_id, self.schemes = self.run(self._prepare())

    def close(self) -> None:
        self.run(self._database.dispose())
        self._loop.close()

    async def _prepare(self) -> tuple[int, dict[str, int]]:
        async with self._database.writing() as session:
            digest = await Blobs(BLOBS, row_limit=1).put(session, b"1")
            picture = Picture(
                url="1.png",
                filename="1.png",
                source="test",
                sha256=digest,
                media_type="image/png",
                width=1,
                height=1,
                size=1,
                created_by=ADMIN,
            )
            other = Scheme(name=OTHER_SCHEME, version=1, title="Another", schema={"type": "object"})
            people = [
                *((each, Authority.DOCTOR) for each in DOCTORS),
                *((each, Authority.EXPERT) for each in EXPERTS),
            ]
            session.add_all([picture, other])
            session.add_all(
                Account(id=each, username=str(each), authority=int(authority), deleted=False)
                for each, authority in people
            )
            await session.flush()
            return picture.id, {"built in": 1, OTHER_SCHEME: other.id}

    def begin(self) -> "Example":
        """A transaction for one example."""

        async def connect() -> tuple[AsyncConnection, AsyncTransaction]:
            connection = await self._database.engine.connect()
            return connection, await connection.begin()

        return Example(self, *self.run(connect()))

    def run(self, work: Awaitable[Answer]) -> Answer:
        """The answer of asynchronous code."""
        return self._loop.run_until_complete(work)


class Example:
    """One transaction, in which an example of hypothesis takes place."""

    def __init__(self, bench: Bench, connection: AsyncConnection, transaction: AsyncTransaction) -> None:
        self._bench = bench
        self._connection = connection
        self._transaction = transaction
        self._session = WriteSession(bind=connection, expire_on_commit=False, autoflush=False)

    def end(self) -> None:
        async def roll_back() -> None:
            await self._transaction.rollback()
            await self._connection.close()

        self._bench.run(roll_back())

    def run(self, work: Callable[[WriteSession], Awaitable[Answer]]) -> Answer:
        """The answer of a function, which finds no rows that another one has read before."""
        self._session.expunge_all()
        return self._bench.run(work(self._session))

    def see(self, image_id: int) -> Seen:
        """An image as it is in the database."""
        return self._bench.run(fetch_seen(self._connection, image_id))

    def image(self, wanted_readers: int) -> int:
        """The id of a new image."""
        found: int = self._fetch(_NEW_IMAGE, self._bench.picture_id, wanted_readers)
        return found

    def label(self, author_id: int, value: int, *, scheme: str = "built in") -> int:
        """The id of a new label."""
        found: int = self._fetch(_NEW_LABEL, author_id, self._bench.schemes[scheme], value)
        return found

    def _fetch(self, statement: str, *values: object) -> Any:
        return self._bench.run(_fetch(self._connection, statement, *values))


async def fetch_seen(connection: AsyncConnection, image_id: int) -> Seen:
    """An image as it is in the database."""
    return Seen(**await _fetch(connection, _SEEN, image_id))


async def _fetch(connection: AsyncConnection, statement: str, *values: object) -> Any:
    raw = await connection.get_raw_connection()
    assert raw.driver_connection is not None
    return await raw.driver_connection.fetchval(statement, *values)


def check(before: Seen, after: Seen) -> None:
    """The rules that hold after each change."""
    assert after.history[: len(before.history)] == before.history, "the history is only ever added to"
    _check_history(after)
    _check_jobs(after)
    if after.image is not None:
        _check_image(after.image, after)
        if before.image is None or after.image["ground_truth_id"] != before.image["ground_truth_id"]:
            _check_result(after.image, after)


def _check_history(seen: Seen) -> None:
    """Each state follows from the one before, and the last one is the state that is there now."""
    chains: dict[int | None, list[tuple[int | None, int | None]]] = defaultdict(list)
    for each in seen.history:
        chains[each["job_id"]].append((each["from_state"], each["to_state"]))
    states = {each["id"]: each["state"] for each in seen.jobs}
    assert set(states) <= set(chains)
    for job_id, chain in chains.items():
        now = states.get(job_id) if job_id is not None else seen.image and seen.image["state"]
        assert chain[0][0] is None
        assert chain[-1][1] == now, "the history ends with what is there"
        assert all(earlier[1] == later[0] for earlier, later in pairwise(chain)), chain
        assert all(step[1] is not None for step in chain[:-1]), "nothing happens to what is deleted"
        allowed = JOB_TRANSITIONS if job_id is not None else IMAGE_TRANSITIONS | {(ImageState.DONE, ImageState.DONE)}
        assert {step for step in chain if None not in step} <= allowed, chain


def _check_jobs(seen: Seen) -> None:
    doctors = [each["account_id"] for each in seen.jobs]
    assert len(set(doctors)) == len(doctors), "no doctor reads an image twice"
    for job in seen.jobs:
        if job["label_id"] is not None:
            assert job["author_id"] == job["account_id"], "the label of a job is its doctor's"
        if job["state"] == JobState.FINISHED:
            assert job["label_finished_at"] is not None, "the label of a finished job is closed"
            assert job["finished_at"] is not None
        elif job["label_id"] is not None:
            assert job["label_finished_at"] is None, "the label of an open job can be changed"
    experts = [each for each in seen.finished if each["kind"] == JobKind.EXPERT]
    assert not experts or seen.image is None or seen.image["state"] == ImageState.DONE


def _check_image(image: Row, seen: Seen) -> None:
    state, wanted = image["state"], image["wanted_readers"]
    assert (state == ImageState.DONE) == (image["ground_truth_id"] is not None)
    readers = sum(each["kind"] == JobKind.READER for each in seen.jobs)
    runs = state in {ImageState.UNASSIGNED, ImageState.RUNNING}
    assert image["missing_readers"] == (max(0, wanted - readers) if runs else 0)
    if state == ImageState.UNASSIGNED:
        assert not seen.jobs
    if state == ImageState.RUNNING:
        assert seen.jobs
        assert seen.open or len(seen.finished) < wanted, "a running image is not decided"
        assert seen.open or image["missing_readers"], "a running image can go on"
    if state == ImageState.DIFFERENT:
        assert any(each["kind"] == JobKind.FURTHER for each in seen.open), "one more doctor reads it"
    if state == ImageState.DIFFERENT_AGAIN:
        assert seen.jobs


def _check_result(image: Row, seen: Seen) -> None:
    """A result, when it is found, is that of more than half of the readings, of an expert, or of an administrator."""
    if image["ground_truth_id"] is None or seen.history[-1]["account_id"] == ADMIN:
        return
    carriers = [each for each in seen.finished if each["label_id"] == image["ground_truth_id"]]
    assert len(carriers) == 1
    assert not seen.open
    agreeing = [each for each in seen.finished if each["fields"] == carriers[0]["fields"]]
    assert 2 * len(agreeing) > len(seen.finished) or carriers[0]["kind"] == JobKind.EXPERT
