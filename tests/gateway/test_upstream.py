"""Answers of services, byte for byte."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import httpx
import pytest
from support.gateway import Start

PATH = "/api/models"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Script:
    """A server that sends the next answer of its list for each request. For None it closes the connection."""

    def __init__(self, answers: list[bytes | None]) -> None:
        self.answers = answers
        self.requests: list[bytes] = []
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while request := connection.recv(65536):
                self.requests.append(request)
                answer = self.answers.pop(0) if self.answers else OK
                if answer is None:
                    return
                connection.sendall(answer)
                if b"close" in answer.lower():
                    return

    def close(self) -> None:
        # Without the shutdown the thread would stay in `accept`.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def script() -> Iterator[Callable[..., Script]]:
    scripts: list[Script] = []

    def make(*answers: bytes | None) -> Script:
        scripts.append(Script(list(answers)))
        return scripts[-1]

    yield make
    for each in scripts:
        each.close()


def _ask(start: Start, service: Script, method: str = "GET") -> httpx.Response:
    return start(inference_service_url=service.url).http.request(method, PATH)


def test_the_request_as_it_is_sent(start: Start, script: Callable[..., Script]) -> None:
    service = script()
    platform = start(inference_service_url=service.url)
    headers = {"User-Agent": "test", "Accept": "*/*", "Accept-Encoding": "gzip", "X-Request-ID": "r-1"}
    platform.http.get(f"{PATH}?q=1", headers=headers)
    request = service.requests[0]
    trace = request.partition(b"traceparent: ")[2].partition(b"\r\n")[0]
    host = b"127.0.0.1:%d" % platform.port
    assert request == (
        b"GET /api/models?q=1 HTTP/1.1\r\n"
        b"host: %b\r\nx-forwarded-for: 127.0.0.1\r\nx-forwarded-proto: http\r\nx-forwarded-host: %b\r\n"
        b"x-request-id: r-1\r\ntraceparent: %b\r\n"
        b"user-agent: test\r\naccept: */*\r\naccept-encoding: gzip\r\n\r\n" % (host, host, trace)
    )
    platform.http.post(PATH)
    assert b"\r\ncontent-length: 0\r\n" in service.requests[1]


def test_one_connection_serves_many_requests(start: Start, script: Callable[..., Script]) -> None:
    service = script()
    platform = start(inference_service_url=service.url)
    for method in ("GET", "HEAD", "POST", "GET"):
        assert platform.http.request(method, PATH).status_code == 200
    assert service.connections == 2  # its answer to HEAD had a body, so that connection is not used again


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\nX-Trailer: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nX-Then: close\r\n\r\nok",
    ],
)
def test_ways_to_say_the_same(start: Start, script: Callable[..., Script], answer: bytes) -> None:
    response = _ask(start, script(answer))
    assert (response.status_code, response.content) == (200, b"ok")
    assert not {"link", "x-trailer"} & response.headers.keys()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Large: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nok",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nX-Half: close",
    ],
)
def test_what_is_no_answer(start: Start, script: Callable[..., Script], answer: bytes) -> None:
    response = _ask(start, script(answer))
    assert (response.status_code, response.json()["type"]) == (502, "/problems/bad-gateway")


def test_nothing_is_left_for_the_next_request(start: Start, script: Callable[..., Script]) -> None:
    service = script(OK + OK.replace(b"ok", b"no"), OK)
    platform = start(inference_service_url=service.url)
    for _ in range(3):
        assert platform.http.get(PATH).text == "ok"
    assert service.connections == 2


def test_a_connection_that_was_closed_meanwhile_is_replaced(start: Start, script: Callable[..., Script]) -> None:
    service = script(OK, None, OK)
    platform = start(inference_service_url=service.url)
    assert [platform.http.get(PATH).text for _ in range(2)] == ["ok", "ok"]
    assert len(service.requests) == 3


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_that_breaks_off_is_not_tried_again(start: Start, script: Callable[..., Script], method: str) -> None:
    service = script(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX-Then: close\r\n\r\nok")
    with pytest.raises(httpx.RemoteProtocolError):
        _ask(start, service, method)
    assert len(service.requests) == 1
