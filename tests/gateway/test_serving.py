"""The process of the gateway: its start, its log, and its end."""

import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Send
from support.gateway import ISSUER, FakeAuth, FakeService, Key, Platform, Seen, Server, answer

from gateway.server import GRACE_SECONDS

PATH = "/api/models"
DESCRIPTORS = 300


@dataclass
class Served:
    """The process, and the service behind it."""

    process: subprocess.Popen[bytes]
    service: FakeService
    log: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return self.process.wait(GRACE_SECONDS + 5)

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def started(
    folder: Path, port: int, settings: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """`python -m lightbox_shared.serve gateway` with these settings, and `DESCRIPTORS` at most."""
    log = folder / "gateway.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIGHTBOX_")}
    environment |= {
        "LIGHTBOX_PORT": str(port),
        "LIGHTBOX_CLIENT_SECRET": "secret",
        "LIGHTBOX_ISSUER": ISSUER,
        **(settings or {}),
    }
    command = ["prlimit", f"--nofile={DESCRIPTORS // 2}:{DESCRIPTORS}", sys.executable, "-m", "lightbox_shared.serve"]
    with (
        log.open("wb") as output,
        subprocess.Popen([*command, "gateway"], env=environment, stdout=output, stderr=output) as process,
    ):
        try:
            yield process, log
        finally:
            process.kill()


@pytest.fixture
def served(tmp_path: Path, key: Key) -> Iterator[Served]:
    service = FakeService()
    auth_server, service_server = Server(FakeAuth([key])), Server(service)
    port = free_port()
    settings = {
        "LIGHTBOX_SERVICES": "auth-service,inference-service",
        "LIGHTBOX_AUTH_SERVICE_URL": auth_server.url,
        "LIGHTBOX_INFERENCE_SERVICE_URL": service_server.url,
        "LIGHTBOX_HEADER_TIMEOUT_SECONDS": "0.5",
    }
    with started(tmp_path, port, settings) as (process, log):
        served = Served(process, service, log, port)
        deadline = time.monotonic() + 30
        while True:
            try:
                if httpx.get(f"{served.url}/readyz").status_code == 200:
                    break
            except httpx.TransportError:
                pass
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield served
    for server in (auth_server, service_server):
        server.leave()
    for server in (auth_server, service_server):
        server.stop()


async def _slow(_seen: Seen, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
    await send({"type": "http.response.body", "body": b"first", "more_body": True})
    await asyncio.sleep(1)
    await send({"type": "http.response.body", "body": b"later"})


def test_requests_under_way_are_answered_and_nothing_new_is_taken(served: Served) -> None:
    served.service.behave = _slow
    with socket.create_connection(("127.0.0.1", served.port)), httpx.Client() as http:  # one sends nothing
        http.get(f"{served.url}/healthz")  # and one keeps its connection
        with httpx.stream("GET", served.url + PATH) as response:
            chunks = response.iter_raw()
            assert next(chunks) == b"first"
            served.process.send_signal(signal.SIGTERM)
            assert b"".join(chunks) == b"later"
        assert served.process.wait(GRACE_SECONDS / 2) == -signal.SIGTERM
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", served.port))


def test_a_request_that_does_not_end_is_broken_off(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    async def never(_seen: Seen, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await asyncio.sleep(60)

    platform.service.behave = never
    with httpx.stream("GET", platform.gateway.url + PATH, timeout=30) as response:
        chunks = response.iter_raw()
        assert next(chunks) == b"first"
        platform.gateway.stop()
        with pytest.raises(httpx.RemoteProtocolError):
            next(chunks)
    assert '"requests": 1, "event": "requests broken off"' in capsys.readouterr().out


def test_ctrl_c(served: Served) -> None:
    assert served.end(signal.SIGINT) == 0


def test_every_line_is_ours(served: Served) -> None:
    """One object of JSON each, without a banner of the server."""

    async def invalid(_seen: Seen, _receive: Receive, send: Send) -> None:
        await answer(send, b"", 200, [(b"x", b"y")])

    served.service.behave = invalid
    assert httpx.get(served.url + PATH).status_code == 200
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(b"not HTTP\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
    served.end(signal.SIGTERM)
    lines = served.lines()
    assert [(each["path"], each["status"]) for each in lines if each["event"] == "request"] == [(PATH, 200)]
    assert {each["service"] for each in lines} == {"gateway"}
    assert "ranian" not in served.log.read_text()


def test_more_silent_connections_than_descriptors(served: Served) -> None:
    """The soft limit of descriptors is raised to the hard one, and connections stay far enough below it that those who
    are let in can be answered. The others wait for the silent ones to be ended."""
    assert resource.prlimit(served.process.pid, resource.RLIMIT_NOFILE) == (DESCRIPTORS, DESCRIPTORS)
    with ExitStack() as stack:
        for _ in range(DESCRIPTORS + 20):
            stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=10))
        assert len(list(Path(f"/proc/{served.process.pid}/fd").iterdir())) < DESCRIPTORS * 3 / 4
        assert httpx.get(served.url + PATH, timeout=20).status_code == 200
    assert "Failed to accept" not in served.log.read_text()


def test_a_port_that_is_in_use(served: Served, tmp_path: Path) -> None:
    """The second process is refused, since two that share a port would answer in turn."""
    folder = tmp_path / "second"
    folder.mkdir()
    with started(folder, served.port) as (process, log):
        assert process.wait(30) == 1
        last = log.read_text().splitlines()[-1]
    assert f"port {served.port} of 127.0.0.1 can't be listened on." in last
    assert httpx.get(f"{served.url}/healthz").status_code == 200


def test_one_process(served: Served) -> None:
    """No other process holds the port of a gateway that was killed."""
    served.process.kill()
    served.process.wait()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", served.port))
