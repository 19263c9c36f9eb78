"""Observing a collection (RFC 7641): small notifications, pictures by Block2, limits of observers."""

import asyncio
import itertools
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

import cbor2
import pytest
from aiocoap import Message
from aiocoap.numbers.codes import EMPTY, Code
from aiocoap.numbers.types import CON
from prometheus_client import CollectorRegistry
from support.asgi import WithState
from support.coap import HOST, PNG, Device, coap_of, device, noise, problem
from support.collection import IMAGES

from core_collection_service.coap.observing import SequenceNumbers
from core_collection_service.state import Services

LINKS = 40


@pytest.fixture
def services(core: WithState) -> Services:
    found: Services = core.state["services"]
    return found


@pytest.fixture
async def port(services: Services) -> AsyncIterator[int]:
    async with coap_of(services) as port:
        yield port


@pytest.fixture
async def camera(port: int) -> AsyncIterator[Device]:
    async with device(port) as camera:
        yield camera


class Observer:
    """A client that observes; notifications wait for `next`."""

    def __init__(self, camera: Device, *query: str, **options: Any) -> None:
        message = camera.message(Code.GET, IMAGES, query=query, observe=0, **options)
        self._request = camera.context.request(message, handle_blockwise=False)
        self._iterator = aiter(self._request.observation)

    async def first(self) -> Message:
        """The first response."""
        return await self._request.response

    async def next(self) -> Message:
        """The next notification."""
        async with asyncio.timeout(10):
            return await anext(self._iterator)

    def cancel(self) -> None:
        """Stop observing."""
        self._request.observation.cancel()


async def send(camera: Device, device_id: str, second: int) -> Message:
    answer = await camera.post(noise(16), PNG, f"deviceId={device_id}", f"timestamp=2024-08-18T02:04:{second:02}Z")
    assert answer.code is Code.CREATED
    return answer


async def test_a_picture_arrives_as_a_small_link_and_is_fetched(camera: Device, port: int) -> None:
    async with device(port) as watcher:
        observer = Observer(watcher)
        first = await observer.first()
        assert (first.code, cbor2.loads(first.payload)) == (Code.CONTENT, {})
        notification, note = first, {}
        for second in range(3):
            await send(camera, "a", second)
            notification = await observer.next()
            note = cbor2.loads(notification.payload)
            assert (note["deviceId"], note["timestamp"]) == ("a", f"2024-08-18T02:04:0{second}Z")
            assert len(notification.payload) < 1024
            assert notification.opt.observe > first.opt.observe
        assert (await watcher.get(note["href"])).payload == noise(16)
        again = Observer(watcher)
        first = await again.first()
        assert cbor2.loads(first.payload)["timestamp"] == "2024-08-18T02:04:02Z"
        assert first.opt.observe > notification.opt.observe


async def test_one_device_as_a_link(camera: Device, port: int) -> None:
    async with device(port) as watcher:
        observer = Observer(watcher, "deviceId=b", accept=LINKS)
        assert (await observer.first()).payload == b""
        await send(camera, "a", 1)
        sent = await send(camera, "b", 1)
        notification = await observer.next()
        path = "/".join(sent.opt.location_path)
        assert notification.payload.decode() == f'</{path}>;ct="23";sz="{len(noise(16))}"'


@pytest.mark.usefixtures("answers_at_once")
async def test_an_observer_that_does_not_acknowledge_gets_only_the_latest(camera: Device, port: int) -> None:
    loop = asyncio.get_running_loop()
    # Confirmable, with Observe 0.
    request = struct.pack("!BBHc", 0x41, Code.GET, 1, b"o") + b"\x60\x5bcollections\x06images"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as slow:
        slow.setblocking(False)
        slow.connect((HOST, port))

        async def received() -> Message:
            """The next message but empty ones, with which the server acknowledges a request that takes longer."""
            async with asyncio.timeout(10):
                while (message := Message.decode(await loop.sock_recv(slow, 4096))).code is EMPTY:
                    pass
                return message

        async def acknowledge(message: Message) -> None:
            if message.mtype is CON:
                await loop.sock_sendall(slow, struct.pack("!BBH", 0x60, 0, message.mid))

        await loop.sock_sendall(slow, request)
        answer = await received()
        assert answer.code is Code.CONTENT
        await acknowledge(answer)
        async with device(port) as watcher:
            quick = Observer(watcher)
            await quick.first()
            for second in range(3):
                await send(camera, "a", second)
                await quick.next()  # so the feed has published it
        first = await received()
        await acknowledge(first)
        while (second_received := await received()).mid == first.mid:
            pass  # it was sent again before it was acknowledged (RFC 7252 section 4.2)
        stamps = [cbor2.loads(each.payload)["timestamp"][-3:] for each in (first, second_received)]
        assert stamps == ["00Z", "02Z"]
        assert first.opt.observe < second_received.opt.observe


