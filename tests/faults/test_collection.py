"""The collection and its database are killed in the middle of 2,000 uploads over HTTP and CoAP.

No picture that was answered with 201 or 2.01 is lost, and an upload without a response can be sent again.
"""

import asyncio
import io
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import aiocoap
import aiocoap.error
import cbor2
import httpx
import pytest
from PIL import Image
from support.tending import RECOVERY_SECONDS, kill_postgres, kill_service, tended_platform
from support.threads import running_threads

from lightbox.run.platform import Platform
from lightbox_shared.installation import service_named

SERVICE = "core-collection-service"
PATH = "/collections/images"
UPLOADS = 2_000
HTTP_CLIENTS = 4
COAP_SIDES = (8, 56)
"""The width and height of the picture of each CoAP client: one fits into a message, the other takes several blocks."""
COAP_SECONDS = 10
PAUSE_SECONDS = 0.05
KEPT_OVER_COAP = {aiocoap.CREATED, aiocoap.CHANGED}
"""The successful responses. A message is retransmitted (RFC 7252 section 4.2), so the picture may exist already."""
REFUSALS = {502, 503, 504, aiocoap.SERVICE_UNAVAILABLE, aiocoap.REQUEST_ENTITY_INCOMPLETE}
"""The responses that are allowed instead of 201: to try again later, and over CoAP, where the earlier blocks of an
upload were lost, to begin again (RFC 7959 section 2.9.2)."""


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with tended_platform(LIGHTBOX_RATE_UPLOAD="off") as tended:
        yield tended


class Uploads:
    """Devices that send pictures until they are told to stop. Each picture is sent until it was stored."""

    def __init__(self, platform: Platform) -> None:
        assert platform.coap is not None
        self._platform = platform
        self._coap_url = platform.coap.coap_url + PATH
        self.kept: dict[tuple[str, str], bytes] = {}
        self.kept_over_coap = 0
        self.refusals: set[int] = set()
        self.broken: list[BaseException] = []
        self._stop = threading.Event()

    def _pictures(self, device_id: str, side: int) -> Iterator[tuple[tuple[str, str], bytes, bytes]]:
        """Device and timestamp, a unique picture, and the document with both."""
        taken_at = datetime(2024, 8, 18, tzinfo=UTC)
        while not self._stop.is_set():
            taken_at += timedelta(seconds=1)
            file = io.BytesIO()
            Image.frombytes("L", (side, side), os.urandom(side * side)).save(file, "PNG")
            timestamp, data = taken_at.isoformat(), file.getvalue()
            document = {"deviceId": device_id, "timestamp": timestamp, "imageData": data}
            yield (device_id, timestamp), data, cbor2.dumps(document)

    def _send_over_http(self, device_id: str) -> None:
        headers = {"Content-Type": "application/cbor"}
        with httpx.Client(base_url=self._platform.url, headers=headers, timeout=30) as http:
            for key, data, document in self._pictures(device_id, 8):
                expected = {201}
                while not self._stop.is_set():
                    try:
                        status = http.post(PATH, content=document).status_code
                    except httpx.TransportError:
                        status = None
                    if status in expected:
                        self.kept[key] = data
                        break
                    if status is not None:
                        self.refusals.add(status)
                    # An upload without a response may have been stored.
                    expected = {200, 201}
                    time.sleep(PAUSE_SECONDS)

    async def _send_over_coap(self, device_id: str, side: int) -> None:
        context = await aiocoap.Context.create_client_context()
        try:
            for key, data, document in self._pictures(device_id, side):
                while not self._stop.is_set():
                    code = await self._coap_answer(context, document)
                    if code in KEPT_OVER_COAP:
                        self.kept[key] = data
                        self.kept_over_coap += 1
                        break
                    if code is not None:
                        self.refusals.add(code)
                    await asyncio.sleep(PAUSE_SECONDS)
        finally:
            await context.shutdown()

    async def _coap_answer(self, context: aiocoap.Context, document: bytes) -> int | None:
        message = aiocoap.Message(code=aiocoap.POST, uri=self._coap_url, payload=document, content_format=60)
        try:
            async with asyncio.timeout(COAP_SECONDS):
                return int((await context.request(message).response).code)
        except (aiocoap.error.Error, OSError, TimeoutError):
            return None

    def _run(self, number: int) -> None:
        try:
            if number < HTTP_CLIENTS:
                self._send_over_http(f"http-{number}")
            else:
                number -= HTTP_CLIENTS
                asyncio.run(self._send_over_coap(f"coap-{number}", COAP_SIDES[number]))
        except BaseException as error:
            self.broken.append(error)
            raise

    def running(self) -> AbstractContextManager[None]:
        return running_threads(self._run, HTTP_CLIENTS + len(COAP_SIDES), self._stop)

    def wait_for(self, total: int, over_coap: int) -> None:
        """Wait until a number of pictures were stored, and some of them over CoAP, so that the collection works."""
        deadline = time.monotonic() + RECOVERY_SECONDS
        while len(self.kept) < total or self.kept_over_coap < over_coap:
            assert not self.broken, self.broken
            assert time.monotonic() < deadline, f"{len(self.kept)} were kept, {self.refusals} seen"
            time.sleep(0.02)

    def wait_until_ready(self) -> None:
        """Read until it succeeds, since reading may recover later than writing."""
        deadline = time.monotonic() + RECOVERY_SECONDS
        while httpx.get(f"{self._platform.url}/readyz", timeout=30).status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(PAUSE_SECONDS)

    def assert_all_are_there(self) -> None:
        with (
            httpx.Client(base_url=self._platform.url, timeout=30) as http,
            ThreadPoolExecutor(HTTP_CLIENTS) as threads,
        ):

            def fetch(key: tuple[str, str]) -> bytes:
                answer = http.get(PATH, params={"deviceId": key[0], "timestamp": key[1]})
                assert answer.status_code == 200, (key, answer.text)
                return answer.content

            for key, found in zip(self.kept, threads.map(fetch, self.kept), strict=True):
                assert found == self.kept[key], key


def test_killing_the_collection_and_its_database_under_load(platform: Platform) -> None:
    uploads = Uploads(platform)
    part = UPLOADS // 5
    with uploads.running():
        uploads.wait_for(part, 1)
        for number in range(1, 5):
            if number % 2:
                kill_service(platform, SERVICE)
            else:
                kill_postgres(platform)
            # More than can have been in flight, each time, so that the killed process works again.
            uploads.wait_for(max((number + 1) * part, len(uploads.kept) + 100), uploads.kept_over_coap + 5)
    assert uploads.refusals <= REFUSALS
    assert len(set(uploads.kept.values())) == len(uploads.kept) >= UPLOADS
    uploads.wait_until_ready()
    uploads.assert_all_are_there()
    # The summary of devices was updated in the same transactions.
    assert platform.postgres is not None
    counted = "SELECT (SELECT count(*) FROM pictures) = (SELECT sum(pictures) FROM devices)"
    assert platform.postgres.sql(counted, service_named(SERVICE).database) == "t"
