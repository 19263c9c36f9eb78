"""`lightbox collect` against a real service, over HTTP and CoAP.

The service runs in a process of its own: commands run in this one, and everything that is written to standard output
meanwhile counts as theirs, also the log of a service. (A higher log level would not help, since cached loggers keep
theirs.) Tests share the service, so each has a device of its own.
"""

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import anyio
import httpx
import pytest
from conftest import SAMPLES
from support.commands import Terminal
from support.databases import Databases, FreshDatabase
from support.gateway import Server
from support.processes import until

from core_collection_service.app import create_app
from core_collection_service.config import CoreSettings
from lightbox.collect.address import Address
from lightbox.collect.callbacks import ignore_progress, ignore_status
from lightbox.collect.connect import connect
from lightbox.collect.models import Picture, PictureEvent
from lightbox.collect.watch import watch_collection
from lightbox.commands.collect import app
from lightbox_shared.config import Settings
from lightbox_shared.installation import service_named

pytestmark = pytest.mark.processes

PNG, JPEG, BMP = SAMPLES / "normal.png", SAMPLES / "covid19-normal.jpg", SAMPLES / "normal-wide.bmp"
AT = datetime(2024, 8, 18, 2, 4, 7, tzinfo=UTC)
WHEN = ("--timestamp", "2024-08-18T02:04:07Z")
SECONDS = 30


@dataclass(frozen=True)
class Service:
    """The service in a process of its own, with CoAP."""

    port: int
    coap_port: int

    def url(self, scheme: str) -> str:
        if scheme == "http":
            return f"http://127.0.0.1:{self.port}"
        host = "[::1]" if scheme == "coap6" else "127.0.0.1"
        return f"coap://{host}:{self.coap_port}"

    def address(self, scheme: str) -> Address:
        return Address.parse(self.url(scheme))

    def answers(self) -> bool:
        try:
            return httpx.get(self.url("http") + "/healthz").is_success
        except httpx.TransportError:
            return False


