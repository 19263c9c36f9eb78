"""Pages of the gallery: compared with the way that ImageHub's description has, and with many groups beside few."""

import base64
import json
import random
import subprocess
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import httpx

from benchmarks import load
from benchmarks.collection.documents import download_script
from benchmarks.environments import PeerEnvironment
from benchmarks.gallery.ours import SERVICE, fill, thumbnails
from benchmarks.harness import FOLDER, BenchmarkError, Effort, Result, Row, Suite, measure_in_rounds
from benchmarks.running import free_port, running
from lightbox.run.postgres import PostgresServer
from lightbox.run.temporary import running_platform, temporary_folder

CLIENTS: Final = 16
GROUPS: Final = 10_000
MANY, FEW = 100_000, 100
PAGE: Final = 12
PAGES_ASKED: Final = 500
WARM_UP_SECONDS: Final = 2.0
LEAST_BYTES: Final = PAGE * 4_000
ENVIRONMENT: Final = PeerEnvironment("ImageHub", Path(__file__).with_name("seed-requirements.txt"))
SEED_DATABASE: Final = "imagehub"

PEER: Final = Row(
    "gallery-page",
    f"GET /image/page of {PAGE} thumbnails in base64, {GROUPS:,} groups of one picture, {CLIENTS} clients, random"
    " pages, through the gateway. Reference: the way that ImageHub's description has, straight and without a gateway:"
    " three base64 columns an image, all groups listed for each request, synchronous SQLAlchemy on PostgreSQL, with"
    " one or two processes of uvicorn, the better of them.",
    "pages/s",
    bound=10.0,
)
SCALE: Final = Row(
    "gallery-page-scale",
    f"Median of GET /image/page, random pages, one request after the other, straight to imagehub-service, with {MANY:,}"
    f" groups. Reference: with {FEW}. Of {MANY:,} groups most pages that are asked for are not in memory.",
    "s",
    bound=1.5,
    better="less",
)
ROWS: Final = (PEER, SCALE)


def measure(wanted: Collection[str], effort: Effort) -> Iterator[tuple[str, Result]]:
    """Measure each row on platforms of its own."""
    if not load.wrk_is_there():
        yield from ((row.id, Result("wrk not installed")) for row in ROWS if row.id in wanted)
        return
    if PEER.id in wanted:
        yield PEER.id, _beside_the_seed(effort)
    if SCALE.id in wanted:
        yield SCALE.id, _many_beside_few(effort)


def _beside_the_seed(effort: Effort) -> Result:
    try:
        ENVIRONMENT.install()
    except BenchmarkError as error:
        return Result(str(error))
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        platform = stack.enter_context(running_platform())
        fill(platform, GROUPS)
        url = _filled(stack.enter_context(PostgresServer.at(folder / "imagehub")), folder)
        script = _pages(folder, GROUPS)
        peers = {f"{count} process{'es' * (count > 1)}": stack.enter_context(_serving(url, count)) for count in (1, 2)}
        for address in (platform.url, *peers.values()):
            _rate(address, script, WARM_UP_SECONDS)
        ways = {name: partial(_rate, address, script, effort.seconds) for name, address in peers.items()}
        best, result = measure_in_rounds(PEER, effort, partial(_rate, platform.url, script, effort.seconds), ways)
        return Result(f"{best} was the better one; {result.note}", result.value, result.reference, result.ratio)


def _many_beside_few(effort: Effort) -> Result:
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        sides = []
        for groups in (MANY, FEW):
            platform = stack.enter_context(running_platform())
            fill(platform, groups)
            sides.append((platform.settings.local_url(SERVICE), _pages(folder, groups)))
        for address, script in sides:
            _median(address, script, WARM_UP_SECONDS)
        ours, peer = (partial(_median, *side, effort.seconds) for side in sides)
        return measure_in_rounds(SCALE, effort, ours, {"few": peer})[1]


def _pages(folder: Path, groups: int) -> str:
    """A script that asks for random pages."""
    chosen = random.Random(1)  # noqa: S311 - not for secrets
    last = -(-groups // PAGE)
    paths = (f"/image/page?page={chosen.randint(1, last)}" for _ in range(PAGES_ASKED * (1 + groups // 20_000)))
    return download_script(folder, f"pages-{groups}", paths)


def _rate(address: str, script: str, seconds: float) -> float:
    return load.requests_per_second(address, "", connections=CLIENTS, seconds=seconds, body=LEAST_BYTES, script=script)


def _median(address: str, script: str, seconds: float) -> float:
    return load.answers(address, connections=1, seconds=seconds, script=script).median


def _filled(server: PostgresServer, folder: Path) -> str:
    """The URL of a database with the seed's table."""
    server.sql(f"CREATE DATABASE {SEED_DATABASE}", "postgres")
    url = server.url(SEED_DATABASE).replace("postgresql://", "postgresql+psycopg://", 1)
    path = folder / "thumbnails.json"
    shown = [f"data:image/png;base64,{base64.b64encode(data).decode()}" for data in thumbnails()]
    path.write_text(json.dumps(shown), encoding="ascii")
    command = [ENVIRONMENT.program("python"), "-m", "benchmarks.gallery.seed_app", "fill", str(GROUPS), str(path)]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=FOLDER.parent, env={"DATABASE_URL": url}
    )
    if done.returncode:
        raise BenchmarkError(done.stderr[-2000:])
    return url


@contextmanager
def _serving(url: str, processes: int) -> Iterator[str]:
    address = f"http://127.0.0.1:{(port := free_port())}"
    options = ["--port", str(port), "--workers", str(processes), "--no-access-log"]
    command = [ENVIRONMENT.program("python"), "-m", "uvicorn", "benchmarks.gallery.seed_app:app", *options]
    with running(command, f"{address}/image/page?page=1", FOLDER.parent, DATABASE_URL=url):
        with httpx.Client(base_url=address, timeout=30) as http:
            if len(http.get("/image/page?page=7").json()["data"]) != PAGE:
                raise BenchmarkError("the seed's way answers no page")
        yield address


SUITE: Final = Suite(ROWS, measure)
