"""`make up`: runs the platform in containers, with Docker Compose.

Two problems are found before a container starts: a port that is in use, and a `.env` that does not belong to the
existing database. Only the standard library of Python 3.9 is imported, so the Python of the system is enough.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from lightbox import environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

COMPOSE: Final = ("docker", "compose")


class Published(NamedTuple):
    """A port that docker-compose.yml publishes for a service.

    `bind` and `port` are the variables with its address and number, and `default` is its number without them.
    """

    service: str
    bind: str
    port: str
    default: str
    kind: socket.SocketKind


PUBLISHED: Final = (
    Published("gateway", "LIGHTBOX_BIND", "LIGHTBOX_PORT", "8000", socket.SOCK_STREAM),
    Published("core-collection-service", "LIGHTBOX_COAP_BIND", "LIGHTBOX_COAP_PORT", "5683", socket.SOCK_DGRAM),
)


def up(arguments: Sequence[str]) -> int:
    """Run `docker compose up --build` with further arguments, and return its exit code.

    Raises `SystemExit` with a message if it would fail.
    """
    if _compose("version", "--short") is None:
        _fail("There is no Docker Compose here, or Docker does not run: `docker compose version` says more.")
    if not environment.PATH.exists():
        kept = environment.kept_database(Path.cwd())
        if kept:
            _fail(f"There is no .env, and the volume {kept} was made with one: put that back (docs/containers.md).")
        if environment.write():
            return 1
    written = _written()
    for name in without_effect(written, Path("docker-compose.yml").read_text()):
        _say(f"{name} in .env changes nothing, since Compose gives it to no service (docs/containers.md).")
    settings = {**written, **os.environ}
    for each in PUBLISHED:
        # If the service is running, its port is in use by the service itself.
        if _state(each.service, "Running") != "true":
            problem = port_problem(each, settings)
            if problem:
                _fail(problem)
    signal.signal(signal.SIGINT, lambda *_: None)  # Compose gets the signal too, and stops the containers
    code = subprocess.run([*COMPOSE, "up", "--build", *arguments], check=False).returncode
    why = _why_no_databases() if code else None
    if why:
        _fail(why.strip().splitlines()[-1])
    return code


def port_problem(published: Published, settings: Mapping[str, str]) -> str | None:
    """Return a message if a port is in use or invalid, and None otherwise.

    Docker may bind addresses and ports that this process can't bind. It reports problems with those itself.
    """
    address = settings.get(published.bind) or "127.0.0.1"
    number = settings.get(published.port) or published.default
    if not number.isdecimal() or not 0 < int(number) < 65_536:
        return f"{published.port}: {number} is not a port."
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, published.kind) as probe:
        if published.kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.strip("[]"), int(number)))
        except OSError as error:
            # Other errors do not concern Docker, which may bind ports below 1024 for instance.
            if error.errno == errno.EADDRINUSE:
                name = "UDP port" if published.kind is socket.SOCK_DGRAM else "Port"
                user = "by `make run`, or by another program"
                return f"{name} {number} ({published.service}) is in use, {user}: stop it, or set {published.port}."
    return None


def without_effect(written: Iterable[str], compose: str) -> list[str]:
    """Return the settings in `.env` that docker-compose.yml passes to no service, sorted. `compose` is its text."""
    named = set(re.findall(r"\bLIGHTBOX_\w+", compose))
    return sorted(name for name in written if name.startswith("LIGHTBOX_") and name not in named)


def _why_no_databases() -> str | None:
    """The last line that the container `databases` has logged, if it has failed. Compose reports only an exit code."""
    failed = _state("databases", "ExitCode") not in {None, "0"}
    return _compose("logs", "--no-log-prefix", "--tail=1", "databases") if failed else None


def _state(service: str, member: str) -> str | None:
    """A member of the state of a service's container, as Docker reports it. None if there is no container."""
    containers = (_compose("ps", "--all", "--quiet", service) or "").split()
    state = _output("docker", "inspect", f"--format={{{{.State.{member}}}}}", containers[0]) if containers else None
    return None if state is None else state.strip()


def _written() -> dict[str, str]:
    """The variables in `.env`."""
    lines = environment.PATH.read_text().splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("'\"") for name, value in pairs}


def _compose(*arguments: str) -> str | None:
    """The output of a Compose command. None if it fails."""
    return _output(*COMPOSE, *arguments)


def _output(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return None if done.returncode else done.stdout


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)  # noqa: T201 - rich is not in the standard library


def _fail(sentence: str) -> NoReturn:
    sys.exit(sentence)


if __name__ == "__main__":
    sys.exit(up(sys.argv[1:]))
