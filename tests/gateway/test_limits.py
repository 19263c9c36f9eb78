"""Rate limits."""

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from limits import parse
from limits.aio.storage import MemoryStorage
from support.gateway import Start

from gateway.config import GatewaySettings
from gateway.limits import PROBLEM_TYPE, QuotaExceeded, RateLimits
from gateway.routes import Rate
from lightbox_shared.auth.principal import Principal


def test_a_limited_path(start: Start) -> None:
    platform = start(rate_open="2/minute")
    first, second, third = (platform.http.post("/predict") for _ in range(3))
    assert (first.status_code, second.status_code, third.status_code) == (200, 200, 429)
    assert first.headers["ratelimit-policy"] == '"open";q=2;w=60'
    assert first.headers["ratelimit"].startswith('"open";r=1;t=')
    wait = int(third.headers["retry-after"])
    assert 1 <= wait <= 60
    assert third.headers["ratelimit"] == f'"open";r=0;t={wait}'
    assert third.headers["content-type"] == "application/problem+json"
    assert third.json()["type"] == PROBLEM_TYPE
    assert third.json()["violated-policies"] == ["open"]
    assert len(platform.service.seen) == 2
    assert "ratelimit" not in platform.http.get("/alive").headers


def test_the_defaults() -> None:
    settings = GatewaySettings()
    assert (settings.rate_sign_in, settings.rate_open) == (parse("60/minute"), parse("30/minute"))
    assert settings.rate_upload is not None
    assert settings.rate_upload.amount >= 34 * 60 * 2  # what 16 clients of the benchmark upload with one account
    assert settings.rate_read is None
    assert GatewaySettings(rate_open="off").rate_open is None  # type: ignore[arg-type]


async def test_accounts_are_counted_apart_from_addresses() -> None:
    limits = RateLimits({Rate.UPLOAD: parse("1/minute")}, MemoryStorage())
    for principal, address in (
        (None, "192.0.2.1"),
        (None, "192.0.2.2"),
        (Principal("t", 0, account_id=1), "192.0.2.1"),
        (Principal("t", 0, account_id=2), "192.0.2.1"),
        (None, "2001:db8::1"),
        (None, "2001:db8:0:1::1"),
    ):
        await limits.check(Rate.UPLOAD, principal, address)
    for principal, address in ((Principal("t", 0, account_id=1), "192.0.2.9"), (None, "2001:db8::ffff")):
        with pytest.raises(QuotaExceeded):
            await limits.check(Rate.UPLOAD, principal, address)
    assert await limits.check(Rate.READ, None, "192.0.2.1") == []
    await limits.close()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A Valkey or Redis server on a free port."""
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    if program is None:
        pytest.skip("neither valkey-server nor redis-server is installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0", server
        server.terminate()


async def test_gateways_count_together(valkey: tuple[str, "subprocess.Popen[bytes]"]) -> None:
    url, server = valkey
    settings = GatewaySettings(rate_limit_url=url, rate_open="3/minute")  # type: ignore[arg-type]
    one, two = RateLimits.from_settings(settings), RateLimits.from_settings(settings)
    for limits in (one, two, one):
        assert (await limits.check(Rate.OPEN, None, "192.0.2.1"))[0] == (b"ratelimit-policy", b'"open";q=3;w=60')
    for limits in (one, two):
        with pytest.raises(QuotaExceeded):
            await limits.check(Rate.OPEN, None, "192.0.2.1")
    server.kill()
    await asyncio.to_thread(server.wait)
    for _ in range(3):  # without the storage nothing is counted, and nothing is refused
        assert await one.check(Rate.OPEN, None, "192.0.2.1") == []
    await one.close()
    await two.close()
