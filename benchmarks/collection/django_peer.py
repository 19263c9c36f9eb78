"""The collection, compared with a simple Django project on SQLite that does the same."""

from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import httpx

from benchmarks import load
from benchmarks.collection import django_project
from benchmarks.collection.documents import (
    JSON,
    PATH,
    address,
    download_script,
    json_fields,
    png,
    stamp,
    upload_script,
)
from benchmarks.collection.targets import CLIENTS, SERVICE, UNLIMITED
from benchmarks.harness import BenchmarkError, Effort, Result, Row, Suite, measure_in_rounds
from lightbox.run.temporary import running_platform, temporary_folder

PICTURES: Final = 100
WARM_UP_SECONDS: Final = 1.0
REFERENCE: Final = (
    "Reference: a Django REST framework project on SQLite that keeps pictures compressed by zlib, on its better server"
    " (Django's own; gunicorn with two sync workers or two of four threads). Both straight, without a gateway"
)

INGEST: Final = Row(
    "core-django-ingest",
    f"POST of a 50 kB PNG as JSON with base64 by {CLIENTS} clients at once, each with another timestamp. {REFERENCE}.",
    "pictures/s",
    bound=5.0,
)
DOWNLOAD: Final = Row(
    "core-django-download",
    f"GET of a 50 kB PNG by device and timestamp over {CLIENTS} connections; {PICTURES} pictures in random order."
    f" {REFERENCE}.",
    "pictures/s",
    bound=5.0,
)
ROWS: Final = (INGEST, DOWNLOAD)


class Workload:
    """The same uploads and downloads for any of the servers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = png()
        self._run = 0
        fields = [(f"fetched-{number % 10}", stamp(number), png(number)) for number in range(PICTURES)]
        self._documents = [json_fields(*each) for each in fields]
        self._pictures = {address(device_id, timestamp): data for device_id, timestamp, data in fields}
        self._fetch = download_script(folder, "both", self._pictures)

    def fill(self, url: str) -> None:
        """Upload the pictures for `download`. Raises `BenchmarkError` if other bytes are returned for one."""
        with httpx.Client(base_url=url, timeout=60) as http:
            for document in self._documents:
                http.post(PATH, json=document).raise_for_status()
            for path, data in self._pictures.items():
                if http.get(path).content != data:
                    raise BenchmarkError(f"{url}{path} has other bytes")

    def ingest(self, url: str, seconds: float) -> float:
        """Uploads a second."""
        self._run += 1
        script = upload_script(self._folder, JSON, self._data, self._run)
        return load.answers(url + PATH, connections=CLIENTS, seconds=seconds, script=script).rate

    def download(self, url: str, seconds: float) -> float:
        """Downloads a second."""
        least = min(map(len, self._pictures.values()))
        return load.requests_per_second(url, "", connections=CLIENTS, seconds=seconds, body=least, script=self._fetch)


def measure(wanted: Collection[str], effort: Effort) -> Iterator[tuple[str, Result]]:
    """Measure both rows on one platform and on the project with each of its servers."""
    rows = [row for row in ROWS if row.id in wanted]
    if not load.wrk_is_there():
        yield from ((row.id, Result("wrk not installed")) for row in rows)
        return
    try:
        django_project.ENVIRONMENT.install()
    except BenchmarkError as error:
        yield from ((row.id, Result(str(error))) for row in rows)
        return
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        workload = Workload(folder)
        peers: dict[str, str] = {}
        for number, name in enumerate(django_project.SERVERS):
            peers[name] = stack.enter_context(django_project.serving(folder / f"django-{number}", name))
        platform = stack.enter_context(running_platform(**UNLIMITED))
        ours = platform.settings.local_url(SERVICE)
        for row in rows:
            if row is DOWNLOAD:
                for url in (ours, *peers.values()):
                    workload.fill(url)
            yield row.id, _measure(row, workload, ours, peers, effort)


def _measure(row: Row, workload: Workload, ours: str, peers: dict[str, str], effort: Effort) -> Result:
    rate = workload.ingest if row is INGEST else workload.download
    for url in (ours, *peers.values()):
        rate(url, WARM_UP_SECONDS)
    rates = {name: partial(rate, url, effort.seconds) for name, url in peers.items()}
    best, result = measure_in_rounds(row, effort, partial(rate, ours, effort.seconds), rates)
    return replace(result, note=f"{best} was the best; {result.note}")


SUITE: Final = Suite(ROWS, measure)
