"""Measuring uploads: sending pictures, and counting the rows of the database afterwards."""

import hashlib
import json
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Final

from benchmarks import load
from benchmarks.collection.documents import CBOR, PATH, png, upload_script
from benchmarks.harness import BenchmarkError
from benchmarks.running import server_of
from lightbox.run.platform import Platform
from lightbox_shared.installation import service_named

SERVICE: Final = "core-collection-service"
DATABASE: Final = service_named(SERVICE).database
CLIENTS: Final = 16
UNLIMITED: Final = {
    "LIGHTBOX_RATE_UPLOAD": "off",
    "LIGHTBOX_ANONYMOUS_PICTURES_PER_DAY": "0",
    "LIGHTBOX_ANONYMOUS_BYTES_PER_DAY": "0",
    "LIGHTBOX_ANONYMOUS_TOTAL_BYTES": "0",
}
"""Settings without the rate limit of uploads, since all clients have the same address."""


class Ingest:
    """Measures how many pictures are stored a second. Before each measurement the table is truncated, with a
    checkpoint."""

    def __init__(self, platform: Platform, folder: Path) -> None:
        """`folder` is for the scripts of wrk. Raises `BenchmarkError` without a database server."""
        self.gateway = platform.url
        self.service = platform.settings.local_url(SERVICE)
        self.postgres = server_of(platform)
        if self.postgres.sql("SHOW fsync") != "on":
            raise BenchmarkError("the database does not wait for its disk")
        self._folder = folder
        self._data = png()
        self._picture = folder / "picture.png"
        self._picture.write_bytes(self._data)
        self._runs = count()

    def http(self, address: str, seconds: float, media_type: str = CBOR) -> float:
        """Pictures a second that were answered with 201. Raises `BenchmarkError` if one of them is not in the table."""
        self._empty()
        script = upload_script(self._folder, media_type, self._data, next(self._runs))
        answered = load.answers(address + PATH, connections=CLIENTS, seconds=seconds, script=script)
        # A picture that was stored before would be answered with 200, and no row would be inserted.
        self._check(answered.requests, answered.requests + CLIENTS)
        return answered.rate

    def bare(self, connections: int, batch: int, seconds: float) -> float:
        """Rows a second that asyncpg inserts without a service."""
        self._empty()
        url = self.postgres.url(DATABASE, user=DATABASE)
        options = [url, str(self._picture), str(connections), str(batch), str(seconds)]
        command = [sys.executable, "-m", "benchmarks.collection.bare", *options]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise BenchmarkError(done.stderr)
        summary = json.loads(done.stdout)
        self._check(summary["rows"], summary["rows"])
        return float(summary["rows"] / summary["seconds"])

    def _empty(self) -> None:
        for statement in ("TRUNCATE pictures, devices", "CHECKPOINT"):
            self.postgres.sql(statement, DATABASE)

    def _check(self, least: int, most: int) -> None:
        """Check the number of rows. When wrk stops, its last requests have no response, so there may be more rows."""
        same = "SELECT count(*) FROM pictures WHERE data = (SELECT data FROM pictures LIMIT 1)"
        found = int(self.postgres.sql(same, DATABASE))
        digest = self.postgres.sql("SELECT encode(sha256(data), 'hex') FROM pictures LIMIT 1", DATABASE)
        if not least <= found <= most or digest != hashlib.sha256(self._data).hexdigest():
            raise BenchmarkError(f"{least} to {most} pictures should be there and {found} are")
