"""Processes for the benchmark: the real platform, and small helpers around it. All end with their `with` block."""

import os
import shutil
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
from lightbox_shared.config import Settings
from lightbox_shared.ports import OFFSETS

START_SECONDS = 60.0
STOP_SECONDS = 30.0


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that the database server's own user can reach when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="lightbox-bench-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def free_port_block() -> int:
    """A port for the gateway with free ones for every service behind it."""
    for start in range(20_000 + os.getpid() % 1000 * 10, 32_000, 10):
        if all(_is_free(start + offset) for offset in OFFSETS.values()):
            return start
    raise BenchmarkError("There are no free ports.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def environment(**settings: str) -> dict[str, str]:
    """Our environment with these settings and no others: every default is the platform's own."""
    mine = {name: text for name, text in os.environ.items() if not name.startswith("LIGHTBOX_")}
    mine.pop("DATABASE_URL", None)
    return mine | settings


@contextmanager
def running_platform(**settings: str) -> Iterator[Platform]:
    """A platform that is ready, with these settings for every service; stopped and removed afterwards."""
    before = dict(os.environ)
    with temporary_folder() as folder:
        wanted = environment(**settings)
        os.environ.clear()
        os.environ.update(wanted)
        platform = Platform(Settings(port=free_port_block(), data_dir=folder), say=lambda _line: None)
        try:
            platform.start()
            platform.wait_ready()
            yield platform
        finally:
            platform.stop()
            os.environ.clear()
            os.environ.update(before)


@contextmanager
def running(command: Sequence[str], ready_url: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that answers 200 at `ready_url` when it is ready. Raises `BenchmarkError` when it never does."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, env=environment(**settings), stdout=output, stderr=output)
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


def sign_up(platform: Platform) -> str:
    """A new account's token."""
    body = {"username": "bench", "password": "a bench's password", "password2": "a bench's password"}
    answer = httpx.post(platform.url + "/api/chexray/signup/", json=body, timeout=30)
    answer.raise_for_status()
    token: str = answer.json()["token"]
    return token
