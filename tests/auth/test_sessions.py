"""Ending sessions, and the feed of what has ended."""

import time
from typing import Any

import httpx
from jose import jwt
from sqlalchemy import text
from support.asgi import WithState
from support.auth_service import SignUp, bearer

from lightbox_shared.database import Database

FEED = "/internal/revocations"


async def _feed(client: httpx.AsyncClient, after: str | None = None) -> dict[str, Any]:
    answer = await client.get(FEED, params={} if after is None else {"after": after})
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    assert body.keys() == {"cursor", "revoked"}
    assert body["cursor"].isdigit()
    return body


def _sids(feed: dict[str, Any]) -> list[int]:
    return sorted(each["sid"] for each in feed["revoked"])


async def test_ending_a_session(client: httpx.AsyncClient, as_gateway: httpx.AsyncClient, sign_up: SignUp) -> None:
    token, other = (await sign_up())["token"], (await sign_up())["token"]
    before = await _feed(as_gateway)
    assert before["revoked"] == []
    for _ in range(2):  # the second time nothing is left to do
        answer = await client.delete("/api/sessions/current", headers=bearer(token))
        assert (answer.status_code, answer.content) == (204, b"")
    claims = jwt.get_unverified_claims(token)
    revoked = [{"sid": claims["sid"], "exp": claims["exp"]}]
    assert (await _feed(as_gateway))["revoked"] == revoked
    after = await _feed(as_gateway, before["cursor"])
    assert after["revoked"] == revoked
    assert (await _feed(as_gateway, after["cursor"]))["revoked"] == []
    assert jwt.get_unverified_claims(other)["sid"] not in _sids(after)


async def test_ending_all_sessions(client: httpx.AsyncClient, as_gateway: httpx.AsyncClient, sign_up: SignUp) -> None:
    mine, _others = await sign_up(), await sign_up()
    fields = {"username": mine["username"], "password": "correct horse"}
    token = (await client.post("/api/chexray/login", json=fields)).json()["token"]
    assert (await client.delete("/api/sessions", headers=bearer(token))).status_code == 204
    assert _sids(await _feed(as_gateway)) == [1, 3]


async def test_who_may_end_sessions(client: httpx.AsyncClient, as_gateway: httpx.AsyncClient) -> None:
    for path in ("/api/sessions", "/api/sessions/current"):
        answer = await client.delete(path)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.headers["content-type"] == "application/problem+json"
        answer = await client.delete(path, headers=bearer("nonsense"))
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')
        assert (await as_gateway.delete(path)).status_code == 401


async def test_who_may_read_the_feed(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    assert (await client.get(FEED)).status_code == 401
    assert (await client.get(FEED, headers=bearer((await sign_up())["token"]))).status_code == 403


async def test_what_is_no_cursor(as_gateway: httpx.AsyncClient) -> None:
    for after in ("", "x", "-1", "1.5", "9" * 30, "1 OR 1=1"):
        answer = await as_gateway.get(FEED, params={"after": after})
        assert (after, answer.status_code) == (after, 422)


async def test_expired_sessions_leave_the_feed_when_no_verifier_accepts_them(
    client: httpx.AsyncClient, as_gateway: httpx.AsyncClient, database: Database, sign_up: SignUp
) -> None:
    for _ in range(2):
        await client.delete("/api/sessions/current", headers=bearer((await sign_up())["token"]))
    expire = text("UPDATE sessions SET expires_at = to_timestamp(:when) WHERE id = :id")
    async with database.writing() as session:
        await session.execute(expire, {"id": 1, "when": time.time() - 11})
        await session.execute(expire, {"id": 2, "when": time.time() - 120})
    assert _sids(await _feed(as_gateway)) == [1]


async def test_a_transaction_that_commits_late_is_not_missed(
    service: WithState, as_gateway: httpx.AsyncClient, sign_up: SignUp
) -> None:
    """The first revokes first and commits last; the second has committed, and the gateway has asked, in between."""
    for _ in range(2):
        await sign_up()
    database: Database = service.state["database"]
    sessions = service.state["sessions"]
    cursor = (await _feed(as_gateway))["cursor"]
    async with database.writing() as slow:
        await sessions.revoke(slow, 3, 1)
        async with database.writing() as fast:
            await sessions.revoke(fast, 4, 2)
        seen = await _feed(as_gateway, cursor)
        assert _sids(seen) == [2]
        again = await _feed(as_gateway, seen["cursor"])
        assert _sids(again) == [2]  # near the cursor, so it comes again
    late = await _feed(as_gateway, again["cursor"])
    assert _sids(late) == [1, 2]
    assert (await _feed(as_gateway, late["cursor"]))["revoked"] == []


async def test_a_cursor_of_another_server_gets_everything(
    client: httpx.AsyncClient, as_gateway: httpx.AsyncClient, sign_up: SignUp
) -> None:
    await client.delete("/api/sessions/current", headers=bearer((await sign_up())["token"]))
    assert _sids(await _feed(as_gateway, str(2**63))) == [1]
    assert _sids(await _feed(as_gateway, str(2**64 - 1))) == [1]
