"""Whether requests of a picture, or of a page of the list, take longer with a thousand times as many pictures."""

import random
import sys
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote

import httpx

from benchmarks import load
from benchmarks.collection.documents import FIRST, PATH, address, download_script, stamp
from benchmarks.collection.targets import SERVICE
from benchmarks.harness import BenchmarkError, Effort, Result, Row, Suite, measure_in_rounds, progress
from benchmarks.running import running
from lightbox.run.postgres import PostgresServer
from lightbox.run.temporary import free_port_block, temporary_folder
from lightbox_shared.process.ports import port_of

PAGE: Final = 50
REQUESTS: Final = 500
WARM_UP_SECONDS: Final = 1.0
KINDS: Final = ("all devices", "one device")
HERE: Final = "straight to core-collection-service, one request after the other"

LIST: Final = Row(
    "core-list-scale",
    f"Median of a page of {PAGE} pictures before some instant, {HERE}, with 5,000,000 pictures of 2,000 devices; of all"
    " devices or of one, the worse of the two. Reference: the same with 5,000 pictures of 50 devices.",
    "s",
    bound=2.0,
    better="less",
)
GET: Final = Row(
    "core-get-scale",
    f"Median of GET by device and timestamp, {HERE}, with 5,000,000 pictures of a few bytes. Reference: with 5,000.",
    "s",
    bound=2.0,
    better="less",
)
ROWS: Final = (LIST, GET)

# Devices take turns, a picture a second. In the transaction that truncates the tables the server writes no WAL.
FILL: Final = """
BEGIN;
TRUNCATE pictures, devices;
INSERT INTO pictures (collection, device_id, taken_at, received_at, media_type, width, height, size, sha256,
                      stored_size, data)
SELECT 'images', 'camera-' || n % {devices}, at, at, 'image/png', 20, 20, 4, int8send(n) || '\\x{rest}', 4, int4send(n)
  FROM generate_series(0, {pictures} - 1) AS n,
       LATERAL (SELECT '{first}'::timestamptz + n * '1 s'::interval AS at) AS t;
INSERT INTO devices (collection, device_id, pictures, bytes, stored_bytes, first_taken_at, last_taken_at,
                     first_seen_at, last_seen_at)
SELECT collection, device_id, count(*), sum(size), sum(stored_size), min(taken_at), max(taken_at), min(received_at),
       max(received_at)
  FROM pictures GROUP BY collection, device_id;
COMMIT;
"""
NO_LOG: Final = ("wal_level=minimal", "max_wal_senders=0")


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a collection: the number of pictures and of devices."""

    name: str
    pictures: int
    devices: int


MANY: Final = Size("many", 5_000_000, 2_000)
FEW: Final = Size("few", 5_000, 50)


class Filled:
    """A collection of a certain size, and scripts by which wrk sends requests to it."""

    def __init__(self, service: str, folder: Path, size: Size) -> None:
        """Write the scripts. Raises `BenchmarkError` for an unexpected response to one of the requests."""
        self._service = service
        # Not from the beginning of the collection, where a page of one device would not be full.
        chosen = random.Random(1)  # noqa: S311 - not for secrets
        numbers = [chosen.randrange(PAGE * size.devices, size.pictures) for _ in range(REQUESTS)]
        paths = {
            "all devices": [_page(number) for number in numbers],
            "one device": [_page(number, f"camera-{number % size.devices}") for number in numbers],
            "picture": [address(f"camera-{number % size.devices}", stamp(number)) for number in numbers],
        }
        with httpx.Client(base_url=service, timeout=60) as http:
            for kind in KINDS:
                found = http.get(paths[kind][0]).raise_for_status().json()
                if len(found["pictures"]) != PAGE:
                    raise BenchmarkError(f"{paths[kind][0]} is no page of {PAGE}")
            if http.get(paths["picture"][0]).content != numbers[0].to_bytes(4, "big"):
                raise BenchmarkError(f"{paths['picture'][0]} has other bytes")
        self._scripts = {kind: download_script(folder, f"{size.name}-{kind}", each) for kind, each in paths.items()}

    def median(self, kind: str, seconds: float) -> float:
        """The median time of a request, in seconds."""
        return load.answers(self._service, connections=1, seconds=seconds, script=self._scripts[kind]).median


def _page(number: int, device_id: str | None = None) -> str:
    device = "" if device_id is None else f"&deviceId={device_id}"
    return f"{PATH}?to={quote(stamp(number + 1), safe='')}&limit={PAGE}{device}"


@contextmanager
def filled(postgres: PostgresServer, folder: Path, size: Size) -> Iterator[Filled]:
    """Run the service on a database with a collection of this size."""
    database = f"collection_{size.name}"
    postgres.ensure_database(database)
    port = free_port_block()
    service = f"http://127.0.0.1:{port_of(SERVICE, port)}"
    settings = {
        "LIGHTBOX_PORT": str(port),
        "LIGHTBOX_DATABASE_URL": postgres.url(database, user=database),
        "LIGHTBOX_SECRET_KEY": "only for a benchmark, never elsewhere",
        "LIGHTBOX_CLIENT_SECRET": "unused",
        "LIGHTBOX_COAP": "false",
        "LIGHTBOX_ANONYMOUS_RETENTION_DAYS": "0",
        "LIGHTBOX_RESPONSE_CACHE_BYTES": "0",  # so that each response is read from the table
    }
    command = [sys.executable, "-m", "lightbox_shared.serve", SERVICE]
    with running(command, service + "/readyz", **settings):
        rest = "00" * 24  # with the eight bytes of the number it is as long as a digest
        first = FIRST.isoformat()
        postgres.sql(FILL.format(devices=size.devices, pictures=size.pictures, first=first, rest=rest), database)
        postgres.sql("VACUUM ANALYZE", database)
        progress(f"{size.pictures:,} pictures are there")
        yield Filled(service, folder, size)


def measure(wanted: Collection[str], effort: Effort) -> Iterator[tuple[str, Result]]:
    """Measure both rows, on one server with two databases."""
    rows = [row for row in ROWS if row.id in wanted]
    if not load.wrk_is_there():
        yield from ((row.id, Result("wrk not installed")) for row in rows)
        return
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        postgres = stack.enter_context(PostgresServer.at(folder, NO_LOG))
        many = stack.enter_context(filled(postgres, folder, MANY))
        few = stack.enter_context(filled(postgres, folder, FEW))
        for row in rows:
            kinds = KINDS if row is LIST else ("picture",)
            results = {kind: _measure(row, kind, many, few, effort) for kind in kinds}
            worst = max(results, key=lambda kind: results[kind].ratio or 0.0)
            result = results[worst]
            notes = [
                f"{kind} {each.value:.4g} s, few {each.reference:.4g} s: {each.note}" for kind, each in results.items()
            ]
            yield row.id, Result("; ".join(notes), result.value, result.reference, result.ratio)


def _measure(row: Row, kind: str, many: Filled, few: Filled, effort: Effort) -> Result:
    for side in (many, few):
        side.median(kind, WARM_UP_SECONDS)
    ours, peer = (partial(side.median, kind, effort.seconds) for side in (many, few))
    return measure_in_rounds(row, effort, ours, {"few": peer}, detail=f" ({kind})")[1]


SUITE: Final = Suite(ROWS, measure)
