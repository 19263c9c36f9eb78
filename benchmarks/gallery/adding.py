"""Adding photographs to the gallery, compared with libvips in a plain loop."""

import json
import os
import subprocess
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.annotation.ours import administrator
from benchmarks.environments import PeerEnvironment
from benchmarks.gallery.ours import photograph
from benchmarks.harness import BenchmarkError, Effort, Result, Row, Suite, measure_in_rounds, progress
from lightbox.run.platform import Platform
from lightbox.run.temporary import running_platform, temporary_folder

PICTURES: Final = 200
DIFFERENT: Final = 20
"""How many different photographs there are. Bytes behind the end, which decoders ignore, make each file another one."""
WIDTH, HEIGHT = 4000, 3000
CHUNK_BYTES: Final = 10 * 327_680
ENVIRONMENT: Final = PeerEnvironment("libvips", Path(__file__).with_name("vips-requirements.txt"))

ADDING: Final = Row(
    "gallery-adding",
    f"POST /admin/add/image through the gateway: {PICTURES} JPEGs of 12 megapixels of the built-in drive become"
    " pictures of a new group, in the database with both sizes, thumbhash and hashes. Reference: the same two sizes"
    " made of the same files by libvips in a loop, one process a core, nothing stored.",
    "pictures/s",
    bound=0.8,
)


class Adding:
    """The files in a folder of this machine and in one of the drive."""

    def __init__(self, platform: Platform, folder: Path) -> None:
        """Make the files and upload them. Raises `BenchmarkError` and `httpx.HTTPError`."""
        self._headers = {"Authorization": administrator(platform).authorization}
        self._url = platform.url
        self.folder = folder / "photographs"
        self.folder.mkdir()
        made = [photograph(number, WIDTH, HEIGHT) for number in range(DIFFERENT)]
        for number in range(PICTURES):
            (self.folder / f"{number:03}.jpg").write_bytes(made[number % DIFFERENT] + os.urandom(16))
        progress(f"{PICTURES} photographs of {sum(map(len, made)) / DIFFERENT / 1e6:.1f} MB on average")
        with httpx.Client(base_url=self._url, headers=self._headers, timeout=300) as http:
            self._code(http.get("/admin/onedrive/add-folder", params={"folder_name": "photographs"}))
            folders = self._code(http.get("/admin/onedrive/folders"))["folders"]
            (self._folder_id,) = (name for name, each in folders.items() if isinstance(each, dict))
            files = [self._upload(http, path) for path in sorted(self.folder.iterdir())]
        entry = {"all_image_id": files, "group": -1, "folder_name": "photographs"}
        self._body = {"image_list": {self._folder_id: entry}}

    def ours(self) -> float:
        """Pictures a second of the gallery."""
        with httpx.Client(base_url=self._url, headers=self._headers, timeout=300) as http:
            before = set(http.get("/admin/groups").raise_for_status().json()["data"])
            begin = time.perf_counter()
            self._code(http.post("/admin/add/image", json=self._body))
            took = time.perf_counter() - begin
            (group,) = set(http.get("/admin/groups").raise_for_status().json()["data"]) - before
            shown = http.get("/image/group", params={"group": group}).raise_for_status().json()["data"]
            if len(shown) != PICTURES:
                raise BenchmarkError(f"{len(shown)} pictures were added instead of {PICTURES}")
        return PICTURES / took

    def vips(self, processes: int) -> float:
        """Pictures a second of libvips."""
        program = str(Path(__file__).with_name("vips_loop.py"))
        command = [ENVIRONMENT.program("python"), program, str(self.folder), str(processes)]
        environment = {**os.environ, "VIPS_CONCURRENCY": "1"}
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise BenchmarkError(done.stderr[-2000:])
        found = json.loads(done.stdout)
        return float(found["pictures"] / found["seconds"])

    def _upload(self, http: httpx.Client, path: Path) -> dict[str, str]:
        query = {"folder_id": self._folder_id, "file_name": path.name}
        address = self._code(http.get("/admin/onedrive/upload-session", params=query))["sessionUrl"]
        data, item = path.read_bytes(), {}
        for start in range(0, len(data), CHUNK_BYTES):
            chunk = data[start : start + CHUNK_BYTES]
            span = f"bytes {start}-{start + len(chunk) - 1}/{len(data)}"
            item = (
                httpx.put(address, content=chunk, headers={"Content-Range": span}, timeout=60).raise_for_status().json()
            )
        return {"file_name": item["name"], "file_id": item["id"]}

    @staticmethod
    def _code(answer: httpx.Response) -> dict[str, Any]:
        body: dict[str, Any] = answer.raise_for_status().json()
        if body["code"] != 1:
            raise BenchmarkError(f"{answer.url}: {body}")
        return body


def measure(wanted: Collection[str], effort: Effort) -> Iterator[tuple[str, Result]]:
    """Measure the row."""
    if ADDING.id not in wanted:
        return
    try:
        ENVIRONMENT.install()
    except BenchmarkError as error:
        yield ADDING.id, Result(str(error))
        return
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        adding = Adding(stack.enter_context(running_platform(LIGHTBOX_RATE_UPLOAD="off")), folder)
        adding.ours()
        cores = len(os.sched_getaffinity(0))
        peers = {f"{cores} processes": partial(adding.vips, cores)}
        yield ADDING.id, measure_in_rounds(ADDING, effort, adding.ours, peers)[1]


SUITE: Final = Suite((ADDING,), measure)
