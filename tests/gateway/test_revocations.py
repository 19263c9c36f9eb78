"""The list of revoked sessions."""

import asyncio
from dataclasses import dataclass, field

import httpx
import pytest
from starlette.types import Receive, Send
from support.gateway import Behaviour, Platform, Seen, Start, until

from gateway.clients.auth import RevocationPage
from gateway.config import GatewaySettings
from gateway.revocations import FORGET_EVERY_SECONDS, Revocations
from lightbox_shared.auth.api_keys import make
from lightbox_shared.errors import Unavailable


@dataclass
class Feed:
    """A feed of given pages. An exception in the list is raised."""

    pages: list[RevocationPage | Exception]
    asked: list[str | None] = field(default_factory=list)

    async def after(self, cursor: str | None) -> RevocationPage:
        self.asked.append(cursor)
        page = self.pages.pop(0) if self.pages else RevocationPage(cursor or "", {})
        if isinstance(page, Exception):
            raise page
        return page


async def test_before_the_first_poll_nothing_is_believed() -> None:
    revocations = Revocations(Feed([OSError("down")]))
    await revocations.poll()
    with pytest.raises(Unavailable):
        revocations.is_revoked(1)
    await revocations.poll()
    assert not revocations.is_revoked(1)


async def test_all_pages_are_read_and_the_cursor_kept() -> None:
    feed = Feed([RevocationPage("a", {1: 100}), RevocationPage("b", {2: 100})])
    revocations = Revocations(feed, clock=lambda: 50)
    await revocations.poll()
    assert revocations.is_revoked(1)
    assert revocations.is_revoked(2)
    assert feed.asked == [None, "a", "b"]


async def test_what_is_known_survives_an_outage_which_is_logged_once(capsys: pytest.CaptureFixture[str]) -> None:
    feed = Feed([RevocationPage("a", {1: 100}), RevocationPage("a", {}), OSError("x"), OSError("x"), OSError("x")])
    revocations = Revocations(feed, clock=lambda: 50)
    for _ in range(5):
        await revocations.poll()
    assert revocations.is_revoked(1)
    told = capsys.readouterr().out
    assert told.count("can't be fetched") == 1
    assert told.count("fetched again") == 1


async def test_the_expired_are_forgotten() -> None:
    now = 50.0
    revocations = Revocations(Feed([RevocationPage("a", {1: 100, 2: 1000})]), clock=lambda: now)
    await revocations.poll()
    now += FORGET_EVERY_SECONDS + 1
    await revocations.poll()
    assert not revocations.is_revoked(1)
    assert revocations.is_revoked(2)


async def test_a_new_service_token_is_fetched_when_ours_is_refused(platform: Platform) -> None:
    await until(lambda: len(platform.auth.polls) > 1)
    assert platform.auth.polls[0] is None
    assert platform.auth.polls[1] == "0"
    given = platform.auth.tokens_given
    platform.auth.refuse_tokens_once = True
    polls = len(platform.auth.polls)
    await until(lambda: len(platform.auth.polls) > polls + 1)
    assert platform.auth.tokens_given == given + 1


async def test_a_callback_for_a_session() -> None:
    feed = Feed([RevocationPage("a", {1: 100})])
    revocations = Revocations(feed, clock=lambda: 50)
    called: list[str] = []
    with revocations.on_revocation(1, lambda: called.append("one")), revocations.on_revocation(None, called.clear):
        with revocations.on_revocation(1, lambda: called.append("left")):
            pass
        await revocations.poll()
        feed.pages.append(RevocationPage("b", {1: 100, 2: 100}))
        await revocations.poll()
        assert called == ["one"]
    with revocations.on_revocation(2, lambda: called.append("two")):  # between the check of its token and this
        assert called == ["one", "two"]


KEY = make(bytes(range(32)))
STREAM_PATH = "/api/predictions"


async def events(_seen: Seen, receive: Receive, send: Send) -> None:
    """A stream of events: one event, and then silence until the client has gone."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass


async def endless(_seen: Seen, _receive: Receive, send: Send) -> None:
    """More than fits into all buffers."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"image/png")]})
    for _ in range(4000):
        await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})


@pytest.mark.parametrize("behave", [events, endless])
@pytest.mark.parametrize("reads", [True, False], ids=["a client that reads", "a client that does not"])
@pytest.mark.parametrize("credential", ["token", "api key", "cookie"])
async def test_the_answers_under_way_to_a_revoked_session_end(
    start: Start, behave: Behaviour, credential: str, reads: bool
) -> None:
    """Whatever the client does, and whatever the service sends; other sessions keep theirs."""
    platform = start()
    platform.service.behave = behave
    platform.auth.api_keys[KEY] = {"scope": "predict", "sid": 5}
    token = platform.key.token()
    mine = {
        "token": {"Authorization": f"Bearer {token}"},
        "api key": {"X-API-Key": KEY},
        "cookie": {"Cookie": f"lightbox_session={token}"},
    }[credential]
    other = {"Authorization": f"Bearer {platform.key.token(sid=6)}"}
    async with (
        platform.client() as http,
        http.stream("GET", STREAM_PATH, headers=mine) as ended,
        http.stream("GET", STREAM_PATH, headers=other) as kept,
    ):
        assert (ended.status_code, kept.status_code) == (200, 200)
        left = kept.aiter_raw()
        assert await anext(left)
        platform.auth.revoke(5)
        if not reads:
            await until(lambda: platform.gateway_requests() == 1)
        with pytest.raises(httpx.RemoteProtocolError):  # it is no complete answer
            await asyncio.wait_for(ended.aread(), 5)
        assert platform.gateway_requests() == 1
        if behave is endless:
            assert await anext(left)
    await until(lambda: platform.gateway_requests() == 0)


async def test_an_answer_of_a_known_length_is_whole(start: Start) -> None:
    """As that of the request which ends its own session, with a new password."""
    platform = start()
    begun, goes_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def slow(_seen: Seen, _receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"o", "more_body": True})
        loop.call_soon_threadsafe(begun.set)
        await until(goes_on.is_set)
        await send({"type": "http.response.body", "body": b"k"})

    platform.service.behave = slow
    async with platform.client() as http:
        headers = {"Authorization": f"Bearer {platform.key.token()}"}
        asked = asyncio.create_task(http.get(STREAM_PATH, headers=headers))
        await begun.wait()
        platform.auth.revoke(5)
        polls = len(platform.auth.polls)
        await until(lambda: len(platform.auth.polls) > polls + 2)
        goes_on.set()
        assert (await asked).content == b"ok"
        assert (await http.get(STREAM_PATH, headers=headers)).status_code == 401


def test_the_gateway_asks_often_enough() -> None:
    """So that a stream ends within five seconds."""
    assert GatewaySettings().revocation_poll_seconds <= 2
