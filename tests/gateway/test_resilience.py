"""Services that do not answer: retries, timeouts and circuit breakers."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import pytest
from starlette.types import Receive, Send
from support.gateway import FakeService, Platform, Seen, Server, Start
from support.rude import Rude

from gateway.circuit_breaker import FAILURES, LONGEST_PAUSE_SECONDS, CircuitBreaker
from gateway.routes import PUBLIC, Route, Routes
from lightbox_shared.errors import Unavailable

PATH = "/api/models"


@pytest.fixture
def rude(request: pytest.FixtureRequest) -> Iterator[Rude]:
    with closing(Rude(*request.param)) as server:
        yield server


@pytest.mark.parametrize("rude", [(2,)], indirect=True)
def test_an_idempotent_request_is_tried_again(start: Start, rude: Rude) -> None:
    platform = start(inference_service_url=rude.url)
    assert platform.http.get(PATH).text == "ok"
    assert len(rude.requests) == 3


@pytest.mark.parametrize("rude", [(99,)], indirect=True)
def test_and_twice_at_most(start: Start, rude: Rude) -> None:
    platform = start(inference_service_url=rude.url)
    assert platform.http.put(PATH, content=b"body").status_code == 502
    assert len(rude.requests) == 3


@pytest.mark.parametrize("rude", [(1,)], indirect=True)
def test_other_requests_are_not(start: Start, rude: Rude) -> None:
    platform = start(inference_service_url=rude.url)
    assert platform.http.post(PATH, content=b"body").status_code == 502
    assert len(rude.requests) == 1


@pytest.mark.parametrize("rude", [(1, b"SSH-2.0-server\r\n\r\n")], indirect=True)
def test_what_is_not_http_is_a_bad_gateway(start: Start, rude: Rude) -> None:
    response = start(inference_service_url=rude.url).http.post(PATH)
    assert (response.status_code, response.json()["type"]) == (502, "/problems/bad-gateway")


def _unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_a_request_waits_for_a_service_that_starts(start: Start) -> None:
    port = _unused_port()
    platform = start(inference_service_url=f"http://127.0.0.1:{port}")
    async with platform.client() as http:
        asking = asyncio.create_task(http.post(PATH, content=b"never arrived, so it may be sent again"))
        await asyncio.sleep(0.03)
        server = await asyncio.to_thread(Server, FakeService(), port=port)
        assert (await asking).status_code == 200
        await asyncio.to_thread(server.stop)


def test_the_circuit_opens_and_recovers_by_itself(start: Start) -> None:
    port = _unused_port()
    platform = start(inference_service_url=f"http://127.0.0.1:{port}")
    for _ in range(2):
        response = platform.http.get(PATH)
        assert response.status_code == 503
    refused = platform.http.get(PATH)
    assert (refused.status_code, refused.json()["detail"]) == (503, "inference-service does not answer at the moment.")
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.elapsed.total_seconds() < 0.1
    server = Server(FakeService(), port=port)
    threading.Event().wait(1.3)
    assert [platform.http.get(PATH).status_code for _ in range(3)] == [200, 200, 200]
    server.stop()


def test_a_service_that_is_called_ready_is_reached(start: Start) -> None:
    """A successful `/readyz` closes the circuit breaker, so requests are sent without waiting for the next trial."""
    port = _unused_port()
    platform = start(inference_service_url=f"http://127.0.0.1:{port}")
    for _ in range(3):
        assert platform.http.get(PATH).status_code == 503
    server = Server(FakeService(), port=port)
    assert platform.http.get("/readyz").status_code == 200
    assert platform.http.get(PATH).status_code == 200
    server.stop()


def test_one_trial_at_a_time_and_growing_pauses() -> None:
    now = 0.0
    breaker = CircuitBreaker("x", clock=lambda: now)
    for _ in range(FAILURES + 20):  # requests that were under way make no difference
        breaker.record_failure(trial=False)
    pauses = []
    for _ in range(6):
        waited = 0.0
        while True:
            now, waited = now + 0.5, waited + 0.5
            try:
                trial = breaker.admit()
            except Unavailable:
                continue
            break
        assert trial
        with pytest.raises(Unavailable):
            breaker.admit()
        pauses.append(waited)
        breaker.record_failure(trial=True)
    assert pauses == [1.0, 2.0, 4.0, 8.0, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]
    now += LONGEST_PAUSE_SECONDS
    assert breaker.admit()
    breaker.release_trial(trial=True)  # the client disconnected, so the next request is the trial
    assert breaker.admit()
    breaker.record_success()
    assert not breaker.admit()


QUICK = Routes([Route(PATH, "inference-service", PUBLIC, timeout=0.2)])


def test_a_silent_service_is_a_timeout(start: Start) -> None:
    platform = start(QUICK)

    async def behave(_seen: Seen, receive: Receive, _send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    platform.service.behave = behave
    response = platform.http.get(PATH)
    assert (response.status_code, response.json()["type"]) == (504, "/problems/upstream-timeout")
    assert len(platform.service.seen) == 1


async def test_a_slow_client_is_not_the_services_silence(start: Start) -> None:
    platform = start(QUICK)

    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x"
            await asyncio.sleep(0.1)

    async with platform.client() as http:
        assert (await http.post(PATH, content=slowly())).status_code == 200
    assert platform.service.last.body == b"xxxxx"


async def test_many_at_once(platform: Platform) -> None:
    async with platform.client() as http:
        answers = await asyncio.gather(*(http.get(f"{PATH}/{number}") for number in range(100)))
    assert {each.status_code for each in answers} == {200}
    assert len({each.headers["x-request-id"] for each in answers}) == 100
