"""`lightbox collect` against a real service, over HTTP and CoAP."""

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
from conftest import SAMPLES, FreshDatabase
from support.commands import Terminal
from support.gateway import Server

from core_collection_service.app import create_app
from core_collection_service.config import CoreSettings
from lightbox.collect.address import Address
from lightbox.collect.transport import Arrived, Picture, connected, unseen
from lightbox.collect.watch import watch_collection
from lightbox.commands.collect import app

PNG, JPEG, BMP = SAMPLES / "normal.png", SAMPLES / "covid19-normal.jpg", SAMPLES / "normal-wide.bmp"
AT = datetime(2024, 8, 18, 2, 4, 7, tzinfo=UTC)
WHEN = ("--timestamp", "2024-08-18T02:04:07Z")
SECONDS = 30


@dataclass
class Service:
    """The service on uvicorn, with CoAP."""

    settings: CoreSettings
    server: Server

    def url(self, scheme: str) -> str:
        if scheme == "http":
            return self.server.url
        host = "[::1]" if scheme == "coap6" else "127.0.0.1"
        return f"coap://{host}:{self.settings.coap_udp_port}"

    def address(self, scheme: str) -> Address:
        return Address.parse(self.url(scheme))

    def restart(self) -> None:
        """On the same port and database."""
        self.server.stop()
        self.server = Server(create_app(self.settings), port=self.server.port)


@pytest.fixture
def service(fresh_database: FreshDatabase) -> Iterator[Service]:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::", 0))
        coap_port: int = probe.getsockname()[1]
    url = fresh_database("core_collection_service")
    settings = CoreSettings(database_url=url, secret_key="s" * 32, coap=True, coap_port=coap_port, log_level="error")  # type: ignore[arg-type]
    running = Service(settings, Server(create_app(settings)))
    yield running
    running.server.stop()


@pytest.fixture
def terminal(service: Service) -> Terminal:
    return Terminal(service.settings)


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(each.name for each in folder.iterdir())


schemes = pytest.mark.parametrize("scheme", ["http", "coap", "coap6"])


@schemes
async def test_a_picture_is_sent_once_and_comes_back_as_it_was(
    service: Service, terminal: Terminal, tmp_path: Path, scheme: str
) -> None:
    url = service.url(scheme)
    assert await terminal.ok(app, "send", url, str(PNG), "--device", "12345", *WHEN) == f"{PNG}: stored\n"
    assert await terminal.ok(app, "send", url, str(PNG), "--device", "12345", *WHEN) == f"{PNG}: was there already\n"
    said = await terminal.refused(app, "send", url, str(JPEG), "--device", "12345", *WHEN)
    assert said.startswith(f"{JPEG}: conflict: There is another picture of this device and timestamp already.")
    got = tmp_path / "got.png"
    to_file = ("get", url, "--device", "12345", "--timestamp", "2024-08-18T04:04:07+02:00", "-o", str(got))
    assert await terminal.ok(app, *to_file) == f"{got}: {PNG.stat().st_size:,} bytes\n"
    assert got.read_bytes() == PNG.read_bytes()
    got.write_bytes(b"mine")
    assert await terminal.refused(app, *to_file) == f"{got} is there already; --force replaces it."
    assert got.read_bytes() == b"mine"
    await terminal.ok(app, *to_file, "--force")
    assert got.read_bytes() == PNG.read_bytes()
    assert names(tmp_path) == ["got.png"]
    latest = await terminal.run(app, "get", url, "--device", "12345", "--latest", "-o", "-")
    assert (latest.exit_code, latest.stdout_bytes) == (0, PNG.read_bytes())
    assert await terminal.refused(app, "get", url, "--device", "67890", "--latest") == "There is no such picture."


@schemes
async def test_several_files_are_of_when_they_were_changed(
    service: Service, terminal: Terminal, tmp_path: Path, scheme: str
) -> None:
    for number, path in enumerate((PNG, JPEG, BMP)):
        (tmp_path / path.name).write_bytes(path.read_bytes())
        changed_at = 1_723_946_647_123_456_789 + number * 1_000_000_000
        os.utime(tmp_path / path.name, ns=(changed_at, changed_at))
    (tmp_path / "text").write_text("no picture")
    files = [str(tmp_path / name) for name in names(tmp_path)]
    at_once = ("--parallel", "3") if scheme == "http" else ()
    done = await terminal.run(app, "send", service.url(scheme), *files, "--device", "12345", *at_once)
    assert done.exit_code == 1
    assert sorted(done.stdout.splitlines()) == [f"{each}: stored" for each in files[:3]]
    assert done.stderr.startswith(f"{files[3]}: failed: imageData: Not a picture")
    async with connected(service.address(scheme)) as transport:
        for number, path in enumerate((PNG, JPEG, BMP)):
            found = await transport.get("12345", f"2024-08-18T02:04:{7 + number:02}.123456Z", unseen)
            assert found.data == path.read_bytes()


