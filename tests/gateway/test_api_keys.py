"""API keys: three notations, one exchange, and no key in the request to the service."""

import asyncio
import secrets
import socket

import pytest
from limits.aio.storage import MemoryStorage
from support.gateway import Platform, Start, until

from gateway.api_keys import REFUSAL_SECONDS, ApiKeys
from gateway.clients.auth import ExchangedToken
from gateway.limits import RateLimits
from lightbox_shared.auth.api_keys import is_well_formed, make
from lightbox_shared.errors import InvalidToken, TooManyRequests, Unavailable

REQUIRED = "/api/predictions"
OPTIONAL = "/accounts"
PUBLIC = "/api/models"
KEY = make(bytes(range(32)))
OTHER = make(bytes(32))
NO_LIMITS = RateLimits({}, MemoryStorage())


@pytest.fixture
def platform(start: Start) -> Platform:
    started = start()
    started.auth.api_keys[KEY] = {"scope": "predict", "sid": 40}
    return started


def sent(platform: Platform) -> bytes:
    """All data that the service has received."""
    return repr([(seen.raw_headers, seen.path, seen.query, seen.body) for seen in platform.service.seen]).encode()


NOTATIONS = [{"Authorization": f"Bearer {KEY}"}, {"Authorization": f"Token {KEY}"}, {"X-API-Key": KEY}]


def test_three_notations_become_one_token(platform: Platform) -> None:
    for headers in NOTATIONS:
        assert platform.http.get(REQUIRED, headers=headers).status_code == 200
        scheme, _, token = platform.service.last.headers["authorization"].partition(" ")
        assert (scheme, token.count(".")) == ("Bearer", 2)
        assert "x-api-key" not in platform.service.last.headers
    assert KEY.encode() not in sent(platform)
    assert platform.auth.exchanges == [{"key": KEY, "address": "127.0.0.1"}]


def test_the_client_behind_a_proxy_of_ours_is_named(start: Start) -> None:
    platform = start(trusted_proxies="127.0.0.0/8")
    platform.http.get(REQUIRED, headers={"X-API-Key": KEY, "X-Forwarded-For": "192.0.2.9"})
    assert platform.auth.exchanges == [{"key": KEY, "address": "192.0.2.9"}]


def test_which_of_several_counts(platform: Platform) -> None:
    token = platform.key.token(sid=41, jti="the token")
    cookie = {"Cookie": f"lightbox_session={token}; a=1"}
    assert platform.http.get(REQUIRED, headers={"X-API-Key": KEY, **cookie}).status_code == 200
    assert platform.service.last.headers["authorization"] != f"Bearer {token}"
    assert platform.service.last.headers["cookie"] == "a=1"
    both = {"Authorization": f"Bearer {token}", "X-API-Key": KEY}
    assert platform.http.get(REQUIRED, headers=both).status_code == 200
    assert platform.service.last.headers["authorization"] == f"Bearer {token}"
    # the credential that counts is invalid, and a valid one beside it makes no difference
    for headers in (
        {"Authorization": f"Bearer {OTHER}", "X-API-Key": KEY},
        {"Authorization": "Bearer x", "X-API-Key": KEY},
        {"X-API-Key": OTHER, **cookie},
        {"X-API-Key": "", **cookie},
        {"X-API-Key": token},
        {"Cookie": f"lightbox_session={KEY}"},
    ):
        assert platform.http.get(REQUIRED, headers=headers).status_code == 401, headers
    assert len(platform.service.seen) == 2


def test_two_of_them_are_one_too_many(platform: Platform) -> None:
    headers = [("X-API-Key", KEY), ("X-API-Key", OTHER)]
    assert platform.http.get(PUBLIC, headers=headers).status_code == 400
    assert platform.service.seen == []


