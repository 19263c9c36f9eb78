"""The list of accounts: whether a page takes longer with a thousand times as many accounts."""

import statistics
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from typing import Final

import httpx

from benchmarks.harness import BenchmarkError, Effort, Result, Row, Suite, measure_in_rounds
from benchmarks.running import server_of
from lightbox.run.platform import Platform
from lightbox.run.temporary import running_platform

FEW: Final = 1_000
MANY: Final = 1_000_000
PAGE: Final = 50
WARM_UP_SECONDS: Final = 1.0

LIST: Final = Row(
    "accounts-list",
    f"Median of GET /accounts?limit={PAGE} by an administrator, through the gateway, one request after the other, with"
    f" {MANY:,} accounts. Reference: the same with {FEW:,}.",
    "s",
    bound=2.0,
    better="less",
)

# Six per cent wait for approval and a few are doctors, as in a hospital with self-registration.
FILL: Final = """
INSERT INTO accounts (username, username_key, authority, nickname, email)
SELECT 'person-' || n, 'person-' || n, CASE WHEN n % 16 = 0 THEN 100 WHEN n % 10 = 0 THEN 102 ELSE 103 END,
       'Person ' || n, 'person-' || n || '@lab.local'
  FROM generate_series(1, {count}) AS n
"""


class Listing:
    """A platform with a number of accounts, and a client that reads the first page of their list."""

    def __init__(self, platform: Platform, http: httpx.Client, accounts: int) -> None:
        """Fill the database of the platform. Raises `BenchmarkError` if the number of accounts is not as expected."""
        postgres = server_of(platform)
        postgres.sql(FILL.format(count=accounts), "lightbox_auth")
        postgres.sql("VACUUM ANALYZE", "lightbox_auth")
        password = (platform.data_dir / "admin-password").read_text(encoding="utf-8").strip()
        answer = http.post("/authorization", json={"username": "admin", "password": password}).raise_for_status()
        http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        http.cookies.clear()
        self._http = http
        self._total = accounts + 1

    def median(self, seconds: float) -> float:
        """The median time of a request, in seconds. Raises `BenchmarkError` for an unexpected response."""
        took: list[float] = []
        until = time.perf_counter() + seconds
        while (before := time.perf_counter()) < until:
            answer = self._http.get("/accounts", params={"limit": PAGE})
            took.append(time.perf_counter() - before)
            if answer.status_code != httpx.codes.OK or answer.json()["total"] != self._total:
                raise BenchmarkError(f"{answer.status_code}: {answer.text[:500]}")
        return statistics.median(took)


def measure(_wanted: Collection[str], effort: Effort) -> Iterator[tuple[str, Result]]:
    """Measure on two platforms that run at the same time."""
    with ExitStack() as stack:
        sides: list[Listing] = []
        for accounts in (MANY, FEW):
            platform = stack.enter_context(running_platform())
            http = stack.enter_context(httpx.Client(base_url=platform.url, timeout=60))
            sides.append(Listing(platform, http, accounts))
        many, few = sides
        for side in sides:
            side.median(WARM_UP_SECONDS)
        peers = {f"{FEW:,} accounts": lambda: few.median(effort.seconds)}
        yield LIST.id, measure_in_rounds(LIST, effort, lambda: many.median(effort.seconds), peers)[1]


SUITE: Final = Suite((LIST,), measure)
