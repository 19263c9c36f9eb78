"""Calls between services."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
import stamina
from fastapi import APIRouter
from pydantic import SecretStr
from support.asgi import client_of, running
from support.kit import MakeApp

from lightbox_shared.config import Settings
from lightbox_shared.errors import Unavailable
from lightbox_shared.http import RENEW_BEFORE_SECONDS, ServiceClient, ServiceTokens, auth_access, service_http

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


class Fake:
    """auth-service's token endpoint and a service, which gives the responses in `answers`, and then 200."""

    def __init__(self, *answers: int | Exception, expires_in: float = 600) -> None:
        self.answers = list(answers)
        self.expires_in = expires_in
        self.token_answers: list[int | Exception] = []
        self.tokens: list[httpx.Request] = []
        self.calls: list[httpx.Request] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await anyio.lowlevel.checkpoint()
        if request.url.path == "/oauth/token":
            self.tokens.append(request)
            body = {"access_token": f"token-{len(self.tokens)}", "expires_in": self.expires_in}
            return self._answer(self.token_answers, body)
        self.calls.append(request)
        return self._answer(self.answers, {"n": len(self.calls)})

    @staticmethod
    def _answer(answers: list[int | Exception], body: dict[str, Any]) -> httpx.Response:
        answer = answers.pop(0) if answers else 200
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer, json=body)


@asynccontextmanager
async def calling(fake: Fake) -> AsyncIterator[ServiceClient]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(fake), base_url="http://auth:8001") as http:
        yield ServiceClient(http, ServiceTokens(http, service="kit", secret="the:secret"))


def authorization(requests: list[httpx.Request]) -> list[str]:
    return [request.headers["authorization"] for request in requests]


async def test_a_token_is_fetched_once(no_blocking_calls: object) -> None:  # noqa: ARG001
    fake = Fake()
    async with calling(fake) as client, anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(client.get, f"/things/{number}")
    assert len(fake.tokens) == 1
    assert authorization(fake.calls) == ["Bearer token-1"] * 10
    (asked,) = fake.tokens
    assert (asked.method, asked.content) == ("POST", b"grant_type=client_credentials")
    assert asked.headers["authorization"] == "Basic a2l0OnRoZSUzQXNlY3JldA=="  # kit:the%3Asecret


async def test_a_token_is_renewed_before_it_expires() -> None:
    fake = Fake(expires_in=RENEW_BEFORE_SECONDS + 0.3)
    async with calling(fake) as client:
        await client.get("/a")
        await client.get("/b")
        await anyio.sleep(0.35)
        await client.get("/c")
    assert authorization(fake.calls) == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


