"""Pictures of the gallery as plain files, compared with nginx."""

import shutil
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import httpx

from benchmarks import load
from benchmarks.annotation.ours import administrator
from benchmarks.collection.documents import download_script
from benchmarks.gallery.ours import SERVICE, photograph
from benchmarks.harness import BenchmarkError, Effort, Result, Row, Suite, measure_in_rounds
from benchmarks.nginx import nginx
from lightbox.run.platform import Platform
from lightbox.run.temporary import running_platform, temporary_folder

CONNECTIONS: Final = 16
PICTURES: Final = 100
WARM_UP_SECONDS: Final = 1.0
WIDTH: Final = 700
FETCH: Final = (
    f"GET of /image/file/{{id}}?w={WIDTH}, {PICTURES} pictures in random order over {CONNECTIONS} connections, which"
    " the service has in memory after the first time; a fresh copy is answered with 304."
)
REFERENCE: Final = "Reference: nginx serving the same bytes as files (sendfile), with its better number of workers."
STRAIGHT: Final = Row("gallery-file", f"{FETCH} Straight to imagehub-service. {REFERENCE}", "pictures/s", bound=0.5)
GATEWAY: Final = Row("gallery-file-gateway", f"{FETCH} Through the gateway. {REFERENCE}", "pictures/s", bound=0.3)
ROWS: Final = (STRAIGHT, GATEWAY)


class Files:
    """Pictures in the gallery and in the folder of nginx, and scripts by which wrk requests them."""

    def __init__(self, platform: Platform, folder: Path) -> None:
        """Add the pictures and write the files. Raises `BenchmarkError` for an unexpected response."""
        headers = {"Authorization": administrator(platform).authorization}
        files = folder / "files"
        files.mkdir(mode=0o755)
        paths = []
        with httpx.Client(base_url=platform.url, timeout=300) as http:
            group = _add(http, headers)
            for number, each in enumerate(http.get("/image/group", params={"group": group}).json()["data"]):
                path = f"{each['src'].partition('?')[0]}?w={WIDTH}"
                answer = http.get(path).raise_for_status()
                again = http.get(path, headers={"If-None-Match": answer.headers["etag"]})
                if again.status_code != httpx.codes.NOT_MODIFIED or "immutable" not in answer.headers["cache-control"]:
                    raise BenchmarkError(f"{path} can't be kept: {again.status_code}, {answer.headers}")
                (files / f"{number}.jpg").write_bytes(answer.content)
                paths.append(path)
        self._least = min(path.stat().st_size for path in files.iterdir())
        self._ours = download_script(folder, "ours", paths)
        self._files = download_script(folder, "nginx", (f"/{number}.jpg" for number in range(PICTURES)))

    def ours(self, url: str, seconds: float) -> float:
        """Complete responses of the gallery a second."""
        return self._rate(url, seconds, self._ours)

    def files(self, url: str, seconds: float) -> float:
        """Complete responses of nginx a second."""
        return self._rate(url, seconds, self._files)

    def _rate(self, url: str, seconds: float, script: str) -> float:
        return load.requests_per_second(
            url, "", connections=CONNECTIONS, seconds=seconds, body=self._least, script=script
        )


def _add(http: httpx.Client, headers: dict[str, str]) -> int:
    """Upload the pictures and add them to a new group. Returns its number."""
    http.get("/admin/onedrive/add-folder", params={"folder_name": "bench"}, headers=headers).raise_for_status()
    folders = http.get("/admin/onedrive/folders", headers=headers).raise_for_status().json()["folders"]
    (folder_id,) = (name for name, each in folders.items() if isinstance(each, dict))
    items = []
    for number in range(PICTURES):
        data = photograph(number, 1400, 1050)
        query = {"folder_id": folder_id, "file_name": f"{number}.jpg"}
        address = http.get("/admin/onedrive/upload-session", params=query, headers=headers).json()["sessionUrl"]
        span = {"Content-Range": f"bytes 0-{len(data) - 1}/{len(data)}"}
        item = httpx.put(address, content=data, headers=span, timeout=60).raise_for_status().json()
        items.append({"file_name": item["name"], "file_id": item["id"]})
    entry = {"all_image_id": items, "group": -1, "folder_name": "bench"}
    http.post("/admin/add/image", json={"image_list": {folder_id: entry}}, headers=headers).raise_for_status()
    (group,) = http.get("/admin/groups", headers=headers).raise_for_status().json()["data"]
    return int(group)


def measure(wanted: Collection[str], effort: Effort) -> Iterator[tuple[str, Result]]:
    """Measure both rows on one platform."""
    rows = [row for row in ROWS if row.id in wanted]
    missing = [name for name in ("nginx", "wrk") if not shutil.which(name)]
    if missing:
        yield from ((row.id, Result(f"{' and '.join(missing)} not installed")) for row in rows)
        return
    if not rows:
        return
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        folder.chmod(0o755)  # if root runs this, the workers of nginx are another user
        platform = stack.enter_context(running_platform(LIGHTBOX_RATE_UPLOAD="off"))
        files = Files(platform, folder)
        servers = {
            f"nginx with {count} worker{'s' * (count > 1)}": nginx(folder, count, probe="/0.jpg") for count in (1, 2)
        }
        peers = {name: stack.enter_context(server) for name, server in servers.items()}
        for row in rows:
            address = platform.settings.local_url(SERVICE) if row is STRAIGHT else platform.url
            files.ours(address, WARM_UP_SECONDS)
            theirs = {name: partial(files.files, url, effort.seconds) for name, url in peers.items()}
            best, result = measure_in_rounds(row, effort, partial(files.ours, address, effort.seconds), theirs)
            yield row.id, replace(result, note=f"{best} was the better one; {result.note}")


SUITE: Final = Suite(ROWS, measure)
