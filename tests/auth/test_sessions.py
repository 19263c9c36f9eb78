"""Listing and ending login sessions, and the feed of revoked sessions."""

import time
from datetime import UTC, datetime
from typing import Any

import httpx
from jose import jwt
from sqlalchemy import text
from support.asgi import WithState
from support.auth_service import SignUp, bearer
from support.oauth import OAuth, audited, make_account

from lightbox_shared.auth.principal import Scope
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


async def test_ending_a_session(
    client: httpx.AsyncClient, as_gateway: httpx.AsyncClient, database: Database, sign_up: SignUp
) -> None:
    token, other = (await sign_up())["token"], (await sign_up())["token"]
    before = await _feed(as_gateway)
    assert before["revoked"] == []
    for _ in range(2):  # the second time nothing changes
        answer = await client.delete("/api/sessions/current", headers=bearer(token))
        assert (answer.status_code, answer.content) == (204, b"")
    claims = jwt.get_unverified_claims(token)
    revoked = [{"sid": claims["sid"], "exp": claims["exp"]}]
    assert (await _feed(as_gateway))["revoked"] == revoked
    after = await _feed(as_gateway, before["cursor"])
    assert after["revoked"] == revoked
    assert (await _feed(as_gateway, after["cursor"]))["revoked"] == []
    assert jwt.get_unverified_claims(other)["sid"] not in _sids(after)
    assert await audited(database, "session-ended") == [("session-ended", 3, "127.0.0.1", {"session_id": 1})]


async def _log_in(client: httpx.AsyncClient, account: dict[str, Any]) -> str:
    fields = {"username": account["username"], "password": "correct horse"}
    token: str = (await client.post("/api/chexray/login", json=fields)).json()["token"]
    return token


