"""The latency of small requests, one after the other over one connection, measured in a process of its own.

Between two requests there is a pause, so that the measurement is no load.

`python -m benchmarks.latency <url> <token> <seconds>` prints the 50th and the 99th percentile in seconds.
"""

import http.client
import sys
import time
from urllib.parse import urlsplit

from benchmarks.harness import BenchmarkError

PAUSE_SECONDS = 0.004


def main(url: str, token: str, seconds: str) -> None:
    """Print the percentiles. Raises `BenchmarkError` for an unexpected response."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    headers = {"Authorization": f"Bearer {token}"}
    took: list[float] = []
    until = time.perf_counter() + float(seconds)
    while (before := time.perf_counter()) < until:
        connection.request("GET", address.path, headers=headers)
        answer = connection.getresponse()
        text = answer.read()
        took.append(time.perf_counter() - before)
        if answer.status != http.HTTPStatus.OK:
            raise BenchmarkError(f"{answer.status}: {text[:500]!r}")
        time.sleep(PAUSE_SECONDS)
    connection.close()
    took.sort()
    print(took[len(took) // 2], took[len(took) * 99 // 100])


if __name__ == "__main__":
    main(*sys.argv[1:])