@schemes
async def test_progress_goes_up_to_all_of_it(service: Service, scheme: str) -> None:
    picture = Picture("12345", AT, BMP.read_bytes())
    done: list[tuple[int, int | None]] = []
    async with connected(service.address(scheme)) as transport:
        assert await transport.send(picture, lambda now, total: done.append((now, total)))
        assert [now for now, _ in done] == sorted({now for now, _ in done})
        assert len(done) > 1
        done.clear()
        assert (await transport.get("12345", None, lambda now, total: done.append((now, total)))).data == picture.data
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
async def test_pictures_are_seen_to_arrive_and_saved(service: Service, tmp_path: Path, scheme: str) -> None:
    address, seen, ready = service.address(scheme), list[tuple[Arrived, str]](), anyio.Event()
    async with connected(address) as transport:
        assert await transport.send(Picture("12345", AT, JPEG.read_bytes()), unseen)
        async with anyio.create_task_group() as group:
            with anyio.fail_after(SECONDS):

                async def watch() -> None:
                    await watch_collection(
                        address,
                        "12345",
                        key=None,
                        folder=tmp_path,
                        count=1,
                        tell=lambda arrived, saved: seen.append((arrived, saved)),
                        say=lambda _line: None,
                        ready=ready.set,
                    )

                group.start_soon(watch)
                await ready.wait()
                assert await transport.send(Picture("67890", AT, PNG.read_bytes()), unseen)
                # Older by its timestamp than the one that was there before.
                earlier = AT.replace(year=2023)
                assert await transport.send(Picture("12345", earlier, PNG.read_bytes()), unseen)
    [(arrived, saved)] = seen
    assert (arrived.device_id, arrived.timestamp) == ("12345", "2023-08-18T02:04:07Z")
    assert arrived.size == PNG.stat().st_size
    assert saved == str(tmp_path / "12345-2023-08-18T02_04_07Z.png")
    assert (tmp_path / "12345-2023-08-18T02_04_07Z.png").read_bytes() == PNG.read_bytes()


async def test_a_watch_goes_on_where_the_connection_was_lost(service: Service) -> None:
    address, seen, said = service.address("http"), list[str](), list[str]()
    async with connected(address) as transport, anyio.create_task_group() as group:
        ready, first = anyio.Event(), anyio.Event()

        def tell(arrived: Arrived, _saved: str) -> None:
            seen.append(arrived.device_id)
            first.set()

        async def watch() -> None:
            await watch_collection(
                address, None, key=None, folder=None, count=3, tell=tell, say=said.append, ready=ready.set
            )

        with anyio.fail_after(SECONDS):
            group.start_soon(watch)
            await ready.wait()
            assert await transport.send(Picture("before", AT, JPEG.read_bytes()), unseen)
            await first.wait()
            await anyio.to_thread.run_sync(service.restart)
            async with connected(address) as again:
                # Kept before the watch can be back, or after: it hears of both once.
                assert await again.send(Picture("meanwhile", AT, JPEG.read_bytes()), unseen)
                assert await again.send(Picture("afterwards", AT, JPEG.read_bytes()), unseen)
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
    service: Service, terminal: Terminal, arguments: tuple[str, ...], sentence: str
) -> None:
    said = await terminal.refused(app, "send", service.url("coap"), str(PNG), "--device", "12345", *arguments)
    assert said.startswith(sentence)
    said = await terminal.refused(app, "get", service.url("coap"), "--device", "12345", "--latest")
    assert said == "There is no such picture."


async def test_nobody_answers(terminal: Terminal, free_port: int) -> None:
    for scheme in ("http", "coap"):
        url = f"{scheme}://127.0.0.1:{free_port}"
        assert await terminal.refused(app, "watch", url) == "The server can't be reached."