def test_public_paths_neither_look_at_keys_nor_pass_them_on(platform: Platform) -> None:
    for headers in (
        *NOTATIONS,
        {"X-API-Key": "nonsense"},
        {"X_API_Key": KEY},
        {"Authorization": KEY},
        {"Authorization": f"ApiKey {KEY}"},
        {"X-API-Key": KEY, "Authorization": "Basic dTpw"},
    ):
        assert platform.http.get(PUBLIC, headers=headers).status_code == 200, headers
    assert platform.service.last.headers["authorization"] == "Basic dTpw"
    assert KEY.encode() not in sent(platform)
    assert platform.auth.exchanges == []


def test_a_bad_key_is_refused_where_a_token_would_be(platform: Platform) -> None:
    response = platform.http.get(REQUIRED, headers={"X-API-Key": OTHER})
    assert (response.status_code, response.json()["detail"]) == (401, "Invalid token.")
    assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert platform.http.post(OPTIONAL, headers={"X-API-Key": OTHER}).status_code == 401
    assert platform.service.seen == []


GARBAGE = {
    "checksum": KEY[:-1] + ("0" if KEY[-1] != "0" else "1"),
    "first letter": "lbx_1" + KEY[5:],
    "short": KEY[:-1],
    "long": KEY + "0",
    "10 kB": "lbx_" + "a" * 10_000,
    "twice": KEY + KEY,
    "prefix": "lbx_",
    "case": KEY.swapcase(),
    "inside": KEY[:20] + " " + KEY[20:],
}


@pytest.mark.parametrize("text", GARBAGE.values(), ids=GARBAGE)
def test_malformed_keys_are_refused_without_an_exchange(platform: Platform, text: str) -> None:
    for headers in ({"Authorization": f"Bearer {text}"}, {"Authorization": f"Token {text}"}, {"X-API-Key": text}):
        assert platform.http.get(REQUIRED, headers=headers).status_code == 401
    assert platform.auth.exchanges == []
    assert platform.service.seen == []


@pytest.mark.parametrize("octets", [b"\x00", b"\xff", "é".encode(), b"\r", b"\x7f"], ids=repr)
def test_bytes_that_no_key_has(platform: Platform, octets: bytes) -> None:
    for name in (b"X-API-Key: ", b"Authorization: Bearer "):
        value = KEY[:20].encode() + octets + KEY[21:].encode()
        request = b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%b%b\r\n\r\n" % (REQUIRED.encode(), name, value)
        with socket.create_connection(("127.0.0.1", platform.port), timeout=5) as connection:
            connection.sendall(request)
            received = b"".join(iter(lambda: connection.recv(65536), b""))
        assert received[9:12] in {b"400", b"401"}
    assert platform.auth.exchanges == []
    assert platform.service.seen == []


def test_a_refused_key_is_not_asked_about_again(platform: Platform) -> None:
    for _ in range(5):
        assert platform.http.get(REQUIRED, headers={"X-API-Key": OTHER}).status_code == 401
    assert len(platform.auth.exchanges) == 1


