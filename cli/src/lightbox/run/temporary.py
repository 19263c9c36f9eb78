"""A whole platform for a while: real processes, a real database server, the real gateway, and nothing left afterwards.
The tests and the benchmarks stand on it."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lightbox.run.coap import LOCALHOST, udp_port_is_free
from lightbox.run.platform import Platform, StartError
from lightbox_shared.config import Settings
from lightbox_shared.installation import SERVICES
from lightbox_shared.ports import coap_port


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that the database server's own user can reach when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="lightbox-temporary-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port_block() -> int:
    """A port for the gateway with free ones for every service behind it, and for CoAP. As long as this process lives,
    no other call of this function returns the same, in whichever process. Raises `StartError`."""
    for start in range(18_000 + os.getpid() % 1000 * 10, 32_000, 10):
        guard = _bound(start + _GUARD)
        if guard is None:
            continue
        tcp_is_free = all(_free(start + service.port_offset) for service in SERVICES)
        if tcp_is_free and udp_port_is_free(LOCALHOST, coap_port(start)):
            _guards.append(guard)
            return start
        guard.close()
    raise StartError("There are no free ports.")


_GUARD: Final = 9
"""The port of a block that no service has: who could bind it has the block."""
_guards: Final[list[socket.socket]] = []


def _bound(port: int) -> socket.socket | None:
    """A socket on this port, None where it is taken."""
    bound = socket.socket()
    try:
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        return None
    return bound


def _free(port: int) -> bool:
    bound = _bound(port)
    if bound is not None:
        bound.close()
    return bound is not None


@contextmanager
def running_platform(**environment: str) -> Iterator[Platform]:
    """A platform that is ready, with these settings for every service; stopped and removed afterwards."""
    with temporary_folder() as folder:
        platform = Platform(Settings(port=free_port_block(), data_dir=folder), say=lambda _line: None)
        try:
            with _environment(environment):
                platform.start()
            platform.wait_ready()
            yield platform
        finally:
            platform.stop()


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    """These settings and no others, for the processes that are started meanwhile; nobody else sees any of it."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("LIGHTBOX_") or name == "DATABASE_URL":
            del os.environ[name]
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
