"""annotation-service as its doctors use it: accounts, open jobs, and the requests by which a doctor labels an image."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from benchmarks.annotation.annotators import CAPTURED, TASK, Annotator, Step, Team
from benchmarks.harness import BenchmarkError
from benchmarks.running import server_of
from lightbox.run.platform import Platform
from lightbox_shared.installation import service_named

SERVICE: Final = "annotation-service"
DATABASE: Final = service_named(SERVICE).database
PASSWORD: Final = "a bench's password"
DOCTOR: Final = 102
PAGE: Final = 5_000

LABEL: Final = {
    "quality": True,
    "dr": False,
    "stage": "2",
    "dme": True,
    "hr": "1",
    "age_dme": "1",
    "rvo": True,
    "crao": True,
    "myopia": True,
    "od": True,
    "glaucoma": True,
    "others": True,
    "comment": "A small haemorrhage near the disc.",
}
STEPS: Final = (
    Step("POST", "/labels", json.dumps(LABEL), status=201, capture='"label_id":%s*(%d+)'),
    Step("PUT", f"/jobs/{TASK}", json.dumps({"job_state": 201}), status=200),
    # The id is put in without quotes, as a number.
    Step("PUT", f"/jobs/{TASK}", f'{{"job_state": 202, "label_id": {CAPTURED}}}', status=200),
)

# Each image has one reader, so that finishing a job finishes its image as well.
JOBS: Final = """
INSERT INTO blobs (sha256, size)
SELECT sha256(int8send(n)), 100000 FROM generate_series(1, {jobs}) AS n ON CONFLICT DO NOTHING;
WITH added_pictures AS (
  INSERT INTO pictures (url, filename, source, sha256, media_type, width, height, size, created_by)
  SELECT 'bench-' || n || '.png', 'eye-' || n || '.png', 'bench', sha256(int8send(n)), 'image/png', 512, 512, 100000, 2
    FROM generate_series(1, {jobs}) AS n RETURNING id
), added_images AS (
  INSERT INTO images (picture_id, state, created_by) SELECT id, 301, 2 FROM added_pictures RETURNING id
)
INSERT INTO jobs (image_id, account_id, order_key)
SELECT id, (ARRAY[{doctors}]::bigint[])[1 + id % {count}], id FROM added_images
"""


@dataclass(frozen=True, slots=True)
class Account:
    """An account, and the header `Authorization` of its session."""

    id: int
    authorization: str


def administrator(platform: Platform) -> Account:
    """The administrator of a platform. Raises `httpx.HTTPError`."""
    password = (platform.data_dir / "admin-password").read_text(encoding="utf-8").strip()
    with httpx.Client(base_url=platform.url, timeout=60) as http:
        return _sign_in(http, "admin", password)


def doctors(platform: Platform, number: int) -> list[Account]:
    """Make a number of doctors. Raises `httpx.HTTPError`."""
    headers = {"Authorization": administrator(platform).authorization}
    made = []
    with httpx.Client(base_url=platform.url, timeout=60) as http:
        for name in (f"doctor-{each}" for each in range(number)):
            body = {"username": name, "password": PASSWORD, "email": f"{name}@lab.local", "authority": DOCTOR}
            http.post("/accounts", json=body, headers=headers).raise_for_status()
            made.append(_sign_in(http, name, PASSWORD))
    return made


def _sign_in(http: httpx.Client, name: str, password: str) -> Account:
    answer = http.post("/authorization", json={"username": name, "password": password}).raise_for_status()
    http.cookies.clear()
    return Account(answer.json()["account_id"], f"Bearer {answer.json()['access_token']}")


def give_jobs(platform: Platform, accounts: Sequence[Account], each: int) -> None:
    """Insert images, and an open job for each of them. Each doctor gets `each` jobs. Raises `BenchmarkError`."""
    postgres = server_of(platform)
    ids = ", ".join(str(doctor.id) for doctor in accounts)
    count = len(accounts)
    postgres.sql(JOBS.format(jobs=each * count, doctors=ids, count=count), DATABASE)
    postgres.sql("VACUUM ANALYZE", DATABASE)


def team(url: str, accounts: Sequence[Account], folder: Path) -> Team:
    """The doctors with their open jobs, of which up to 5,000 are taken from the service at `url`.

    `folder` is for the client. Raises `BenchmarkError` for a doctor without an open job, and `httpx.HTTPError`.
    """
    annotators = []
    with httpx.Client(base_url=url, timeout=60) as http:
        for doctor in accounts:
            answer = http.get(
                "/jobs",
                params={"account_id": doctor.id, "job_state": 200, "limit": PAGE},
                headers={"Authorization": doctor.authorization},
            ).raise_for_status()
            jobs = [str(job["job_id"]) for job in answer.json()["data"]]
            if not jobs:
                raise BenchmarkError(f"account {doctor.id} has no open job")
            annotators.append(Annotator(doctor.authorization, jobs))
    return Team(STEPS, annotators, folder)


def check(platform: Platform, of: Team) -> None:
    """Raises `BenchmarkError` if fewer images are done than a team has finished jobs, whose images have no others."""
    done = (
        "SELECT count(*) FROM jobs JOIN images ON images.id = jobs.image_id"
        " WHERE jobs.state = 202 AND images.state = 304 AND images.ground_truth_id = jobs.label_id"
    )
    found = int(server_of(platform).sql(done, DATABASE))
    if found < of.finished:
        raise BenchmarkError(f"{found} images are done instead of {of.finished}")
