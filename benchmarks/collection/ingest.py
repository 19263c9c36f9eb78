"""Uploads over HTTP, compared with rows that asyncpg inserts: the cost of the service and of the gateway."""

from collections.abc import Collection, Iterator
from typing import Final

from benchmarks import load
from benchmarks.collection.documents import JSON
from benchmarks.collection.targets import CLIENTS, UNLIMITED, Ingest
from benchmarks.harness import Effort, Result, Row, Suite, compare, progress
from lightbox.run.temporary import running_platform, temporary_folder

WARM_UP_SECONDS: Final = 2.0
UPLOAD: Final = (
    f"POST of a 50 kB PNG by {CLIENTS} clients at once, CBOR with a byte string, each with another timestamp; every one"
    " that was answered with 201 is looked for in the database afterwards"
)
BARE: Final = (
    "Reference: asyncpg (uvloop) inserting rows with the same bytes into the same table of the same server, no HTTP, in"
    " its best setting"
)

STRAIGHT: Final = Row("core-ingest", f"{UPLOAD}. Straight to core-collection-service. {BARE}.", "pictures/s", 0.5)
GATEWAY: Final = Row("core-ingest-gateway", f"{UPLOAD}. Through the gateway. {BARE}.", "pictures/s", 0.4)
ROWS: Final = (STRAIGHT, GATEWAY)

PLAIN: Final = f"{CLIENTS} connections, each row a transaction"
SETTINGS: Final = {
    PLAIN: (CLIENTS, 1),
    "one connection, 16 rows a transaction": (1, 16),
    "two connections, 16 rows a transaction": (2, 16),
}


def measure(wanted: Collection[str], effort: Effort) -> Iterator[tuple[str, Result]]:
    """Measure both rows on one platform, in the same rounds."""
    rows = [row for row in ROWS if row.id in wanted]
    if not load.wrk_is_there():
        yield from ((row.id, Result("wrk not installed")) for row in rows)
        return
    with temporary_folder() as folder, running_platform(**UNLIMITED) as platform:
        ingest = Ingest(platform, folder)
        urls = {STRAIGHT.id: ingest.service, GATEWAY.id: ingest.gateway}
        ours: dict[str, list[float]] = {row.id: [] for row in rows}
        bare: dict[str, list[float]] = {name: [] for name in SETTINGS}
        for row in rows:
            ingest.http(urls[row.id], WARM_UP_SECONDS)
        for count in range(1, effort.rounds + 1):
            for row in rows:
                ours[row.id].append(ingest.http(urls[row.id], effort.seconds))
            for name, (connections, batch) in SETTINGS.items():
                bare[name].append(ingest.bare(connections, batch, effort.seconds))
            now = ", ".join(f"{name} {values[-1]:,.0f}" for name, values in (ours | bare).items())
            progress(f"{' and '.join(ours)} {count}/{effort.rounds}: {now} pictures/s")
        for row in rows:
            base64 = ingest.http(urls[row.id], effort.seconds, JSON)
            best, result = compare(ours[row.id], bare, row)
            plain = compare(ours[row.id], {PLAIN: bare[PLAIN]}, row)[1]
            note = f"{best} was the best setting; beside {PLAIN} ({plain.reference:,.0f}/s) the ratio is"
            note += f" {plain.ratio:.2f}; JSON with base64 instead {base64:,.0f}/s; {result.note}"
            yield row.id, Result(note, result.value, result.reference, result.ratio)


SUITE: Final = Suite(ROWS, measure)
