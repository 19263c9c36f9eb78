"""The gateway, compared with HAProxy, a reverse proxy in C. Both verify the token of every request."""

import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import httpx
from jose import jwk

from benchmarks import load
from benchmarks.harness import BenchmarkError, Effort, Result, Row, Suite, compare, in_rounds
from benchmarks.running import free_port, gateway_beside, running, sign_up
from benchmarks.upstream import LARGE, SMALL
from lightbox.run.temporary import running_platform, temporary_folder

OURS: Final = "gateway"
BY_UVICORN: Final = "gateway by uvicorn"
CONNECTIONS: Final = 32
WARM_UP_SECONDS: Final = 1
# A route of inference-service that requires a token. The benchmark's upstream takes the place of that service.
PATH: Final = "/api/predictions"
REFERENCE: Final = (
    "Reference: HAProxy with its better number of threads, which checks algorithm, signature and expiry of the same"
    " token, in front of the same upstream, and writes no log (the gateway writes a line a request)."
)

SMALL_JSON: Final = Row(
    "gateway-small-json",
    f"GET of a small JSON through the gateway, token checked, over {CONNECTIONS} connections. {REFERENCE}",
    "requests/s",
    bound=0.9,
)
ONE_MB: Final = Row(
    "gateway-1mb",
    f"GET of 1 MB through the gateway, token checked, over {CONNECTIONS} connections. {REFERENCE}",
    "requests/s",
    bound=0.6,
)

CONFIGURATION: Final = """\
global
    nbthread {threads}
    maxconn 1024
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    option http-keep-alive
    http-reuse always
frontend http
    bind 127.0.0.1:{port}
    http-request set-var(txn.bearer) http_auth_bearer
    http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
    http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
    http-request set-var(txn.now) date()
    http-request deny deny_status 401 unless {{ var(txn.alg) -m str RS256 }}
    http-request deny deny_status 401 unless {{ var(txn.bearer),jwt_verify(txn.alg,"{key}") 1 }}
    http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}
    default_backend service
backend service
    server upstream 127.0.0.1:{upstream}
"""


@contextmanager
def haproxy(folder: Path, key: Path, upstream: int, token: str, threads: int) -> Iterator[str]:
    """Run HAProxy with a number of threads. Yields its URL. Raises `BenchmarkError` if it accepts an invalid token."""
    port = free_port()
    path = folder / f"haproxy-{threads}.cfg"
    path.write_text(CONFIGURATION.format(threads=threads, port=port, key=key, upstream=upstream), encoding="utf-8")
    command = [shutil.which("haproxy") or "haproxy", "-q", "-db", "-f", str(path)]
    with subprocess.Popen(command) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            with httpx.Client(transport=httpx.HTTPTransport(retries=5), timeout=5) as http:
                for sent, expected in ((token, 200), (token[:-8] + "AAAAAAAA", 401)):
                    answer = http.get(address + PATH + "/1", headers={"Authorization": f"Bearer {sent}"})
                    if answer.status_code != expected:
                        raise BenchmarkError(f"HAProxy answers {answer.status_code} instead of {expected}")
            yield address
        finally:
            process.terminate()


def public_key(jwks_url: str) -> bytes:
    """The public key of the platform as PEM."""
    (key,) = httpx.get(jwks_url, timeout=5).raise_for_status().json()["keys"]
    pem: bytes = jwk.construct(key, "RS256").to_pem()
    return pem


def measure(wanted: Collection[str], effort: Effort) -> Iterator[tuple[str, Result]]:
    """Measure both rows on one platform, whose gateway forwards to the benchmark's upstream."""
    missing = [name for name in ("haproxy", "wrk") if not shutil.which(name)]
    if missing:
        for row in (SMALL_JSON, ONE_MB):
            if row.id in wanted:
                yield row.id, Result(f"{' and '.join(missing)} not installed")
        return
    port = free_port()
    upstream = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "benchmarks.upstream", str(port)]
    with (
        temporary_folder() as folder,
        running(command, upstream + "/healthz"),
        running_platform(LIGHTBOX_INFERENCE_SERVICE_URL=upstream) as platform,
    ):
        token = sign_up(platform)
        uvicorn = free_port()
        settings = gateway_beside(platform, uvicorn, upstream)
        by_uvicorn = f"http://127.0.0.1:{uvicorn}"
        key = folder / "key.pem"
        key.write_bytes(public_key(platform.url + "/.well-known/jwks.json"))
        with (
            haproxy(folder, key, port, token, 1) as one,
            haproxy(folder, key, port, token, 2) as two,
            running([sys.executable, "-m", "benchmarks.uvicorn_gateway"], by_uvicorn + "/readyz", **settings),
        ):
            urls = {
                OURS: platform.url,
                BY_UVICORN: by_uvicorn,
                "HAProxy with one thread": one,
                "HAProxy with two threads": two,
            }
            for row, path, body in ((SMALL_JSON, PATH + "/1", len(SMALL)), (ONE_MB, PATH + "/2", len(LARGE))):
                if row.id in wanted:
                    yield row.id, _measure(row, Get(path, body, token), urls, upstream, effort)


@dataclass(frozen=True, slots=True)
class Get:
    """The request of a row. `body` is the size of the response body in bytes."""

    path: str
    body: int
    token: str

    def rate(self, address: str, seconds: float) -> float:
        """Requests a second."""
        url = address + self.path
        return load.requests_per_second(url, self.token, connections=CONNECTIONS, seconds=seconds, body=self.body)


def _measure(row: Row, get: Get, urls: dict[str, str], upstream: str, effort: Effort) -> Result:
    for address in urls.values():
        get.rate(address, WARM_UP_SECONDS)
    rates = {name: partial(get.rate, address, effort.seconds) for name, address in urls.items()}
    ours, theirs = in_rounds(row, effort, rates.pop(OURS), rates)
    straight = get.rate(upstream, effort.seconds)
    by_uvicorn = theirs.pop(BY_UVICORN)
    _, beside = compare(ours, {BY_UVICORN: by_uvicorn}, row)
    best, result = compare(ours, theirs, row)
    note = (
        f"{best} was the better one; straight to the upstream {straight:,.0f}/s; the gateway served by uvicorn"
        f" {beside.reference:,.0f}/s, beside which the ratio is {beside.ratio:.2f}; {result.note}"
    )
    return Result(note, result.value, result.reference, result.ratio)


SUITE: Final = Suite((SMALL_JSON, ONE_MB), measure)
