"""The memory of the platform: at rest, and of the gateway during a large upload."""

import http.client
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from benchmarks.harness import FOLDER, BenchmarkError, Effort, Result, Row, Suite, progress
from benchmarks.open_gateway import PREFIX
from benchmarks.running import free_port, gateway_beside, running, sign_up
from lightbox.run.temporary import free_port_block, running_platform, temporary_folder

Done = TypeVar("Done")

MB: Final = 1024 * 1024
UPLOAD_BYTES: Final = 100 * MB
SAMPLE_SECONDS: Final = 0.002
UPLOADS: Final = 3
SETTLE_SECONDS: Final = 5.0
CONSOLE: Final = FOLDER.parent / "console" / "dist"

UPLOAD: Final = Row(
    "gateway-upload-memory",
    "How much a 100 MB upload, through the gateway to a service that reads it slowly, adds to the gateway's resident"
    " memory: peak during the upload minus before. No route of the platform takes 100 MB, so the gateway runs with its"
    " own code and one more route.",
    "MB",
    bound=16,
    judged="value",
    better="less",
)
IDLE: Final = Row(
    "idle-memory",
    "Resident memory of all processes of `make run` at rest, the database server's and the launcher's included. The"
    " sum counts memory that processes share once for each of them.",
    "MB",
    bound=900,
    judged="value",
    better="less",
)


def resident(pid: int) -> int:
    """The resident memory of a process (VmRSS), in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise BenchmarkError(f"process {pid} has ended")


def proportional(pid: int) -> int:
    """The proportional memory of a process (PSS), in bytes: shared pages are divided among their processes."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise BenchmarkError(f"process {pid} has ended")


def family(pid: int) -> list[int]:
    """The ids of a process and of its descendants."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                after_name = (entry / "stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1]
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents[int(entry.name)] = int(after_name.split()[1])
    found = [pid]
    for each in found:  # grows during the loop
        found += [child for child, parent in parents.items() if parent == each]
    return found


def idle() -> Result:
    """Start the platform as `make run` does, wait, and add up the memory of its processes."""
    port = free_port_block()
    command = [str(Path(sys.executable).with_name("lightbox")), "run"]
    with temporary_folder() as folder:
        # With a setting for the console `make run` does not build it, whose processes would be counted.
        settings = {"LIGHTBOX_DATA_DIR": str(folder), "LIGHTBOX_PORT": str(port), "LIGHTBOX_CONSOLE_DIR": str(CONSOLE)}
        with running(command, f"http://127.0.0.1:{port}/readyz", **settings) as process:
            time.sleep(SETTLE_SECONDS)
            pids = family(process.pid)
            sizes: Counter[str] = Counter()
            for pid in pids:
                sizes[_name(pid)] += resident(pid)
            pss = sum(map(proportional, pids))
    each = ", ".join(f"{name} {size / MB:.0f}" for name, size in sizes.items())
    note = f"without counting shared memory twice (PSS) {pss / MB:.0f} MB; {len(pids)} processes: {each}"
    return Result(note, sizes.total() / MB)


def _name(pid: int) -> str:
    """The name of the service or program that a process runs, without the status that PostgreSQL adds to it."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().split()
    if "lightbox_shared.serve" in words:
        return words[-1]
    return "PostgreSQL" if "postgres" in words[0] else "launcher"


def upload() -> Result:
    """The largest increase of several uploads, of which the first one goes to a gateway that was just started."""
    upstream, port = free_port(), free_port()
    address = f"http://127.0.0.1:{upstream}"
    with (
        running([sys.executable, "-m", "benchmarks.upstream", str(upstream)], address + "/healthz"),
        running_platform() as platform,
    ):
        token = sign_up(platform)
        settings = gateway_beside(platform, port, address)
        command = [sys.executable, "-m", "benchmarks.open_gateway"]
        with running(command, f"http://127.0.0.1:{port}/readyz", **settings) as gateway:
            added = []
            for count in range(1, UPLOADS + 1):
                added.append(_added_by_upload(gateway.pid, port, token) / MB)
                progress(f"{UPLOAD.id} {count}/{UPLOADS}: {added[-1]:.1f} MB")
    note = f"the largest of {UPLOADS}; median {statistics.median(added):.1f} MB"
    return Result(note, max(added), UPLOAD.bound)


def _added_by_upload(pid: int, port: int, token: str) -> int:
    def send() -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Authorization": f"Bearer {token}", "Content-Length": str(UPLOAD_BYTES)}
        piece = os.urandom(MB)
        connection.request("POST", PREFIX, (piece for _ in range(UPLOAD_BYTES // MB)), headers)
        status = connection.getresponse().status
        connection.close()
        return status

    added, answer = added_meanwhile(pid, send)
    if answer != http.client.OK:
        raise BenchmarkError(f"the upload was answered by {answer}")
    return added


def added_meanwhile(pid: int, work: Callable[[], Done]) -> tuple[int, Done]:
    """Run `work` in a thread. Returns how much larger the resident memory of a process was at its peak meanwhile than
    before, in bytes, and what `work` returns. Raises what it raises."""
    before = peak = resident(pid)
    with ThreadPoolExecutor(1) as thread:
        working = thread.submit(work)
        while not working.done():
            peak = max(peak, resident(pid))
            time.sleep(SAMPLE_SECONDS)
    return peak - before, working.result()


def measure(wanted: Collection[str], _effort: Effort) -> Iterator[tuple[str, Result]]:
    """Measure both rows."""
    if UPLOAD.id in wanted:
        yield UPLOAD.id, upload()
    if IDLE.id in wanted:
        yield IDLE.id, idle()


SUITE: Final = Suite((UPLOAD, IDLE), measure)