@pytest.mark.parametrize("known", [True, False])
async def test_many_requests_with_one_new_key_make_one_call(platform: Platform, *, known: bool) -> None:
    platform.auth.exchange_seconds = 0.2
    async with platform.client() as http:
        headers = {"X-API-Key": KEY if known else OTHER}
        answers = await asyncio.gather(*(http.get(REQUIRED, headers=headers) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200 if known else 401}
    assert len(platform.auth.exchanges) == 1


async def test_a_revoked_key_is_refused_after_a_poll(platform: Platform) -> None:
    async with platform.client() as http:
        headers = {"X-API-Key": KEY}
        assert (await http.get(REQUIRED, headers=headers)).status_code == 200
        del platform.auth.api_keys[KEY]
        assert (await http.get(REQUIRED, headers=headers)).status_code == 200  # cached
        platform.auth.revoke(40)
        polls = len(platform.auth.polls)
        await until(lambda: len(platform.auth.polls) >= polls + 3)
        for _ in range(3):
            assert (await http.get(REQUIRED, headers=headers)).status_code == 401
    assert len(platform.auth.exchanges) == 2


async def test_a_revoked_token_of_a_valid_key_is_replaced(platform: Platform) -> None:
    async with platform.client() as http:
        headers = {"X-API-Key": KEY}
        assert (await http.get(REQUIRED, headers=headers)).status_code == 200
        platform.auth.api_keys[KEY] = {"sid": 41}
        platform.auth.revoke(40)
        polls = len(platform.auth.polls)
        await until(lambda: len(platform.auth.polls) >= polls + 3)
        answers = await asyncio.gather(*(http.get(REQUIRED, headers=headers) for _ in range(10)))
        assert {answer.status_code for answer in answers} == {200}
    assert len(platform.auth.exchanges) == 2


async def test_a_key_whose_tokens_are_revoked_is_exchanged_twice_at_most(platform: Platform) -> None:
    platform.auth.revoke(40)
    polls = len(platform.auth.polls)
    async with platform.client() as http:
        await until(lambda: len(platform.auth.polls) >= polls + 3)
        for _ in range(5):
            assert (await http.get(REQUIRED, headers={"X-API-Key": KEY})).status_code == 401
    assert len(platform.auth.exchanges) == 2


def test_while_auth_service_is_down(platform: Platform) -> None:
    assert platform.http.get(REQUIRED, headers={"X-API-Key": KEY}).status_code == 200
    platform.auth.down = True
    assert platform.http.get(REQUIRED, headers={"X-API-Key": KEY}).status_code == 200
    refused = platform.http.get(REQUIRED, headers={"X-API-Key": OTHER})
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1
    platform.auth.down = False
    platform.auth.api_keys[OTHER] = {}
    assert platform.http.get(REQUIRED, headers={"X-API-Key": OTHER}).status_code == 200  # an outage is not cached


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (500, b"{}", 503),
        (404, b"{}", 503),
        (200, b"no JSON", 503),
        (200, b"[]", 503),
        (200, b'{"access_token": "x"}', 503),
        (200, b'{"access_token": "x", "expires_in": "soon"}', 503),
        (200, b'{"access_token": "x", "expires_in": 90}', 401),
        (302, b"", 503),
        (401, b"no JSON", 503),
        (401, b"{}", 401),
        (401, b"[]", 401),
    ],
)
def test_answers_that_make_no_sense(platform: Platform, status: int, body: bytes, expected: int) -> None:
    platform.auth.exchange_answer = (status, body, [(b"location", b"/elsewhere")])
    assert platform.http.get(REQUIRED, headers={"X-API-Key": KEY}).status_code == expected
    assert platform.service.seen == []


def test_it_is_not_the_keys_fault_that_our_own_token_is_refused(platform: Platform) -> None:
    """auth-service has new signing keys: its data was restored."""
    given = platform.auth.tokens_given
    platform.auth.refuse_exchanges = 1
    assert platform.http.get(REQUIRED, headers={"X-API-Key": KEY}).status_code == 200
    assert platform.auth.tokens_given == given + 1
    platform.auth.refuse_exchanges = 2
    platform.auth.api_keys[OTHER] = {}
    assert platform.http.get(REQUIRED, headers={"X-API-Key": OTHER}).status_code == 503
    assert platform.http.get(REQUIRED, headers={"X-API-Key": OTHER}).status_code == 200  # this was not cached


def test_auth_service_may_ask_for_patience(platform: Platform) -> None:
    platform.auth.exchange_answer = (429, b"{}", [(b"retry-after", b"17")])
    refused = platform.http.get(REQUIRED, headers={"X-API-Key": OTHER})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "17")


def test_a_key_reaches_no_log(platform: Platform, capfd: pytest.CaptureFixture[str]) -> None:
    for headers in (*NOTATIONS, {"X-API-Key": OTHER}, {"Authorization": f"Bearer {GARBAGE['checksum']}"}):
        platform.http.get(REQUIRED, headers=headers)
    platform.auth.down = True
    unknown = make(secrets.token_bytes(32))
    platform.http.get(REQUIRED, headers={"X-API-Key": unknown})
    platform.gateway.stop()
    written = "".join(capfd.readouterr())
    assert REQUIRED in written
    for key in (KEY, OTHER, unknown):
        assert key[4:40] not in written