@pytest.fixture
def no_waits() -> Iterator[None]:
    """Retries without the pauses between them."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


TRANSPORT = [httpx.ConnectError("refused"), httpx.ReadError("cut"), httpx.ConnectTimeout("slow"), httpx.ReadTimeout("")]


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("failure", [502, 503, 504, *TRANSPORT], ids=repr)
async def test_what_may_pass_is_tried_again(failure: int | Exception) -> None:
    fake = Fake(failure, failure)
    async with calling(fake) as client:
        assert (await client.get("/x", q=1)).json() == {"n": 3}
    assert [str(call.url) for call in fake.calls] == ["http://auth:8001/x?q=1"] * 3


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("failure", [502, 503, 504, *TRANSPORT], ids=repr)
async def test_what_does_not_pass_is_unavailable(failure: int | Exception) -> None:
    fake = Fake(*[failure] * 9)
    async with calling(fake) as client:
        with pytest.raises(Unavailable) as raised:
            await client.get("/x")
    assert len(fake.calls) == 3
    assert raised.value.headers == {"Retry-After": "1"}


async def test_retries_end_soon() -> None:
    started = time.monotonic()
    async with calling(Fake(*[503] * 9)) as client:
        with pytest.raises(Unavailable):
            await client.get("/x")
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("status", [200, 204, 304, 400, 403, 404, 409, 500])
async def test_every_other_answer_is_the_callers(status: int) -> None:
    fake = Fake(status)
    async with calling(fake) as client:
        assert (await client.get("/x")).status_code == status
    assert len(fake.calls) == 1


@pytest.mark.usefixtures("no_waits")
async def test_a_token_that_is_refused_is_replaced() -> None:
    fake = Fake(401)
    async with calling(fake) as client:
        assert (await client.get("/x")).status_code == 200
    assert authorization(fake.calls) == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("failure", [401, 500, 503, httpx.ConnectError("refused")], ids=repr)
async def test_without_a_token_it_is_unavailable(failure: int | Exception) -> None:
    fake = Fake()
    fake.token_answers = [failure] * 9
    async with calling(fake) as client:
        with pytest.raises(Unavailable):
            await client.get("/x")
        assert fake.calls == []
        fake.token_answers = []
        assert (await client.get("/x")).status_code == 200


async def test_a_call_carries_the_request_on(make_app: MakeApp) -> None:
    fake = Fake()
    router = APIRouter()

    @router.get("/through")
    async def through() -> int:
        return (await client.get("/x")).status_code

    async with calling(fake) as client, running(make_app(router)) as app, client_of(app) as http:
        headers = {"X-Request-ID": "r-1", "traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01"}
        assert (await http.get("/through", headers=headers)).json() == 200
    (call,) = fake.calls
    assert call.headers["x-request-id"] == "r-1"
    assert call.headers["traceparent"].startswith(f"00-{TRACE_ID}-")
    assert call.headers["traceparent"].endswith("-01")


async def test_what_a_service_needs_of_auth_service(free_port: int) -> None:
    settings = Settings(auth_service_url=f"http://127.0.0.1:{free_port}", client_secret=SecretStr("x"))
    async with auth_access(settings, "kit") as (keys, tokens, http):
        assert str(http.base_url) == f"http://127.0.0.1:{free_port}"
        with pytest.raises(Unavailable):
            await keys.find("any")
        with pytest.raises(httpx.ConnectError):
            await tokens.get()
    async with service_http(Settings(port=9000).auth_service_url) as http:
        assert str(http.base_url) == "http://127.0.0.1:9001"


Call = Callable[[ServiceClient], Any]


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("failure", [401, 502, 503, 504, *TRANSPORT], ids=repr)
@pytest.mark.parametrize(
    "call",
    [lambda client: client.put("/x", {"a": "眼"}), lambda client: client.post("/x", {"a": "眼"}, repeatable=True)],
    ids=["put", "repeatable post"],
)
async def test_what_may_arrive_twice_is_tried_again(failure: int | Exception, call: Call) -> None:
    fake = Fake(failure)
    async with calling(fake) as client:
        assert (await call(client)).json() == {"n": 2}
    assert [request.content for request in fake.calls] == ['{"a":"眼"}'.encode()] * 2


NOT_SENT = [401, httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), httpx.PoolTimeout("full")]
PERHAPS_DONE = [502, 503, 504, httpx.ReadError("cut"), httpx.ReadTimeout(""), httpx.RemoteProtocolError("cut")]


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("failure", NOT_SENT, ids=repr)
async def test_a_post_that_was_not_carried_out_is_tried_again(failure: int | Exception) -> None:
    fake = Fake(failure)
    async with calling(fake) as client:
        assert (await client.post("/x", {"a": 1})).json() == {"n": 2}


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("failure", PERHAPS_DONE, ids=repr)
async def test_a_post_that_may_have_been_carried_out_is_not(failure: int | Exception) -> None:
    fake = Fake(failure)
    async with calling(fake) as client:
        with pytest.raises(Unavailable):
            await client.post("/x", {"a": 1})
    assert len(fake.calls) == 1


async def test_a_form_with_a_file() -> None:
    fake = Fake(401)
    async with calling(fake) as client:
        answer = await client.post("/x", data={"model": "m"}, files={"file": ("p", b"bytes", "image/png")})
        assert answer.status_code == 200
    first, second = fake.calls
    assert first.method == "POST"
    for request in (first, second):
        assert request.headers["content-type"].startswith("multipart/form-data")
        for part in (b'name="model"', b'filename="p"', b"image/png", b"bytes"):
            assert part in request.content


async def test_how_long_a_post_may_take() -> None:
    fake = Fake()
    async with calling(fake) as client:
        await client.post("/x", {}, timeout_seconds=60)
        await client.post("/x", {})
    waited = [request.extensions["timeout"] for request in fake.calls]
    assert [each["read"] for each in waited] == [60, 5]
    assert [each["connect"] for each in waited] == [2, 2]