async def test_too_many_observers_are_answered_once(services: Services) -> None:
    registry = CollectorRegistry()
    async with coap_of(services, max_observers=1, registry=registry) as port, device(port) as watcher:
        one = Observer(watcher)
        assert (await one.first()).opt.observe is not None
        two = Observer(watcher, "deviceId=a")
        answer = await two.first()
        assert (answer.code, answer.opt.observe) == (Code.CONTENT, None)
        assert registry.get_sample_value("lightbox_coap_observers") == 1
    assert registry.get_sample_value("lightbox_coap_observers") == 0


async def test_observers_of_one_address_are_limited(services: Services) -> None:
    async with coap_of(services, max_observers_of_host=2) as port, device(port) as one, device(port) as two:
        for number, watcher in enumerate((one, two)):
            assert (await Observer(watcher, f"deviceId={number}").first()).opt.observe is not None
        answer = await Observer(one, "deviceId=2").first()
        assert (answer.code, answer.opt.observe) == (Code.CONTENT, None)
        async with device(port, "[::1]") as other:
            assert (await Observer(other).first()).opt.observe is not None


def test_sequence_numbers_increase_over_a_restart() -> None:
    now = 1_000_000.0
    before = SequenceNumbers(lambda: now)
    numbers = [before.next() for _ in range(20_000)]  # faster than the clock ticks
    assert numbers == sorted(set(numbers))
    now += 1
    assert numbers[-1] < SequenceNumbers(lambda: now).next() < numbers[-1] + (1 << 23)
    now -= 3600  # the clock was set back
    assert before.next() == numbers[-1] + 1


async def test_an_observer_that_sends_a_reset_is_forgotten(services: Services) -> None:
    registry = CollectorRegistry()
    async with coap_of(services, registry=registry) as port, device(port) as camera:
        observer = Observer(camera)
        await observer.first()
        observer.cancel()
        seconds = itertools.count()
        async with asyncio.timeout(10):
            while registry.get_sample_value("lightbox_coap_observers"):
                await send(camera, "a", next(seconds))  # until a notification is answered by a reset


async def test_observers_are_notified_again_after_a_while(services: Services) -> None:
    async with coap_of(services, refresh_seconds=0.05) as port, device(port) as watcher:
        observer = Observer(watcher)
        first = await observer.first()
        assert (await observer.next()).payload == first.payload


async def test_observers_get_an_error_when_the_service_stops(services: Services) -> None:
    async with coap_of(services) as port, device(port) as watcher:
        observer = Observer(watcher)
        await observer.first()
        services.feed.end()
        ending = await observer.next()
        assert (ending.code, ending.opt.observe) == (Code.SERVICE_UNAVAILABLE, None)


async def test_requests_that_are_not_observations(camera: Device) -> None:
    plain = await camera.get(IMAGES)
    assert (plain.code, "deviceId" in problem(plain)[-2]) == (Code.BAD_REQUEST, True)
    assert cbor2.loads((await camera.get(IMAGES, observe=1)).payload) == {}
    assert (await camera.get(IMAGES, observe=0, accept=PNG)).code is Code.NOT_ACCEPTABLE
    assert (await camera.get("/collections/devices", observe=0)).opt.observe is None
    await send(camera, "a", 1)
    picture = await camera.get(IMAGES, "deviceId=a", "timestamp=2024-08-18T02:04:01Z", observe=0)
    assert (picture.payload == noise(16), picture.opt.observe) == (True, None)
