"""Whether pages of the lists of jobs and images take longer with a thousand times as many of them."""

import random
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import httpx

from benchmarks import load
from benchmarks.annotation.ours import DATABASE, SERVICE, administrator
from benchmarks.harness import BenchmarkError, Effort, Result, Row, Suite, measure_in_rounds, progress
from benchmarks.running import server_of
from lightbox.run.platform import Platform
from lightbox.run.temporary import running_platform, temporary_folder

PAGE: Final = 50
REQUESTS: Final = 500
WARM_UP_SECONDS: Final = 1.0
FIRST_DOCTOR: Final = 1_000_000
STATES: Final = ("unassigned", "running", "different", "done")
HERE: Final = "by an administrator, straight to annotation-service, one request after the other"

JOBS: Final = Row(
    "annotation-jobs-scale",
    f"Median of GET /jobs/?account_id=&limit={PAGE} {HERE}, with 1,000,000 jobs of 200 doctors. Reference: with 1,000"
    " jobs of 10 doctors.",
    "s",
    bound=2.0,
    better="less",
)
IMAGES: Final = Row(
    "annotation-images-scale",
    f"Median of GET /images/?state=&limit={PAGE} {HERE}, each of the four states in turn, with 1,000,000 jobs of"
    " 430,000 images. Reference: with 1,000 jobs of 430 images.",
    "s",
    bound=2.0,
    better="less",
)
ROWS: Final = (JOBS, IMAGES)

# Three doctors an image, and images without jobs behind them. Of six images two are running, with one job in each
# state, one is different and has a further doctor, one waits for an expert, and two are done. A label has the number of
# its job.
FILL: Final = """
BEGIN;
INSERT INTO accounts (id, username, nickname, authority, deleted)
SELECT {first} + n, 'doctor-' || n, 'Doctor ' || n, 102, false FROM generate_series(1, {doctors}) AS n;
INSERT INTO blobs (sha256, size)
SELECT sha256(int8send(n)), 100000 FROM generate_series(1, {images} + {unassigned}) AS n ON CONFLICT DO NOTHING;
INSERT INTO pictures (id, url, filename, source, sha256, media_type, width, height, size, created_by)
OVERRIDING SYSTEM VALUE
SELECT n, 'bench-' || n || '.png', 'eye-' || n || '.png', 'bench', sha256(int8send(n)), 'image/png', 512, 512, 100000, 2
  FROM generate_series(1, {images} + {unassigned}) AS n;
CREATE TEMPORARY TABLE filled ON COMMIT DROP AS
SELECT 3 * (image - 1) + reader AS job, image, {first} + 1 + (image + reader) % {doctors} AS doctor,
       CASE WHEN image % 6 < 2 THEN 203 - reader WHEN image % 6 = 2 AND reader = 3 THEN 200 ELSE 202 END AS state,
       CASE WHEN image % 6 = 2 AND reader = 3 THEN 2 ELSE 1 END AS kind
  FROM generate_series(1, {images}) AS image, generate_series(1, 3) AS reader;
INSERT INTO labels (id, author_id, scheme_id, fields, finished_at)
OVERRIDING SYSTEM VALUE
SELECT job, doctor, 1, jsonb_build_object('quality', true, 'dr', job % 2 = 0, 'stage', (job % 5)::text), now()
  FROM filled WHERE state = 202;
INSERT INTO images (id, picture_id, state, ground_truth_id, created_by)
OVERRIDING SYSTEM VALUE
SELECT n, n, CASE WHEN n > {images} THEN 300 ELSE (ARRAY[301, 301, 302, 303, 304, 304])[1 + n % 6] END,
       CASE WHEN n <= {images} AND n % 6 > 3 THEN 3 * (n - 1) + 1 END, 2
  FROM generate_series(1, {images} + {unassigned}) AS n;
INSERT INTO jobs (id, image_id, account_id, label_id, state, kind, order_key, started_at, finished_at)
OVERRIDING SYSTEM VALUE
SELECT job, image, doctor, CASE WHEN state = 202 THEN job END, state, kind, job::bigint * 7919 % 1000003,
       CASE WHEN state > 200 THEN now() END, CASE WHEN state = 202 THEN now() END
  FROM filled ORDER BY job;
COMMIT;
"""

# Each request is built once. The headers are those of wrk's command line.
REQUEST: Final = """\
local requests = {{}}
init = function()
  for path in io.lines("{paths}") do requests[#requests + 1] = wrk.format("GET", path) end
end
local turn = 0
request = function()
  turn = turn % #requests + 1
  return requests[turn]
end
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How many jobs there are, at three an image, and how many images without one."""

    name: str
    images: int
    unassigned: int
    doctors: int


MANY: Final = Size("many", 333_334, 100_000, 200)
FEW: Final = Size("few", 334, 100, 10)


class Filled:
    """A platform with jobs and images, and scripts by which wrk lists them."""

    def __init__(self, platform: Platform, folder: Path, size: Size) -> None:
        """Fill the database, and write the scripts. Raises `BenchmarkError` if one of the requests gives no page."""
        postgres = server_of(platform)
        values = {"images": size.images, "unassigned": size.unassigned, "doctors": size.doctors}
        postgres.sql(FILL.format(first=FIRST_DOCTOR, **values), DATABASE)
        postgres.sql("VACUUM ANALYZE", DATABASE)
        progress(f"{3 * size.images:,} jobs are there")
        self._service = platform.settings.local_url(SERVICE)
        self._authorization = administrator(platform).authorization
        chosen = random.Random(1)  # noqa: S311 - not for secrets
        doctors = [FIRST_DOCTOR + 1 + chosen.randrange(size.doctors) for _ in range(REQUESTS)]
        paths = {
            JOBS.id: [f"/jobs/?account_id={doctor}&limit={PAGE}" for doctor in doctors],
            IMAGES.id: [f"/images/?state={state}&limit={PAGE}" for state in STATES],
        }
        self._scripts = {row: self._script(folder / f"{size.name}-{row}", each) for row, each in paths.items()}

    def _script(self, path: Path, requests: Sequence[str]) -> str:
        with httpx.Client(base_url=self._service, headers={"Authorization": self._authorization}, timeout=60) as http:
            for each in dict.fromkeys(requests):
                found = http.get(each).raise_for_status().json()
                if len(found["data"]) != PAGE or found["total"] < PAGE:
                    raise BenchmarkError(f"{each} is no page of {PAGE}")
        path.write_text("\n".join(requests) + "\n", encoding="ascii")
        return REQUEST.format(paths=path)

    def median(self, row: str, seconds: float) -> float:
        """The median time of a request of a row, in seconds."""
        token = self._authorization.removeprefix("Bearer ")
        return load.answers(self._service, token, connections=1, seconds=seconds, script=self._scripts[row]).median


def measure(wanted: Collection[str], effort: Effort) -> Iterator[tuple[str, Result]]:
    """Measure both rows on two platforms that run at the same time."""
    rows = [row for row in ROWS if row.id in wanted]
    if not load.wrk_is_there():
        yield from ((row.id, Result("wrk not installed")) for row in rows)
        return
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        many, few = (Filled(stack.enter_context(running_platform()), folder, size) for size in (MANY, FEW))
        for row in rows:
            for side in (many, few):
                side.median(row.id, WARM_UP_SECONDS)
            ours, peer = (partial(side.median, row.id, effort.seconds) for side in (many, few))
            yield row.id, measure_in_rounds(row, effort, ours, {"few": peer})[1]


SUITE: Final = Suite(ROWS, measure)
