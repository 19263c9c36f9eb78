"""Processes for the benchmarks, which end with their `with` block, and helpers for the platform."""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.harness import BenchmarkError
from lightbox.run.platform import Platform
from lightbox.run.postgres import PostgresServer
from lightbox.service_secrets import load_or_create

START_SECONDS = 60.0
STOP_SECONDS = 30.0


def free_port() -> int:
    """A free TCP port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(**settings: str) -> dict[str, str]:
    """The environment of this process with these settings of Lightbox and without others."""
    mine = {name: text for name, text in os.environ.items() if not name.startswith("LIGHTBOX_")}
    mine.pop("DATABASE_URL", None)
    return mine | settings


@contextmanager
def running(
    command: Sequence[str], ready_url: str, cwd: Path | None = None, /, **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process, and wait until `ready_url` answers 200. Raises `BenchmarkError` if it never does."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=cwd, env=environment(**settings), stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + START_SECONDS
            while not _answers(ready_url):
                if process.poll() is not None or time.monotonic() > deadline:
                    output.seek(0)
                    raise BenchmarkError(f"{' '.join(command)} does not start:\n{output.read().decode()[-2000:]}")
                time.sleep(0.05)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def gateway_beside(platform: Platform, port: int, inference_service: str) -> dict[str, str]:
    """The settings of one more gateway, at `port`, for the accounts of a platform and another inference-service."""
    return {
        "LIGHTBOX_PORT": str(port),
        "LIGHTBOX_ISSUER": platform.settings.issuer,
        "LIGHTBOX_SERVICES": "auth-service,inference-service",
        "LIGHTBOX_CLIENT_SECRET": load_or_create(platform.data_dir / "secrets.json")["gateway"].client_secret,
        "LIGHTBOX_AUTH_SERVICE_URL": platform.settings.local_url("auth-service"),
        "LIGHTBOX_INFERENCE_SERVICE_URL": inference_service,
    }


def sign_up(platform: Platform) -> str:
    """Register an account. Returns its token."""
    body = {"username": "bench", "password": "a bench's password", "password2": "a bench's password"}
    answer = httpx.post(platform.url + "/api/chexray/signup/", json=body, timeout=30)
    answer.raise_for_status()
    token: str = answer.json()["token"]
    return token


def server_of(platform: Platform) -> PostgresServer:
    """The database server that the platform has started. Raises `BenchmarkError` if it uses another one."""
    if platform.postgres is None:
        raise BenchmarkError("the platform has no database server of its own")
    return platform.postgres
