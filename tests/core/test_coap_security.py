"""Devices that authenticate themselves over CoAP by OSCORE (RFC 8613), and act as their `deviceId` alone."""

import asyncio
import json
import logging
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import cbor2
import pytest
from aiocoap import Context
from aiocoap.numbers.codes import Code
from aiocoap.oscore import FilesystemSecurityContext, NotAProtectedMessage
from aiocoap.transports.oscore import OSCOREAddress
from anyio import to_thread
from prometheus_client import CollectorRegistry
from support.asgi import WithState
from support.coap import CBOR, HOST, PNG, Device, coap_of, device, noise, problem
from support.collection import IMAGES, cbor_document
from support.pictures import sha256_hex

from core_collection_service.access import Access
from core_collection_service.coap.security import CredentialsError, DeviceContext, opened_contexts
from core_collection_service.coap.server import CoapOptions
from core_collection_service.config import CoreSettings
from core_collection_service.state import Services
from lightbox_shared.config import Environment

SECRET = "0102030405060708090a0b0c0d0e0f10"


def context_in(folder: Path, number: int, *, of_server: bool, device_id: str | None = None) -> Path:
    """Write one end of a security context into a folder."""
    folder.mkdir(parents=True)
    ends = [f"01{number:02}", f"02{number:02}"]
    sender, recipient = ends if of_server else reversed(ends)
    settings = {"sender-id_hex": sender, "recipient-id_hex": recipient}
    if device_id is not None:
        settings["device-id"] = device_id
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "secret.json").write_text(json.dumps({"secret_hex": SECRET}))
    return folder


@pytest.fixture
def contexts(tmp_path: Path) -> Path:
    """The folder of a server with the contexts of two devices; the devices' own folders are beside it."""
    for number in (1, 2):
        context_in(tmp_path / "server" / f"camera-{number}", number, of_server=True, device_id=f"camera {number}")
        context_in(tmp_path / f"camera-{number}", number, of_server=False)
    return tmp_path / "server"


@pytest.fixture
def services(core: WithState) -> Services:
    found: Services = core.state["services"]
    return found


class Secured(Device):
    """A device with a security context."""

    def __init__(self, context: Context, port: int, folder: Path) -> None:
        super().__init__(context, port)
        secured = FilesystemSecurityContext(str(folder))
        context.client_credentials[f"coap://{HOST}:{port}/*"] = secured
        self.close: Callable[[], None] = secured._destroy


@asynccontextmanager
async def secured(port: int, folder: Path) -> AsyncIterator[Secured]:
    context = await Context.create_client_context(transports=["oscore", "udp6"])
    camera = await to_thread.run_sync(Secured, context, port, folder)
    try:
        yield camera
    finally:
        await context.shutdown()
        await to_thread.run_sync(camera.close)


def sent_by(number: int) -> bytes:
    return cbor_document(noise(seed=number), device=f"camera {number}")


async def test_a_device_sends_and_reads_as_itself_alone(services: Services, contexts: Path) -> None:
    async with (
        coap_of(services, access=Access.KEYS, credentials=contexts) as port,
        secured(port, contexts.parent / "camera-1") as camera,
        secured(port, contexts.parent / "camera-2") as other,
        device(port) as stranger,
    ):
        sent = await camera.post(sent_by(1), CBOR)
        assert sent.code is Code.CREATED
        assert isinstance(sent.remote, OSCOREAddress)
        path = cbor2.loads(sent.payload)["href"]
        assert (await camera.get(path)).payload == noise(seed=1)
        for answer in (
            await camera.post(sent_by(2), CBOR),
            await other.get(IMAGES, observe=0),
        ):
            assert answer.code is Code.FORBIDDEN
        # Another device's picture looks like one that does not exist, as over HTTP.
        foreign, unknown = await other.get(path), await other.get(f"{IMAGES}/999999999")
        assert foreign.code is Code.NOT_FOUND
        assert (foreign.code, foreign.payload) == (unknown.code, unknown.payload)
        for answer in (await stranger.post(sent_by(1), CBOR), await stranger.get(path)):
            assert answer.code is Code.UNAUTHORIZED
            assert problem(answer)[-2]
        assert services.upload_memory.held == 0
        assert (await stranger.get("/.well-known/core")).code is Code.CONTENT


