"""Downloads over HTTP, compared with nginx, which serves the same bytes as files."""

import shutil
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import httpx

from benchmarks import load
from benchmarks.collection.documents import CBOR, PATH, address, cbor_document, download_script, png, stamp
from benchmarks.collection.targets import SERVICE, UNLIMITED
from benchmarks.harness import BenchmarkError, Effort, Result, Row, Suite, measure_in_rounds
from benchmarks.nginx import nginx
from lightbox.run.temporary import running_platform, temporary_folder

CONNECTIONS: Final = 16
PICTURES: Final = 300
WARM_UP_SECONDS: Final = 1.0
OVERHEAD_BYTES: Final = 2_000
"""More than the size of the headers of a response."""
FETCH: Final = (
    f"GET of a 50 kB PNG by device and timestamp, straight to core-collection-service, over {CONNECTIONS} connections;"
    f" {PICTURES} pictures in random order, which the service has in memory after the first time"
)

DOWNLOAD: Final = Row(
    "core-download",
    f"{FETCH}. Reference: nginx serving them as files (sendfile, its default access log in a file), with its better"
    " number of workers.",
    "pictures/s",
    bound=0.5,
)
NOT_MODIFIED: Final = Row(
    "core-not-modified",
    f"{FETCH}, each request with `If-None-Match` and answered with 304. Reference: the same without, answered in full.",
    "requests/s",
    bound=3.0,
)
ROWS: Final = (DOWNLOAD, NOT_MODIFIED)


class Download:
    """Pictures in the collection and in the folder of nginx, and scripts by which wrk requests them."""

    def __init__(self, service: str, folder: Path) -> None:
        """Upload the pictures and write the files. Raises `BenchmarkError` for an unexpected response."""
        files = folder / "files"
        files.mkdir(mode=0o755)
        paths, tags = [], []
        with httpx.Client(base_url=service, timeout=30) as http:
            for number in range(PICTURES):
                data, device_id, timestamp = png(number), f"camera-{number % 10}", stamp(number)
                (files / f"{number}.png").write_bytes(data)
                document = cbor_document(device_id, timestamp, data)
                http.post(PATH, content=document, headers={"Content-Type": CBOR}).raise_for_status()
                path = address(device_id, timestamp)
                answer = http.get(path)
                if answer.content != data or answer.headers["Content-Type"] != "image/png":
                    raise BenchmarkError(f"{path} is answered with {answer.status_code} and other bytes")
                paths.append(path)
                tags.append(answer.headers["ETag"])
            again = http.get(paths[0], headers={"If-None-Match": tags[0]})
            if again.status_code != httpx.codes.NOT_MODIFIED:
                raise BenchmarkError(f"{again.status_code} instead of 304")
        self._least = min(path.stat().st_size for path in files.iterdir())
        self._full = download_script(folder, "ours", paths)
        self._conditional = download_script(folder, "conditional", map(" ".join, zip(paths, tags, strict=True)))
        self._files = download_script(folder, "nginx", (f"/{number}.png" for number in range(PICTURES)))

    def full(self, url: str, seconds: float) -> float:
        """Complete responses of the collection a second."""
        return self._rate(url, seconds, self._full)

    def files(self, url: str, seconds: float) -> float:
        """Complete responses of nginx a second."""
        return self._rate(url, seconds, self._files)

    def not_modified(self, url: str, seconds: float) -> float:
        """Responses with 304 a second. Raises `BenchmarkError` for other responses."""
        found = load.answers(url, connections=CONNECTIONS, seconds=seconds, script=self._conditional)
        if found.bytes > found.requests * OVERHEAD_BYTES:
            raise BenchmarkError(f"{url} answered conditional requests in full")
        return found.rate

    def _rate(self, url: str, seconds: float, script: str) -> float:
        return load.requests_per_second(
            url, "", connections=CONNECTIONS, seconds=seconds, body=self._least, script=script
        )


def measure(wanted: Collection[str], effort: Effort) -> Iterator[tuple[str, Result]]:
    """Measure both rows on one platform."""
    missing = [name for name in ("nginx", "wrk") if not shutil.which(name)]
    if missing:
        yield from ((row.id, Result(f"{' and '.join(missing)} not installed")) for row in ROWS if row.id in wanted)
        return
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        folder.chmod(0o755)  # if root runs this, the workers of nginx are another user
        platform = stack.enter_context(running_platform(**UNLIMITED))
        service = platform.settings.local_url(SERVICE)
        download = Download(service, folder)
        servers = {f"nginx with {count} worker{'s' * (count > 1)}": nginx(folder, count) for count in (1, 2)}
        peers = {name: stack.enter_context(server) for name, server in servers.items()}
        download.full(service, WARM_UP_SECONDS)
        if DOWNLOAD.id in wanted:
            yield DOWNLOAD.id, _beside_nginx(download, service, peers, platform.url, effort)
        if NOT_MODIFIED.id in wanted:
            yield NOT_MODIFIED.id, _beside_itself(download, service, effort)


def _beside_nginx(download: Download, service: str, peers: dict[str, str], gateway: str, effort: Effort) -> Result:
    files = {name: partial(download.files, url, effort.seconds) for name, url in peers.items()}
    best, result = measure_in_rounds(DOWNLOAD, effort, partial(download.full, service, effort.seconds), files)
    through = download.full(gateway, effort.seconds)
    return replace(result, note=f"{best} was the better one; ours through the gateway {through:,.0f}/s; {result.note}")


def _beside_itself(download: Download, service: str, effort: Effort) -> Result:
    not_modified = partial(download.not_modified, service, effort.seconds)
    full = partial(download.full, service, effort.seconds)
    return measure_in_rounds(NOT_MODIFIED, effort, not_modified, {"full": full})[1]


SUITE: Final = Suite(ROWS, measure)
