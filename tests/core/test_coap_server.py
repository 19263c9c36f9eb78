"""The CoAP server: its addresses, ports in use, multicast, and the client of libcoap."""

import os
import shutil
import socket
import struct
import subprocess
from pathlib import Path

import pytest
from aiocoap.numbers.codes import Code
from aiocoap.numbers.types import CON
from anyio import to_thread
from support import pictures as drawn
from support.asgi import WithState, client_of, running
from support.coap import HOST, OCTETS, RAW, coap_of, device, free_udp_port, noise
from support.collection import AT, IMAGES, MakeCoreSettings

from core_collection_service.app import create_app
from core_collection_service.coap.endpoint import AddressInUse, open_sockets
from core_collection_service.config import CoreSettings
from core_collection_service.state import Services

CLIENT = shutil.which("coap-client") or shutil.which("coap-client-notls")
needs_client = pytest.mark.skipif(CLIENT is None, reason="coap-client of libcoap (libcoap3-bin) is not installed")


@pytest.fixture
def services(core: WithState) -> Services:
    found: Services = core.state["services"]
    return found


async def test_the_application_serves_coap_and_counts_it(make_core_settings: MakeCoreSettings) -> None:
    port = free_udp_port()
    settings = make_core_settings(coap=True, coap_port=port)
    async with running(create_app(settings)) as app, device(port) as camera, client_of(app) as client:
        assert (await camera.post(noise(), 23, *RAW)).code.dotted == "2.01"
        assert (await client.get(IMAGES, params=AT)).content == noise()
        metrics = (await client.get("/metrics")).text
    assert 'lightbox_coap_requests_total{code="2.01",method="POST",route="/collections/{collection}"} 1.0' in metrics


async def test_a_port_in_use_is_an_error_that_names_it(services: Services) -> None:
    async with coap_of(services) as port:
        with pytest.raises(AddressInUse, match=f"{port} of localhost.*LIGHTBOX_COAP_PORT"):
            open_sockets("localhost", port)
        for host in ("::", "0.0.0.0", HOST, "::1"):  # noqa: S104 - that is what is tested
            with pytest.raises(AddressInUse):
                open_sockets(host, port)


def _twice(port: int, datagram: bytes) -> list[bytes]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        plain.settimeout(10)
        plain.connect((HOST, port))
        answers = []
        for _ in range(2):
            plain.send(datagram)
            answers.append(plain.recv(4096))
        return answers


@pytest.mark.usefixtures("answers_at_once")
async def test_a_duplicate_message_has_the_same_answer(services: Services) -> None:
    async with coap_of(services) as port, device(port) as camera:
        message = camera.message(Code.POST, IMAGES, query=RAW, payload=noise(16), content_format=OCTETS)
        message.mtype, message.mid, message.token = CON, 7, b"t"
        once, again = await to_thread.run_sync(_twice, port, message.encode())
        assert once == again
        assert once[1] == Code.CREATED
        message.mid = 8
        once, again = await to_thread.run_sync(_twice, port, message.encode())
        assert once == again
        assert once[1] == Code.CHANGED


async def test_all_addresses_of_both_families(services: Services) -> None:
    async with coap_of(services, host="::") as port:
        for host in (HOST, "[::1]"):
            async with device(port, host) as camera:
                assert (await camera.get("/.well-known/core")).code.dotted == "2.05"


@pytest.mark.parametrize("host", ["256.0.0.1", "camera.example", ""])
def test_an_invalid_address(host: str) -> None:
    with pytest.raises(OSError, match=r"not known|not supported|Name"):
        open_sockets(host, 0)


def test_multicast_needs_all_addresses() -> None:
    with pytest.raises(ValueError, match="LIGHTBOX_COAP_HOST=::"):
        CoreSettings(coap_multicast=("eth0",))
    several = CoreSettings.model_validate({"coap_multicast": "eth0, wlan0", "coap_host": "::"})
    assert several.coap_multicast == ("eth0", "wlan0")


def _multicast_interface() -> str | None:
    """The oldest network interface that is up and supports multicast (IFF_UP, IFF_MULTICAST), if there is one."""
    for _, name in socket.if_nameindex():
        flags = Path("/sys/class/net", name, "flags")
        if flags.exists() and int(flags.read_text(), 16) & 0x1001 == 0x1001:
            return name
    return None


INTERFACE = _multicast_interface()


def _ask_group(port: int, path_and_query: bytes, seconds: float) -> bytes | None:
    """A NON request to All CoAP Nodes that does not leave this machine; None without an answer."""
    assert INTERFACE is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        request = struct.pack("4s4si", bytes(4), bytes(4), socket.if_nametoindex(INTERFACE))
        plain.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, request)
        plain.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)
        plain.settimeout(seconds)
        message = struct.pack("!BBH", 0x50, 1, 7) + path_and_query
        plain.sendto(message, ("224.0.1.187", port))
        try:
            return plain.recv(4096)
        except TimeoutError:
            return None


DISCOVERY = b"\xbb.well-known\x04core"


@pytest.mark.skipif(INTERFACE is None, reason="no network interface of this machine can do multicast")
async def test_multicast_is_answered_if_there_are_links(services: Services) -> None:
    async with coap_of(services, host="::", multicast=(INTERFACE,), leisure_seconds=0.05) as port:
        answer = await to_thread.run_sync(_ask_group, port, DISCOVERY, 5.0)
        assert answer is not None
        assert (answer[0] & 0x30, answer[1]) == (0x10, 69)  # NON, 2.05
        assert b"</collections/images>" in answer
        for nothing in (DISCOVERY + b"\x4brt=unknown.", b"\xbbcollections", b"\xb1x"):
            assert await to_thread.run_sync(_ask_group, port, nothing, 0.3) is None


async def test_an_interface_that_does_not_exist(services: Services) -> None:
    with pytest.raises(OSError, match=r"interface|device"):
        async with coap_of(services, host="::", multicast=("nowhere",)):
            pytest.fail("it has started")


async def _run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    assert CLIENT is not None
    command = [CLIENT, *arguments]
    return await to_thread.run_sync(
        lambda: subprocess.run(command, capture_output=True, timeout=60, check=False, env=dict(os.environ))
    )


@needs_client
async def test_coap_client_discovers(services: Services) -> None:
    async with coap_of(services) as port:
        answer = await _run("-m", "get", f"coap://{HOST}:{port}/.well-known/core?rt=simple.act")
        assert answer.stdout.startswith(b'</collections/images>;rt="simple.act"'), answer


@needs_client
@pytest.mark.parametrize("size", ["16", "256", "1024"])
async def test_coap_client_sends_a_file_and_gets_it_back(services: Services, tmp_path: Path, size: str) -> None:
    data = noise()
    sent, back = tmp_path / "sent.png", tmp_path / "back.png"
    await to_thread.run_sync(sent.write_bytes, data)
    async with coap_of(services) as port:
        target = f"coap://{HOST}:{port}{IMAGES}?{RAW[0]}&{RAW[1]}"
        posted = await _run("-m", "post", "-t", "23", "-A", "50", "-b", size, "-f", str(sent), target)
        assert drawn.sha256_hex(data).encode() in posted.stdout, posted
        await _run("-m", "get", "-b", size, "-o", str(back), target)
        assert await to_thread.run_sync(back.read_bytes) == data
        failed = await _run("-m", "get", target + "&timestamp=x")
        assert b"4.00" in failed.stderr + failed.stdout
