"""Load generators, in separate processes, so that they share no lock with the programs that are measured.

Uploads (dozens a second) are sent by Python clients in threads, which check every response. Small requests (thousands a
second) are sent by wrk, which uses the least processor time: what a generator uses is missing for the program that is
measured, and more so for a faster one.
"""

import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks.harness import BenchmarkError

WARM_UP_SECONDS: Final = 1.0
TIMEOUT_SECONDS: Final = 30
"""The timeout of wrk. Its default of 2 s is too short for logins on a busy machine."""
BOUNDARY: Final = "lightbox-benchmark"
WRK_SUMMARY: Final = """\
done = function(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('\\n{"requests": %d, "microseconds": %d, "failed": %d, "bytes": %.0f, "median": %d}\\n',
    summary.requests, summary.duration, failed, summary.bytes, latency:percentile(50)))
end
"""


def wrk_is_there() -> bool:
    """Whether wrk is installed."""
    return shutil.which("wrk") is not None


@dataclass(frozen=True, slots=True)
class Answers:
    """The summary of wrk: the number of responses, their bytes with headers, and the median time in seconds."""

    requests: int
    seconds: float
    bytes: int
    median: float

    @property
    def rate(self) -> float:
        """Responses a second."""
        return self.requests / self.seconds


def answers(url: str, token: str = "", *, connections: int, seconds: float, script: str = "") -> Answers:
    """Send GET requests, or those of a script for wrk, one after the other on each connection.

    Raises `BenchmarkError` if a request fails.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script + WRK_SUMMARY)
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", file.name]
        command += ["--timeout", f"{TIMEOUT_SECONDS}s"]
        command += ["-H", f"Authorization: Bearer {token}"] if token else []
        command.append(url)
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(f"wrk fails on {url}: {done.stdout}{done.stderr}")
    summary: dict[str, int] = json.loads(done.stdout.rstrip().rsplit("\n", 1)[1])
    if summary["failed"] or not summary["requests"]:
        raise BenchmarkError(f"{url} did not answer properly: {done.stdout}")
    median = summary["median"] / 1e6
    return Answers(summary["requests"], summary["microseconds"] / 1e6, summary["bytes"], median)


def requests_per_second(
    url: str, token: str, *, connections: int, seconds: float, body: int, script: str = ""
) -> float:
    """Like `answers`, but returns only the rate, and checks that each response has `body` bytes or more.

    Raises `BenchmarkError` if a request fails.
    """
    found = answers(url, token, connections=connections, seconds=seconds, script=script)
    if found.bytes < found.requests * body:
        raise BenchmarkError(f"{url} did not answer properly: {found}")
    return found.rate


def upload(url: str, token: str, picture: Path, *, clients: int, seconds: float) -> dict[str, Any]:
    """Upload a picture repeatedly with a number of clients. Returns `rate` (uploads a second) and `median`
    (seconds)."""
    options = [url, token, str(picture), str(clients), str(seconds)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", *options], check=False, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise BenchmarkError(f"{url}: an upload failed")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _client(url: str, token: str, picture: bytes, until: float, finished: list[tuple[float, float]]) -> None:
    """Upload a picture repeatedly, and append the end and the duration of each upload to `finished`."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    while (before := time.perf_counter()) < until:
        connection.request("POST", address.path, _multipart(picture), headers)
        answer = connection.getresponse()
        text = answer.read()
        after = time.perf_counter()
        if answer.status != http.HTTPStatus.CREATED or "pleural_effusion" not in json.loads(text):
            raise BenchmarkError(f"{answer.status}: {text[:500]!r}")
        finished.append((after, after - before))
    connection.close()


def _multipart(picture: bytes) -> bytes:
    """The body of an upload. Random bytes behind the end of the JPEG, which decoders ignore, make each file different,
    since the platform stores equal bytes only once."""
    title = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="title"\r\n\r\nbenchmark\r\n'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="chest.jpg"\r\n'
    head += "Content-Type: image/jpeg\r\n\r\n"
    return title.encode() + head.encode() + picture + os.urandom(16) + f"\r\n--{BOUNDARY}--\r\n".encode()


def main(url: str, token: str, picture: str, clients: str, seconds: str) -> int:
    """Print the rate and the median. The exit code is 1 if an upload was not answered."""
    data = Path(picture).read_bytes()
    finished: list[tuple[float, float]] = []
    begin = time.perf_counter() + WARM_UP_SECONDS
    end = begin + float(seconds)
    threads = [threading.Thread(target=_client, args=(url, token, data, end, finished)) for _ in range(int(clients))]
    failures: list[threading.ExceptHookArgs] = []
    threading.excepthook = failures.append
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        print(failures[0].exc_value, file=sys.stderr)
        return 1
    # Only uploads in the middle count, not those at the beginning and the end of the load.
    counted = sorted(took for at, took in finished if begin <= at < end)
    print(json.dumps({"rate": len(counted) / float(seconds), "median": counted[len(counted) // 2]}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
