"""The collection beside the same as a Django project on SQLite, which is how it is begun."""

from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import httpx

from benchmarks import load
from benchmarks.collection import seed_project
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
from benchmarks.harness import BenchmarkError, Effort, Result, Row, Subject, compare, progress
from lightbox.run.temporary import running_platform, temporary_folder

PICTURES: Final = 100
WARM_UP_SECONDS: Final = 1.0
REFERENCE: Final = (
    "Reference: a Django REST framework project on SQLite that keeps pictures compressed by zlib, on its better server"
    " (Django's own; gunicorn with two sync workers or two of four threads). Both straight, without a gateway"
)

INGEST: Final = Row(
    "core-seed-ingest",
    3,
    f"POST of a 50 kB PNG as JSON with base64 by {CLIENTS} clients at once, each with another timestamp. {REFERENCE}.",
    "pictures/s",
    bound=5.0,
)
DOWNLOAD: Final = Row(
    "core-seed-download",
    3,
    f"GET of a 50 kB PNG by device and timestamp over {CLIENTS} connections; {PICTURES} pictures in random order."
    f" {REFERENCE}.",
    "pictures/s",
    bound=5.0,
)
ROWS: Final = (INGEST, DOWNLOAD)


class Both:
    """Sends and fetches the same on any of the addresses."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = png()
        self._run = 0
        fields = [(f"fetched-{number % 10}", stamp(number), png(number)) for number in range(PICTURES)]
        self._documents = [json_fields(*each) for each in fields]
        self._pictures = {address(device_id, timestamp): data for device_id, timestamp, data in fields}
        self._fetch = download_script(folder, "both", self._pictures)

    def fill(self, door: str) -> None:
        """Send what is fetched later. Raises `BenchmarkError` if other bytes come back."""
        with httpx.Client(base_url=door, timeout=60) as http:
            for document in self._documents:
                http.post(PATH, json=document).raise_for_status()
            for path, data in self._pictures.items():
                if http.get(path).content != data:
                    raise BenchmarkError(f"{door}{path} has other bytes")

    def ingest(self, door: str, seconds: float) -> float:
        """Pictures a second."""
        self._run += 1
        script = upload_script(self._folder, JSON, self._data, self._run)
        return load.answers(door + PATH, connections=CLIENTS, seconds=seconds, script=script).rate

    def download(self, door: str, seconds: float) -> float:
        """Pictures a second."""
        least = min(map(len, self._pictures.values()))
        return load.requests_per_second(door, "", connections=CLIENTS, seconds=seconds, body=least, script=self._fetch)


def measure(wanted: Collection[str], effort: Effort) -> Iterator[tuple[str, Result]]:
    """Both rows on one platform, beside all servers of the project."""
    rows = [row for row in ROWS if row.id in wanted]
    if not load.wrk_is_there():
        yield from ((row.id, Result("wrk not installed")) for row in rows)
        return
    try:
        seed_project.install()
    except BenchmarkError as error:
        yield from ((row.id, Result(str(error))) for row in rows)
        return
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        both = Both(folder)
        peers: dict[str, str] = {}
        for number, name in enumerate(seed_project.SERVERS):
            peers[name] = stack.enter_context(seed_project.serving(folder / f"django-{number}", name))
        platform = stack.enter_context(running_platform(**UNLIMITED))
        ours = platform.settings.local_url(SERVICE)
        for row in rows:
            if row is DOWNLOAD:
                for door in (ours, *peers.values()):
                    both.fill(door)
            yield row.id, _measure(row, both, ours, peers, effort)


def _measure(row: Row, both: Both, ours: str, peers: dict[str, str], effort: Effort) -> Result:
    rate = both.ingest if row is INGEST else both.download
    mine: list[float] = []
    theirs: dict[str, list[float]] = {name: [] for name in peers}
    for door in (ours, *peers.values()):
        rate(door, WARM_UP_SECONDS)
    for count in range(1, effort.rounds + 1):
        mine.append(rate(ours, effort.seconds))
        for name, door in peers.items():
            theirs[name].append(rate(door, effort.seconds))
        now = ", ".join(f"{name} {values[-1]:,.0f}" for name, values in theirs.items())
        progress(f"{row.id} {count}/{effort.rounds}: {mine[-1]:,.0f}; {now} {row.unit}")
    best, result = compare(mine, theirs, row)
    return Result(f"{best} was the best; {result.note}", result.value, result.reference, result.ratio)


SUBJECT: Final = Subject(ROWS, measure)