def free(kind: socket.SocketKind) -> int:
    """A free port."""
    with socket.socket(socket.AF_INET6, kind) as probe:
        probe.bind(("::", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def service(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with databases.empty() as database_url:
        running = Service(free(socket.SOCK_STREAM), free(socket.SOCK_DGRAM))
        environment = {
            **os.environ,
            "LIGHTBOX_DATABASE_URL": database_url,
            "LIGHTBOX_DATA_DIR": str(tmp_path_factory.mktemp("data")),
            "LIGHTBOX_PORT": str(running.port - service_named("core-collection-service").port_offset),
            "LIGHTBOX_COAP": "true",
            "LIGHTBOX_COAP_PORT": str(running.coap_port),
        }
        command = [sys.executable, "-m", "lightbox_shared.serve", "core-collection-service"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
            try:
                assert until(lambda: process.poll() is not None or running.answers(), SECONDS)
                assert process.poll() is None
                yield running
            finally:
                process.terminate()
                process.wait(SECONDS)


@pytest.fixture
def settings(fresh_database: FreshDatabase) -> CoreSettings:
    """The settings of a service in this process, which a test can restart."""
    return CoreSettings(database_url=fresh_database("core_collection_service"), coap=False)


@pytest.fixture
def terminal() -> Terminal:
    return Terminal(Settings())


@pytest.fixture
def device() -> str:
    return f"device-{secrets.token_hex(4)}"


def names(folder: Path) -> list[str]:
    """The names of the files in a folder."""
    return sorted(each.name for each in folder.iterdir())


schemes = pytest.mark.parametrize("scheme", ["http", "coap", "coap6"])


@schemes
async def test_a_picture_is_sent_once_and_comes_back_as_it_was(
    service: Service, terminal: Terminal, tmp_path: Path, device: str, scheme: str
) -> None:
    url = service.url(scheme)
    assert await terminal.ok(app, "send", url, str(PNG), "--device", device, *WHEN) == f"{PNG}: stored\n"
    assert await terminal.ok(app, "send", url, str(PNG), "--device", device, *WHEN) == f"{PNG}: was there already\n"
    said = await terminal.refused(app, "send", url, str(JPEG), "--device", device, *WHEN)
    assert said.startswith(f"{JPEG}: conflict: There is another picture of this device and timestamp already.")
    got = tmp_path / "got.png"
    to_file = ("get", url, "--device", device, "--timestamp", "2024-08-18T04:04:07+02:00", "-o", str(got))
    assert await terminal.ok(app, *to_file) == f"{got}: {PNG.stat().st_size:,} bytes\n"
    assert got.read_bytes() == PNG.read_bytes()
    got.write_bytes(b"mine")
    assert await terminal.refused(app, *to_file) == f"{got} is there already; --force replaces it."
    assert got.read_bytes() == b"mine"
    await terminal.ok(app, *to_file, "--force")
    assert got.read_bytes() == PNG.read_bytes()
    assert names(tmp_path) == ["got.png"]
    latest = await terminal.run(app, "get", url, "--device", device, "--latest", "-o", "-")
    assert (latest.exit_code, latest.stdout_bytes) == (0, PNG.read_bytes())
    assert await terminal.refused(app, "get", url, "--device", f"{device}-b", "--latest") == "There is no such picture."


@schemes
async def test_several_files_are_of_when_they_were_changed(
    service: Service, terminal: Terminal, tmp_path: Path, device: str, scheme: str
) -> None:
    for number, path in enumerate((PNG, JPEG, BMP)):
        (tmp_path / path.name).write_bytes(path.read_bytes())
        changed_at = 1_723_946_647_123_456_789 + number * 1_000_000_000
        os.utime(tmp_path / path.name, ns=(changed_at, changed_at))
    (tmp_path / "text").write_text("no picture")
    files = [str(tmp_path / name) for name in names(tmp_path)]
    at_once = ("--parallel", "3") if scheme == "http" else ()
    done = await terminal.run(app, "send", service.url(scheme), *files, "--device", device, *at_once)
    assert done.exit_code == 1
    assert sorted(done.stdout.splitlines()) == [f"{each}: stored" for each in files[:3]]
    assert done.stderr.startswith(f"{files[3]}: failed: imageData: Not a picture")
    async with connect(service.address(scheme)) as transport:
        for number, path in enumerate((PNG, JPEG, BMP)):
            found = await transport.get(device, f"2024-08-18T02:04:{7 + number:02}.123456Z", ignore_progress)
            assert found.data == path.read_bytes()


@schemes
async def test_progress_goes_up_to_all_of_it(service: Service, device: str, scheme: str) -> None:
    picture = Picture(device, AT, BMP.read_bytes())
    done: list[tuple[int, int | None]] = []
    async with connect(service.address(scheme)) as transport:
        assert await transport.send(picture, lambda now, total: done.append((now, total)))
        assert [now for now, _ in done] == sorted({now for now, _ in done})
        assert len(done) > 1
        done.clear()
        assert (await transport.get(device, None, lambda now, total: done.append((now, total)))).data == picture.data
        assert done[-1][0] == done[-1][1]
        assert {total for _, total in done} == {done[-1][1]}


@schemes
async def test_what_there_is_to_discover(service: Service, terminal: Terminal, scheme: str) -> None:
    url = service.url(scheme)
    shown = (await terminal.ok(app, "discover", url)).splitlines()
    assert shown[0].split()[:3] == ["path", "rt", "if"]
    assert shown[1].split()[:3] == ["/collections/images", "simple.act", "core.b"]
    raw = await terminal.ok(app, "discover", url, "--raw", "--filter", "rt=simple.act")
    assert raw.startswith('</collections/images>;rt="simple.act";if="core.b"')
    assert await terminal.ok(app, "discover", url, "--raw", "--filter", "rt=other") in {"", "\n"}


@schemes
async def test_pictures_are_seen_to_arrive_and_saved(
    service: Service, tmp_path: Path, device: str, scheme: str
) -> None:
    address, seen, ready = service.address(scheme), list[tuple[PictureEvent, str]](), anyio.Event()
    async with connect(address) as transport:
        assert await transport.send(Picture(device, AT, JPEG.read_bytes()), ignore_progress)
        async with anyio.create_task_group() as group:
            with anyio.fail_after(SECONDS):

                async def watch() -> None:
                    await watch_collection(
                        address,
                        device,
                        key=None,
                        folder=tmp_path,
                        count=1,
                        on_picture=lambda event, saved: seen.append((event, saved)),
                        on_status=ignore_status,
                        on_ready=ready.set,
                    )

                group.start_soon(watch)
                await ready.wait()
                assert await transport.send(Picture(f"{device}-b", AT, PNG.read_bytes()), ignore_progress)
                # Older by its timestamp than the one that was there before.
                earlier = AT.replace(year=2023)
                assert await transport.send(Picture(device, earlier, PNG.read_bytes()), ignore_progress)
    [(event, saved)] = seen
    assert (event.device_id, event.timestamp) == (device, "2023-08-18T02:04:07Z")
    assert event.size == PNG.stat().st_size
    assert saved == str(tmp_path / f"{device}-2023-08-18T02_04_07Z.png")
    assert (tmp_path / f"{device}-2023-08-18T02_04_07Z.png").read_bytes() == PNG.read_bytes()


async def test_a_watch_goes_on_where_the_connection_was_lost(settings: CoreSettings) -> None:
    server = Server(create_app(settings))
    address, seen, said = Address.parse(server.url), list[str](), list[str]()

    def restart() -> Server:
        server.stop()
        return Server(create_app(settings), port=server.port)

    async with connect(address) as transport, anyio.create_task_group() as group:
        ready, first = anyio.Event(), anyio.Event()

        def show(event: PictureEvent, _saved: str) -> None:
            seen.append(event.device_id)
            first.set()

        async def watch() -> None:
            await watch_collection(
                address,
                None,
                key=None,
                folder=None,
                count=3,
                on_picture=show,
                on_status=said.append,
                on_ready=ready.set,
            )

        with anyio.fail_after(SECONDS):
            group.start_soon(watch)
            await ready.wait()
            assert await transport.send(Picture("before", AT, JPEG.read_bytes()), ignore_progress)
            await first.wait()
            server = await anyio.to_thread.run_sync(restart)
            async with connect(address) as again:
                # Stored before or after the watch has connected again: each is announced once.
                assert await again.send(Picture("meanwhile", AT, JPEG.read_bytes()), ignore_progress)
                assert await again.send(Picture("afterwards", AT, JPEG.read_bytes()), ignore_progress)
    await anyio.to_thread.run_sync(server.stop)
    assert seen == ["before", "meanwhile", "afterwards"]
    assert set(said) == {"The connection was lost; connecting again ..."}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--parallel", "2"), "Over CoAP one picture is sent after the other"),
        (("--key-file", str(PNG)), f"{PNG}: not a key."),
        (("--key-file", "nowhere"), "nowhere: No such file or directory."),
    ],
)
async def test_what_is_refused_before_anything_is_sent(
    service: Service, terminal: Terminal, device: str, arguments: tuple[str, ...], sentence: str
) -> None:
    said = await terminal.refused(app, "send", service.url("coap"), str(PNG), "--device", device, *arguments)
    assert said.startswith(sentence)
    said = await terminal.refused(app, "get", service.url("coap"), "--device", device, "--latest")
    assert said == "There is no such picture."


async def test_a_server_that_does_not_answer(terminal: Terminal, free_port: int) -> None:
    for scheme in ("http", "coap"):
        url = f"{scheme}://127.0.0.1:{free_port}"
        assert await terminal.refused(app, "watch", url) == "The server can't be reached."