async def test_a_device_can_send_after_a_restart_and_after_a_crash(services: Services, contexts: Path) -> None:
    """After a crash the sequence numbers that a device has used are unknown, and it is asked for a fresh one; the
    device's library answers by itself."""
    async with secured(1, contexts.parent / "camera-1") as camera:
        for number in range(3):
            async with coap_of(services, access=Access.KEYS, credentials=contexts) as port:
                own = camera.context.client_credentials
                own[f"coap://{HOST}:{port}/*"] = next(iter(own.values()))
                answer = await Device(camera.context, port).post(
                    cbor_document(noise(seed=1), "camera 1", f"2024-08-18T02:04:0{number}Z"), CBOR
                )
                assert answer.code is Code.CREATED
                numbers = contexts / "camera-1" / "sequence.json"
                at_a_crash = await to_thread.run_sync(numbers.read_text)
                assert json.loads(at_a_crash)["received"] == "unknown"
            if number:
                await to_thread.run_sync(numbers.write_text, at_a_crash)


async def test_a_replayed_message_is_refused(services: Services, contexts: Path) -> None:
    """The same bytes with another message id are new to the message layer, and refused by the replay window."""
    async with (
        coap_of(services, access=Access.KEYS, credentials=contexts) as port,
        secured(port, contexts.parent / "camera-1") as camera,
    ):
        assert (await camera.get("/.well-known/core")).code is Code.CONTENT
        context = camera.context.client_credentials[f"coap://{HOST}:{port}/*"]
        protected, _ = context.protect(camera.message(Code.GET, "/.well-known/core"))
        answers = []
        for mid in (1, 2):
            protected.mtype, protected.mid, protected.token = 0, mid, b"t"
            answers.append(await to_thread.run_sync(_exchange, port, protected.encode()))
        assert [each[1] for each in answers] == [Code.CHANGED, Code.UNAUTHORIZED]


def _exchange(port: int, datagram: bytes, *, seconds: float = 10) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        plain.settimeout(seconds)
        plain.sendto(datagram, (HOST, port))
        return plain.recv(4096)


def _protected(option: bytes, payload: bytes, *, confirmable: bool, mid: int, path: bytes = b"") -> bytes:
    """A POST with this OSCORE option, from a stranger."""
    head = (b"\x41" if confirmable else b"\x51") + b"\x02" + mid.to_bytes(2) + b"t"
    size = len(option)
    written = bytes((0x90 | min(13, size),)) + (bytes((size - 13,)) if size >= 13 else b"") + option
    return head + written + path + (b"\xff" + payload if payload else b"")


STRANGERS: list[tuple[bytes, bytes, int]] = [
    (b"", b"x" * 20, Code.UNAUTHORIZED),  # RFC 8613 section 8.2, in its order
    (b"\xe0", b"x", Code.BAD_OPTION),  # reserved bits
    (b"\x07", b"x", Code.BAD_OPTION),  # a reserved length of the partial IV
    (b"\x05\x01", b"x", Code.BAD_OPTION),  # a partial IV that is cut
    (b"\x10", b"x", Code.BAD_OPTION),  # a context hint without its length
    (b"\x11\x00\x05\x01", b"x", Code.BAD_OPTION),  # one that is cut
    (b"\x09\x00stranger", b"x" * 20, Code.UNAUTHORIZED),
    (b"\x09\x00\x01\x01", b"x" * 20, Code.UNAUTHORIZED),
    (b"\x09\x00\x02\x01", b"", Code.BAD_REQUEST),  # the id of camera 1
    (b"\x09\x00\x02\x01", b"x" * 20, Code.BAD_REQUEST),
    (b"\x09\x00\x02\x01", b"x" * 5, Code.BAD_REQUEST),
    (b"\x08\x02\x01", b"x" * 20, Code.BAD_REQUEST),  # no partial IV
    (b"\x29\x00\x02\x01", b"x" * 20, Code.BAD_REQUEST),  # a group message
    (b"\x09\x00" + bytes(200), b"x" * 20, Code.UNAUTHORIZED),
]


