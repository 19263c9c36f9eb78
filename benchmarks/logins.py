"""Logins, compared with plain verifications of passwords, and the latency of other requests meanwhile."""

import subprocess
import sys
import threading
from collections.abc import Collection, Iterator
from functools import partial
from typing import Final

import httpx

from benchmarks import load
from benchmarks.harness import BenchmarkError, Effort, Result, Row, Suite, measure_in_rounds
from benchmarks.hashing import PASSWORD
from lightbox.run.platform import Platform
from lightbox.run.temporary import running_platform

CLIENTS: Final = 16
WARM_UP_SECONDS: Final = 2.0
SMALL: Final = "/api/chexray/user/"

LOGINS: Final = Row(
    "logins",
    f"POST of name and password to /api/chexray/login/ through the gateway from {CLIENTS} clients at once, each with"
    " an account of its own: guesses are counted, a session is opened, and the audit trail has an entry. Reference:"
    " the same hashes verified in a plain loop on all cores, no HTTP, no database.",
    "logins/s",
    bound=0.85,
)
OTHERS: Final = Row(
    "login-latency-others",
    f"99th percentile of GET {SMALL} through the gateway with a token, one request after the other, while those"
    " logins run. Reference: the same with nothing else going on.",
    "s",
    bound=5.0,
    better="less",
)
ROWS: Final = (LOGINS, OTHERS)

# For one thread of wrk, so that one counter selects the accounts in turn.
WRK_LOGINS: Final = """\
local turn = 0
request = function()
  turn = turn % {clients} + 1
  local body = '{{"username": "bench-' .. turn .. '", "password": "{password}"}}'
  return wrk.format("POST", nil, {{["Content-Type"] = "application/json"}}, body)
end
"""


def measure(wanted: Collection[str], effort: Effort) -> Iterator[tuple[str, Result]]:
    """Measure both rows on one platform, without login throttling by address, since all clients have the same one."""
    if not load.wrk_is_there():
        yield from ((row.id, Result("wrk not installed")) for row in ROWS if row.id in wanted)
        return
    settings = {"LIGHTBOX_RATE_SIGN_IN": "off", "LIGHTBOX_FAILED_LOGINS_PER_ADDRESS": "off"}
    with running_platform(**settings) as platform:
        token = [_sign_up(platform, number) for number in range(1, CLIENTS + 1)][-1]
        _logins_per_second(platform, WARM_UP_SECONDS)
        if LOGINS.id in wanted:
            yield LOGINS.id, _rate(platform, effort)
        if OTHERS.id in wanted:
            yield OTHERS.id, _latency(platform, token, effort)


def _sign_up(platform: Platform, number: int) -> str:
    body = {"username": f"bench-{number}", "password": PASSWORD}
    answer = httpx.post(platform.url + "/api/chexray/signup/", json=body, timeout=30).raise_for_status()
    token: str = answer.json()["token"]
    return token


def _logins_per_second(platform: Platform, seconds: float) -> float:
    script = WRK_LOGINS.format(clients=CLIENTS, password=PASSWORD)
    url = platform.url + "/api/chexray/login/"
    return load.requests_per_second(url, "", connections=CLIENTS, seconds=seconds, body=1, script=script)


def _rate(platform: Platform, effort: Effort) -> Result:
    command = [sys.executable, "-m", "benchmarks.hashing", str(effort.seconds)]

    def hashes_per_second() -> float:
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    logins = partial(_logins_per_second, platform, effort.seconds)
    return measure_in_rounds(LOGINS, effort, logins, {"hashes/s": hashes_per_second})[1]


def _latency(platform: Platform, token: str, effort: Effort) -> Result:
    idle = partial(_percentile, platform, token, effort.seconds)

    def busy() -> float:
        background = threading.Thread(target=_logins_per_second, args=(platform, effort.seconds + 2))
        background.start()
        try:
            return idle()
        finally:
            background.join()

    return measure_in_rounds(OTHERS, effort, busy, {"idle": idle})[1]


def _percentile(platform: Platform, token: str, seconds: float) -> float:
    command = [sys.executable, "-m", "benchmarks.latency", platform.url + SMALL, token, str(seconds)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(done.stderr)
    return float(done.stdout.split()[1])


SUITE: Final = Suite(ROWS, measure)