async def test_listing_sessions(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    account, _others = await sign_up(), await sign_up()
    token = await _log_in(client, account)
    body = (await client.get("/api/sessions", headers=bearer(token))).json()
    newest, oldest = body["sessions"]
    claims = jwt.get_unverified_claims(token)
    assert body == {"sessions": [newest, oldest], "next_cursor": None}
    assert newest == {
        "id": 3,
        "client_id": "chexray",
        "created_at": _time(claims["iat"]),
        "expires_at": _time(claims["exp"]),
        "current": True,
    }
    assert (oldest["id"], oldest["current"]) == (1, False)
    for _ in range(3):
        await _log_in(client, account)
    seen: list[int] = []
    cursor = None
    while cursor is not None or not seen:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/api/sessions", params=params, headers=bearer(token))).json()
        assert len(page["sessions"]) <= 2
        seen += [each["id"] for each in page["sessions"]]
        cursor = page["next_cursor"]
    assert seen == [6, 5, 4, 3, 1]
    for wrong in ({"limit": 0}, {"limit": 1001}, {"cursor": "x"}):
        assert (await client.get("/api/sessions", params=wrong, headers=bearer(token))).status_code == 422


async def test_ended_sessions_and_keys_are_not_listed(
    client: httpx.AsyncClient, database: Database, sign_up: SignUp
) -> None:
    account = await sign_up()
    token = await _log_in(client, account)
    for _ in range(3):
        await _log_in(client, account)
    assert (await client.delete("/api/sessions/1", headers=bearer(token))).status_code == 204
    async with database.writing() as session:
        await session.execute(text("UPDATE sessions SET expires_at = now() WHERE id = 3"))
        await session.execute(text("UPDATE sessions SET client_id = 'api-key' WHERE id = 4"))
    body = (await client.get("/api/sessions", headers=bearer(token))).json()
    assert [each["id"] for each in body["sessions"]] == [5, 2]


async def test_ending_one_session(
    client: httpx.AsyncClient, as_gateway: httpx.AsyncClient, database: Database, sign_up: SignUp
) -> None:
    account, _others = await sign_up(), await sign_up()
    token = await _log_in(client, account)
    key = await _log_in(client, account)
    async with database.writing() as session:
        sid = jwt.get_unverified_claims(key)["sid"]
        await session.execute(text("UPDATE sessions SET client_id = 'api-key' WHERE id = :id"), {"id": sid})
    answer = await client.delete("/api/sessions/1", headers=bearer(token))
    assert (answer.status_code, answer.content) == (204, b"")
    for session_id in (1, 2, sid, 999, 2**63 - 1):  # ended; of another account; an API key; unknown
        answer = await client.delete(f"/api/sessions/{session_id}", headers=bearer(token))
        assert (session_id, answer.status_code) == (session_id, 404)
        assert answer.headers["content-type"] == "application/problem+json"
    for session_id in ("x", "0", "-1", str(2**63)):
        assert (await client.delete(f"/api/sessions/{session_id}", headers=bearer(token))).status_code == 422
    assert _sids(await _feed(as_gateway)) == [1]
    assert await audited(database, "session-ended") == [("session-ended", 3, "127.0.0.1", {"session_id": 1})]


async def test_a_scoped_token_does_not_manage_sessions(client: httpx.AsyncClient, service: WithState) -> None:
    await make_account(service.state["services"])
    body = await OAuth(client).log_in(scope=" ".join(Scope))
    for method, path in (("GET", "/api/sessions"), ("DELETE", "/api/sessions"), ("DELETE", "/api/sessions/1")):
        answer = await client.request(method, path, headers=bearer(body["access_token"]))
        assert (method, path, answer.status_code) == (method, path, 403)
        assert answer.headers["www-authenticate"].startswith('Bearer error="insufficient_scope"')
    # A scoped token may end its own session.
    assert (await client.delete("/api/sessions/current", headers=bearer(body["access_token"]))).status_code == 204


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


async def test_ending_all_sessions(
    client: httpx.AsyncClient, as_gateway: httpx.AsyncClient, database: Database, sign_up: SignUp
) -> None:
    mine, _others = await sign_up(), await sign_up()
    fields = {"username": mine["username"], "password": "correct horse"}
    token = (await client.post("/api/chexray/login", json=fields)).json()["token"]
    assert (await client.delete("/api/sessions", headers=bearer(token))).status_code == 204
    assert _sids(await _feed(as_gateway)) == [1, 3]
    # The session of this token has ended as well.
    assert (await client.delete("/api/sessions", headers=bearer(token))).status_code == 401
    assert await audited(database, "sessions-ended") == [("sessions-ended", 3, "127.0.0.1", {"sessions": 2})]


async def test_who_may_end_sessions(client: httpx.AsyncClient, as_gateway: httpx.AsyncClient) -> None:
    for path in ("/api/sessions", "/api/sessions/current", "/api/sessions/1"):
        answer = await client.delete(path)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.headers["content-type"] == "application/problem+json"
        answer = await client.delete(path, headers=bearer("nonsense"))
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')
        assert (await as_gateway.delete(path)).status_code == 401


async def test_who_may_read_the_feed(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    assert (await client.get(FEED)).status_code == 401
    assert (await client.get(FEED, headers=bearer((await sign_up())["token"]))).status_code == 403


async def test_malformed_cursors(as_gateway: httpx.AsyncClient) -> None:
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
    """The first transaction revokes first and commits last. In between the second one commits, and the feed is read."""
    for _ in range(2):
        await sign_up()
    database: Database = service.state["database"]
    sessions = service.state["services"].sessions
    cursor = (await _feed(as_gateway))["cursor"]
    async with database.writing() as slow:
        await sessions.revoke(slow, 3, 1)
        async with database.writing() as fast:
            await sessions.revoke(fast, 4, 2)
        seen = await _feed(as_gateway, cursor)
        assert _sids(seen) == [2]
        again = await _feed(as_gateway, seen["cursor"])
        assert _sids(again) == [2]  # it is near the cursor, and comes again
    late = await _feed(as_gateway, again["cursor"])
    assert _sids(late) == [1, 2]
    assert (await _feed(as_gateway, late["cursor"]))["revoked"] == []


async def test_a_cursor_of_another_server_gets_all_revocations(
    client: httpx.AsyncClient, as_gateway: httpx.AsyncClient, sign_up: SignUp
) -> None:
    await client.delete("/api/sessions/current", headers=bearer((await sign_up())["token"]))
    assert _sids(await _feed(as_gateway, str(2**63))) == [1]
    assert _sids(await _feed(as_gateway, str(2**64 - 1))) == [1]