async def test_strangers_write_nothing_into_the_log(
    services: Services, contexts: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each gets the answer of RFC 8613 section 8.2 if it is confirmable, and nothing otherwise."""
    path = b"\x2b.well-known\x05edhoc"  # the outer path means nothing
    registry = CollectorRegistry()
    async with coap_of(services, access=Access.KEYS, credentials=contexts, registry=registry) as port:

        def send_all() -> list[int]:
            codes = []
            for mid, (option, payload, _) in enumerate(STRANGERS * 2):
                outer = path if mid >= len(STRANGERS) else b""
                codes.append(_exchange(port, _protected(option, payload, confirmable=True, mid=mid, path=outer))[1])
                with pytest.raises(TimeoutError):
                    _exchange(port, _protected(option, payload, confirmable=False, mid=1000 + mid), seconds=0.05)
            # EDHOC (RFC 9528) is not served: there is no such resource.
            codes.append(_exchange(port, b"\x41\x02\x27\x0ft\xbb.well-known\x05edhoc\xff\xf5\x00")[1])
            return codes

        codes = await to_thread.run_sync(send_all)
    assert codes == [code for *_, code in STRANGERS] * 2 + [Code.NOT_FOUND]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert "Traceback" not in "".join(capsys.readouterr())
    assert (registry.get_sample_value("lightbox_coap_malformed_total") or 0) > 0


async def test_a_device_observes_its_own_pictures(services: Services, contexts: Path) -> None:
    async with (
        coap_of(services, access=Access.KEYS, credentials=contexts) as port,
        secured(port, contexts.parent / "camera-1") as camera,
    ):
        message = camera.message(Code.GET, IMAGES, query=("deviceId=camera 1",), observe=0)
        request = camera.context.request(message, handle_blockwise=False)
        assert cbor2.loads((await request.response).payload) == {}
        notifications = aiter(request.observation)
        await camera.post(sent_by(1), CBOR)
        async with asyncio.timeout(10):
            notification = await anext(notifications)
        assert isinstance(notification.remote, OSCOREAddress)
        assert cbor2.loads(notification.payload)["sha256"] == sha256_hex(noise(seed=1))


@pytest.mark.parametrize("how", ["folder", "file", "keys"])
async def test_a_context_that_is_taken_away(services: Services, contexts: Path, how: str) -> None:
    """The device is refused, and what it observes ends; others observe on."""
    async with (
        coap_of(services, access=Access.KEYS, credentials=contexts, revocation_seconds=0.1) as port,
        secured(port, contexts.parent / "camera-1") as camera,
        secured(port, contexts.parent / "camera-2") as other,
    ):
        observations = []
        for number, each in ((1, camera), (2, other)):
            message = each.message(Code.GET, IMAGES, query=(f"deviceId=camera {number}",), observe=0)
            request = each.context.request(message, handle_blockwise=False)
            assert (await request.response).code is Code.CONTENT
            observations.append(aiter(request.observation))
        folder = contexts / "camera-1"
        match how:
            case "folder":
                shutil.rmtree(folder)
            case "file":
                (folder / "settings.json").unlink()
            case _:
                (folder / "secret.json").write_text(json.dumps({"secret_hex": SECRET[::-1]}))
        async with asyncio.timeout(5):
            last = await anext(observations[0])
            assert (last.code, last.opt.observe) == (Code.UNAUTHORIZED, None)
            with pytest.raises(NotAProtectedMessage) as refused:
                await camera.post(sent_by(1), CBOR)
        assert refused.value.plain_message.code is Code.UNAUTHORIZED
        await other.post(sent_by(2), CBOR)
        async with asyncio.timeout(10):
            assert cbor2.loads((await anext(observations[1])).payload)["sha256"] == sha256_hex(noise(seed=2))
    if how == "keys":
        await to_thread.run_sync(lambda: DeviceContext(folder, "camera 1").close())  # nothing holds its lock


def test_the_contexts_are_looked_at_often_enough() -> None:
    """So that observations end within five seconds."""
    assert CoapOptions("localhost", 0).revocation_seconds <= 3


def test_files_that_cannot_be_read_at_the_moment_have_not_changed(contexts: Path) -> None:
    context = DeviceContext(contexts / "camera-1", "camera 1")
    settings = contexts / "camera-1" / "settings.json"
    settings.rename(contexts / "aside")
    settings.mkdir()  # reading it is an error, even for root
    assert not context.has_changed()
    settings.rmdir()
    assert context.has_changed()
    (contexts / "aside").rename(settings)
    assert not context.has_changed()
    context.close()


async def test_with_open_access_a_context_still_binds(services: Services, contexts: Path) -> None:
    async with (
        coap_of(services, credentials=contexts) as port,
        secured(port, contexts.parent / "camera-1") as camera,
        device(port) as stranger,
    ):
        assert (await camera.post(sent_by(2), CBOR)).code is Code.FORBIDDEN
        assert (await stranger.post(noise(), PNG, "deviceId=x", "timestamp=2024-08-18T02:04:07Z")).code is Code.CREATED


async def test_without_credentials_it_does_not_start(services: Services) -> None:
    with pytest.raises(CredentialsError, match="LIGHTBOX_COAP_CREDENTIALS"):
        async with coap_of(services, access=Access.KEYS):
            pytest.fail("it has started")


def test_no_two_processes_use_a_context(contexts: Path) -> None:
    with opened_contexts(contexts) as found:
        context = found[":camera-1"]
        assert isinstance(context, DeviceContext)
        assert context.device_id == "camera 1"
        with pytest.raises(CredentialsError, match="another process"), opened_contexts(contexts):
            pytest.fail("it was opened twice")
    with opened_contexts(contexts):
        pass


def test_bad_contexts_are_named_and_their_secrets_are_not(contexts: Path) -> None:
    context_in(contexts / "copy", 1, of_server=True, device_id="copy")
    with pytest.raises(CredentialsError, match="recipient ID"), opened_contexts(contexts):
        pytest.fail("two contexts with one name")
    (contexts / "copy" / "secret.json").write_text('{"secret_hex": "no digits"}')
    with pytest.raises(CredentialsError, match=r"copy.*Error") as refused, opened_contexts(contexts):
        pytest.fail("no secret")
    assert "digits" not in str(refused.value)
    (contexts / "copy" / "settings.json").write_text("{}")
    with pytest.raises(CredentialsError, match="device-id"), opened_contexts(contexts):
        pytest.fail("no device")
    with pytest.raises(CredentialsError, match="no folder"), opened_contexts(contexts / "copy"):
        pytest.fail("an empty folder")


@pytest.mark.parametrize(
    ("environment", "access", "coap", "served"),
    [
        (Environment.DEVELOPMENT, None, None, True),
        (Environment.DEVELOPMENT, Access.KEYS, None, False),
        (Environment.PRODUCTION, None, None, False),
        (Environment.PRODUCTION, None, True, True),
        (Environment.DEVELOPMENT, None, False, False),
    ],
)
def test_when_coap_is_served(environment: Environment, access: Access | None, coap: bool | None, served: bool) -> None:
    settings = CoreSettings(environment=environment, collection_access=access, coap=coap)
    assert settings.serves_coap is served