# --- caching


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Issuer:
    """Issues `token-1`, `token-2` and so on, or raises `failure`."""

    def __init__(self, life: float = 90) -> None:
        self.life = life
        self.asked: list[str] = []
        self.failure: Exception | None = None

    async def exchange(self, key: str, address: str) -> ExchangedToken:
        assert address == "192.0.2.1"
        assert is_well_formed(key)
        self.asked.append(key)
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        return ExchangedToken(f"token-{len(self.asked)}", self.life)


@pytest.mark.parametrize(("life", "remembered"), [(90, 60), (3600, 60), (30, 20), (3, 2), (0, 0)])
async def test_a_token_is_remembered_for_a_minute_and_less_than_its_life(life: float, remembered: float) -> None:
    clock, issuer = Clock(), Issuer(life)
    keys = ApiKeys(issuer, NO_LIMITS, clock=clock)
    assert await keys.token(KEY, "192.0.2.1") == "token-1"
    if remembered:
        clock.now += remembered - 0.1
        assert await keys.token(KEY, "192.0.2.1") == "token-1"
        clock.now += 0.2
    assert await keys.token(KEY, "192.0.2.1") == "token-2"


async def test_a_refusal_is_remembered_for_some_seconds() -> None:
    clock, issuer = Clock(), Issuer()
    keys = ApiKeys(issuer, NO_LIMITS, clock=clock)
    issuer.failure = InvalidToken()
    for _ in range(3):
        with pytest.raises(InvalidToken):
            await keys.token(KEY, "192.0.2.1")
    issuer.failure = None
    assert issuer.asked == [KEY]
    clock.now += REFUSAL_SECONDS + 0.1
    assert await keys.token(KEY, "192.0.2.1") == "token-2"


@pytest.mark.parametrize("failure", [Unavailable(), TooManyRequests(retry_after=3)], ids=repr)
async def test_other_failures_are_not(failure: Exception) -> None:
    issuer = Issuer()
    keys = ApiKeys(issuer, NO_LIMITS, clock=Clock())
    issuer.failure = failure
    with pytest.raises(type(failure)):
        await keys.token(KEY, "192.0.2.1")
    issuer.failure = None
    assert await keys.token(KEY, "192.0.2.1") == "token-2"


async def test_a_cancelled_request_does_not_end_the_exchange() -> None:
    issuer = Issuer()
    keys = ApiKeys(issuer, NO_LIMITS, clock=Clock())
    first, second = (asyncio.create_task(keys.token(KEY, "192.0.2.1")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "token-1"
    assert first.cancelled()
    assert issuer.asked == [KEY]


async def test_the_caches_are_bounded() -> None:
    issuer = Issuer()
    keys = ApiKeys(issuer, NO_LIMITS, max_cached=3, clock=Clock())
    several = [make(bytes([number]) * 32) for number in range(4)]
    for key in several[:3]:
        await keys.token(key, "192.0.2.1")
    await keys.token(several[0], "192.0.2.1")  # used recently, so it is not dropped
    await keys.token(several[3], "192.0.2.1")
    asked = len(issuer.asked)
    await keys.token(several[0], "192.0.2.1")
    assert len(issuer.asked) == asked
    await keys.token(several[1], "192.0.2.1")
    assert len(issuer.asked) == asked + 1
    issuer.failure = InvalidToken()
    for number in range(10, 20):
        with pytest.raises(InvalidToken):
            await keys.token(make(bytes([number]) * 32), "192.0.2.1")
    asked = len(issuer.asked)
    assert await keys.token(several[1], "192.0.2.1")  # refused keys do not displace tokens
    assert len(issuer.asked) == asked


async def test_closing_ends_what_is_being_asked() -> None:
    class Slow(Issuer):
        async def exchange(self, key: str, address: str) -> ExchangedToken:
            await asyncio.sleep(60)
            return await super().exchange(key, address)

    keys = ApiKeys(Slow(), NO_LIMITS)
    waiting = asyncio.create_task(keys.token(KEY, "192.0.2.1"))
    await asyncio.sleep(0)
    await keys.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
