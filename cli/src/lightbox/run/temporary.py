"""A temporary platform for tests and benchmarks, with the processes of `lightbox run`, whose data are removed."""

import atexit
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from lightbox.run.coap import LOCALHOST, udp_port_is_free
from lightbox.run.platform import Platform, StartError
from lightbox_shared.config import Settings
from lightbox_shared.installation import SERVICES
from lightbox_shared.process.ports import coap_port


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a temporary folder that the database server can reach even if it runs as another user."""
    folder = Path(tempfile.mkdtemp(prefix="lightbox-temporary-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port_block() -> int:
    """Return a port for the gateway for which the ports of the services and of CoAP are free too.

    Until this process ends, other calls return other ports, also in other processes. Raises `StartError`.
    """
    for start in range(18_000 + os.getpid() % 1000 * 10, 32_000, 10):
        guard = _bound(start + _GUARD)
        if guard is None:
            continue
        tcp_is_free = all(_free(start + service.port_offset) for service in SERVICES)
        if tcp_is_free and udp_port_is_free(LOCALHOST, coap_port(start)):
            _guards.enter_context(guard)
            return start
        guard.close()
    raise StartError("There are no free ports.")


_GUARD: Final = 9
"""The offset of a port that no service uses. The process that has bound it owns the block."""
_guards: Final = ExitStack()
atexit.register(_guards.close)


def _bound(port: int) -> socket.socket | None:
    """A socket that is bound to the port. None if the port is in use."""
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
    """Yield a platform that is ready. `environment` are variables for every service."""
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
    """Replace the settings in the environment, which child processes inherit, for the time of the context."""
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
