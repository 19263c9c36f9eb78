"""Uploads over CoAP (RFC 7252, Block1 of RFC 7959): compared with aiocoap's file server, and of many devices at
once."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.collection.documents import PATH, png
from benchmarks.collection.targets import DATABASE, UNLIMITED
from benchmarks.harness import BenchmarkError, Effort, Result, Row, Suite, measure_in_rounds, progress
from benchmarks.running import server_of
from lightbox.run.platform import Platform
from lightbox.run.temporary import running_platform, temporary_folder

SIDE: Final = 141
"""The width and height of a grey picture of noise that has 20 kB as a PNG."""
DEVICES: Final = 50
READY_SECONDS: Final = 10.0
PING: Final = b"\x40\x00\x00\x01"
"""An empty confirmable message, which every server answers with a reset (RFC 7252 section 4.3)."""

UPLOAD: Final = Row(
    "core-coap-upload",
    "Median of a 20 kB PNG sent over CoAP on loopback by Block1 (blocks of 1 kB), one after the other, as CBOR with a"
    " byte string; the collection keeps it in its database. Reference: the same client's PUT of the same bytes to"
    " `aiocoap-fileserver --write`.",
    "s",
    bound=1.5,
    better="less",
)
AT_ONCE: Final = Row(
    "core-coap-devices",
    f"How many uploads of 20 kB PNGs over CoAP fail, of {DEVICES} devices that send without a pause at the same time;"
    " the database has as many rows afterwards as were answered with success.",
    "failures",
    bound=1,
    judged="value",
    better="less",
)
ROWS: Final = (UPLOAD, AT_ONCE)


@contextmanager
def file_server(folder: Path) -> Iterator[str]:
    """Run aiocoap's example of a file server. Yields the URL of a file on it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    root = folder / "files"
    root.mkdir()
    program = Path(sys.executable).parent / "aiocoap-fileserver"
    command = [str(program), "--write", "--bind", f"127.0.0.1:{port}", str(root)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for_coap(port)
            yield f"coap://127.0.0.1:{port}/picture.png"
        finally:
            process.terminate()


def wait_for_coap(port: int) -> None:
    """Wait until a CoAP server answers at a UDP port. Raises `BenchmarkError` after `READY_SECONDS`."""
    deadline = time.monotonic() + READY_SECONDS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.2)
        probe.connect(("127.0.0.1", port))
        while time.monotonic() < deadline:
            try:
                probe.send(PING)
                if probe.recv(16):
                    return
            except TimeoutError:
                continue
            except ConnectionRefusedError:
                time.sleep(0.05)
    raise BenchmarkError(f"no CoAP server answers at UDP port {port}")


def client(*options: str) -> dict[str, Any]:
    """Run `benchmarks.collection.coap_client`, and return what it prints. Raises `BenchmarkError` if it fails."""
    command = [sys.executable, "-m", "benchmarks.collection.coap_client", *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(f"over CoAP: {done.stderr.strip()[-1000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(wanted: Collection[str], effort: Effort) -> Iterator[tuple[str, Result]]:
    """Measure both rows on one platform."""
    with temporary_folder() as folder, running_platform(**UNLIMITED) as platform:
        if platform.coap is None or not platform.coap.serves_coap:
            raise BenchmarkError("the platform does not serve CoAP")
        wait_for_coap(platform.coap.coap_udp_port)
        address = platform.coap.coap_url + PATH
        picture = folder / "picture.png"
        picture.write_bytes(png(side=SIDE))
        if UPLOAD.id in wanted:
            with file_server(folder) as file:
                yield UPLOAD.id, _upload(address, file, picture, effort)
        if AT_ONCE.id in wanted:
            yield AT_ONCE.id, _at_once(platform, address, picture, effort)


def _upload(address: str, file: str, picture: Path, effort: Effort) -> Result:
    def median(method: str, url: str) -> float:
        return float(client("one", method, url, str(picture), str(effort.seconds))["median"])

    peers = {"file server": partial(median, "PUT", file)}
    return measure_in_rounds(UPLOAD, effort, partial(median, "POST", address), peers)[1]


def _at_once(platform: Platform, address: str, picture: Path, effort: Effort) -> Result:
    postgres = server_of(platform)
    failures: list[str] = []
    rates: list[float] = []
    for count in range(1, effort.rounds + 1):
        postgres.sql("TRUNCATE pictures, devices", DATABASE)
        found = client("many", address, str(picture), str(DEVICES), str(effort.seconds))
        there = int(postgres.sql("SELECT count(*) FROM pictures", DATABASE))
        if there < found["pictures"]:
            raise BenchmarkError(f"{found['pictures']} pictures should be there and {there} are")
        failures += found["failures"]
        rates.append(found["pictures"] / found["seconds"])
        progress(f"{AT_ONCE.id} {count}/{effort.rounds}: {rates[-1]:,.1f} pictures/s, {len(failures)} failures so far")
    note = f"rounds {', '.join(f'{each:,.0f}' for each in rates)} pictures/s"
    return Result("; ".join([note, *failures[:3]]), float(len(failures)))


SUITE: Final = Suite(ROWS, measure)
