"""Refresh tokens: each is used once, and a second use ends its family, unless it follows at once."""

import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import anyio
import httpx
import pytest
from jose import jwt
from sqlalchemy import text
from support.asgi import WithState, client_of, running
from support.auth_service import MakeSettings
from support.oauth import WRONG_GRANT, Clock, OAuth, audited, make_account

from auth_service.app import create_app
from lightbox_shared.database import Database

MINUTE, DAY = 60, 24 * 3600


@dataclass
class Lab:
    """A service with a clock that the test puts forward, and the account 3, `ada`."""

    service: WithState
    clock: Clock
    oauth: OAuth
    other: OAuth
    """The endpoints, as another client uses them."""

    @property
    def database(self) -> Database:
        found: Database = self.service.state["database"]
        return found

    async def ended(self) -> list[int]:
        """The ids of the sessions that have ended, from the feed for the gateway."""
        token = self.service.state["services"].issuer.for_service("gateway")
        answer = await self.oauth.http.get("/internal/revocations", headers={"Authorization": f"Bearer {token}"})
        return sorted(each["sid"] for each in answer.json()["revoked"])


@pytest.fixture
async def lab(make_settings: MakeSettings) -> AsyncIterator[Lab]:
    clock = Clock(float(int(time.time())))
    settings = make_settings(oauth_clients="lightbox, other-app")
    async with running(create_app(settings, clock=clock)) as service, client_of(service) as http:
        await make_account(service.state["services"])
        yield Lab(service, clock, OAuth(http), OAuth(http, "other-app"))


def _sid(body: dict[str, Any]) -> int:
    sid: int = jwt.get_unverified_claims(body["access_token"])["sid"]
    return sid


def _refused(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()) == (400, WRONG_GRANT)
    assert answer.headers["cache-control"] == "no-store"


async def test_rotation(lab: Lab) -> None:
    first = await lab.oauth.log_in()
    lab.clock.now += 14 * MINUTE
    second = await lab.oauth.refreshed(first["refresh_token"])
    assert second.keys() == first.keys()
    assert (second["token_type"], second["expires_in"]) == ("Bearer", 900)
    assert second["refresh_token"] != first["refresh_token"]
    was, now = (jwt.get_unverified_claims(each["access_token"]) for each in (first, second))
    assert now["iat"] == was["iat"] + 14 * MINUTE
    assert now["jti"] != was["jti"]
    assert {name: now[name] for name in ("sub", "sid", "client_id", "authority", "iss", "aud")} == {
        name: was[name] for name in ("sub", "sid", "client_id", "authority", "iss", "aud")
    }
    lab.clock.now += 14 * MINUTE
    third = await lab.oauth.refreshed(second["refresh_token"])
    assert third["refresh_token"] not in {first["refresh_token"], second["refresh_token"]}
    assert await lab.ended() == []


async def test_a_new_token_has_the_present_authority(lab: Lab) -> None:
    body = await lab.oauth.log_in()
    assert jwt.get_unverified_claims(body["access_token"])["authority"] == 100
    async with lab.database.writing() as session:
        await session.execute(text("UPDATE accounts SET authority = 102 WHERE id = 3"))
    body = await lab.oauth.refreshed(body["refresh_token"])
    assert jwt.get_unverified_claims(body["access_token"])["authority"] == 102


# --- the same token again


async def test_two_tabs_at_the_same_moment_get_one_successor(lab: Lab) -> None:
    token = (await lab.oauth.log_in())["refresh_token"]
    answers: list[dict[str, Any]] = []

    async def tab() -> None:
        answers.append(await lab.oauth.refreshed(token))

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(tab)
    assert len({each["refresh_token"] for each in answers}) == 1
    assert len({each["access_token"] for each in answers}) == 10
    assert await lab.ended() == []
    await lab.oauth.refreshed(answers[0]["refresh_token"])


@pytest.mark.parametrize("seconds", [0, 14, 15])
async def test_a_repetition_within_seconds_gets_the_same_successor(lab: Lab, seconds: int) -> None:
    token = (await lab.oauth.log_in())["refresh_token"]
    successor = (await lab.oauth.refreshed(token))["refresh_token"]
    lab.clock.now += seconds
    assert (await lab.oauth.refreshed(token))["refresh_token"] == successor
    assert await lab.ended() == []
    assert await audited(lab.database, "refresh-token-reused") == []


async def test_repetitions_do_not_extend_the_tolerance(lab: Lab) -> None:
    token = (await lab.oauth.log_in())["refresh_token"]
    await lab.oauth.refreshed(token)
    for _ in range(3):
        lab.clock.now += 5
        await lab.oauth.refreshed(token)
    lab.clock.now += 5
    _refused(await lab.oauth.refresh(token))


async def test_a_later_repetition_ends_the_family_alone(lab: Lab) -> None:
    stolen, elsewhere, of_other = await lab.oauth.log_in(), await lab.oauth.log_in(), await lab.other.log_in()
    successor = (await lab.oauth.refreshed(stolen["refresh_token"]))["refresh_token"]
    lab.clock.now += 16
    headers = {"X-Forwarded-For": "203.0.113.9"}
    fields = {"grant_type": "refresh_token", "client_id": "lightbox", "refresh_token": stolen["refresh_token"]}
    _refused(await lab.oauth.http.post("/oauth/token", data=fields, headers=headers))
    assert await lab.ended() == [_sid(stolen)]
    for token in (stolen["refresh_token"], successor):
        _refused(await lab.oauth.refresh(token))
    assert await lab.oauth.introspect(stolen["access_token"]) == {"active": False}
    assert (await lab.oauth.introspect(elsewhere["access_token"]))["active"]
    await lab.oauth.refreshed(elsewhere["refresh_token"])
    await lab.other.refreshed(of_other["refresh_token"])
    details = {"session_id": _sid(stolen), "client": "lightbox"}
    entry = ("refresh-token-reused", 3, "203.0.113.9", details)
    assert await audited(lab.database, "refresh-token-reused") == [entry]  # only the first use is recorded


async def test_an_older_token_ends_the_family_at_once(lab: Lab) -> None:
    first = (await lab.oauth.log_in())["refresh_token"]
    second = (await lab.oauth.refreshed(first))["refresh_token"]
    third = (await lab.oauth.refreshed(second))["refresh_token"]
    _refused(await lab.oauth.refresh(first))
    assert await lab.ended() == [1]
    for token in (second, third):
        _refused(await lab.oauth.refresh(token))


async def test_a_token_that_is_used_while_its_predecessor_is_repeated(lab: Lab) -> None:
    """Either the predecessor is still answered with the token, or the family ends, depending on which comes first."""
    first = (await lab.oauth.log_in())["refresh_token"]
    second = (await lab.oauth.refreshed(first))["refresh_token"]
    answers: dict[str, httpx.Response] = {}

    async def show(token: str) -> None:
        answers[token] = await lab.oauth.refresh(token)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(show, first)
        tasks.start_soon(show, second)
    codes = Counter(answer.status_code for answer in answers.values())
    if answers[first].status_code == 200:
        assert answers[first].json()["refresh_token"] == second
        assert codes == {200: 2}
        assert await lab.ended() == []
    else:
        assert await lab.ended() == [1]


async def test_ten_late_repetitions_end_the_family_once(lab: Lab) -> None:
    token = (await lab.oauth.log_in())["refresh_token"]
    await lab.oauth.refreshed(token)
    lab.clock.now += MINUTE

    async def show() -> None:
        _refused(await lab.oauth.refresh(token))

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(show)
    assert len(await audited(lab.database, "refresh-token-reused")) == 1


# --- other clients


async def test_another_clients_token_changes_nothing(lab: Lab) -> None:
    token = (await lab.oauth.log_in())["refresh_token"]
    _refused(await lab.other.refresh(token))
    successor = (await lab.oauth.refreshed(token))["refresh_token"]
    lab.clock.now += MINUTE
    _refused(await lab.other.refresh(token))  # also one that was used
    assert await lab.ended() == []
    assert await audited(lab.database, "refresh-token-reused") == []
    await lab.oauth.refreshed(successor)


async def test_malformed_refresh_tokens(lab: Lab) -> None:
    body = await lab.oauth.log_in()
    token = body["refresh_token"]
    wrong = (
        "x",
        "lbr_",
        "lbr_" + "x" * 43,
        "x" * 10_000,
        token + "x",
        token[:-1],
        token.upper(),
        f" {token}",
        f"{token}\n",
    )
    for each in (*wrong, body["access_token"], "é", "\ud7ff" * 3000, "lbr_" + "%00" * 5):
        _refused(await lab.oauth.refresh(each))
    answer = await lab.oauth.refresh("")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    answer = await lab.oauth.refresh(f"{token}\0")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    await lab.oauth.refreshed(token)


# --- lifetimes


async def test_unused_for_two_weeks_it_expires(lab: Lab) -> None:
    token = (await lab.oauth.log_in())["refresh_token"]
    lab.clock.now += 14 * DAY - 1
    token = (await lab.oauth.refreshed(token))["refresh_token"]  # valid for two weeks again
    lab.clock.now += 14 * DAY
    _refused(await lab.oauth.refresh(token))
    assert await lab.ended() == []


async def test_after_thirty_days_the_family_is_over(lab: Lab) -> None:
    token = (await lab.oauth.log_in())["refresh_token"]
    for _ in range(2):
        lab.clock.now += 13 * DAY
        token = (await lab.oauth.refreshed(token))["refresh_token"]
    lab.clock.now += 4 * DAY - 60
    body = await lab.oauth.refreshed(token)
    assert body["expires_in"] == 60  # an access token does not outlive its family
    assert (await lab.oauth.introspect(body["refresh_token"]))["exp"] == lab.clock.now + 60
    lab.clock.now += 60
    _refused(await lab.oauth.refresh(body["refresh_token"]))


async def test_the_end_of_the_session_ends_its_refresh_tokens(lab: Lab) -> None:
    body = await lab.oauth.log_in()
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    assert (await lab.oauth.http.delete("/api/sessions/current", headers=headers)).status_code == 204
    _refused(await lab.oauth.refresh(body["refresh_token"]))


async def test_a_deleted_account_refreshes_nothing(lab: Lab) -> None:
    body = await lab.oauth.log_in()
    async with lab.database.writing() as session:
        await session.execute(text("DELETE FROM accounts WHERE id = 3"))
    _refused(await lab.oauth.refresh(body["refresh_token"]))
    for token in (body["access_token"], body["refresh_token"]):
        assert await lab.oauth.introspect(token) == {"active": False}


# --- scopes


async def test_a_scope_may_be_narrowed(lab: Lab) -> None:
    body = await lab.oauth.log_in(scope="predict read annotate")
    narrow = await lab.oauth.refreshed(body["refresh_token"], scope="read")
    assert narrow["scope"] == jwt.get_unverified_claims(narrow["access_token"])["scope"] == "read"
    # The refresh token keeps what the session was opened with (RFC 6749 section 6).
    again = await lab.oauth.refreshed(narrow["refresh_token"])
    assert again["scope"] == "predict read annotate"


@pytest.mark.parametrize("scope", ["predict hub", "hub", "everything", "read  predict"])
async def test_a_scope_may_not_be_widened(lab: Lab, scope: str) -> None:
    token = (await lab.oauth.log_in(scope="predict read"))["refresh_token"]
    answer = await lab.oauth.refresh(token, scope=scope)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    await lab.oauth.refreshed(token)  # the refused request did not use it
    assert await lab.ended() == []


async def test_a_whole_account_may_be_narrowed(lab: Lab) -> None:
    body = await lab.oauth.log_in()
    narrow = await lab.oauth.refreshed(body["refresh_token"], scope="collect")
    assert jwt.get_unverified_claims(narrow["access_token"])["scope"] == "collect"
    again = await lab.oauth.refreshed(narrow["refresh_token"])
    assert "scope" not in again
    assert "scope" not in jwt.get_unverified_claims(again["access_token"])


async def test_the_wrong_scope_does_not_hide_a_stolen_token(lab: Lab) -> None:
    token = (await lab.oauth.log_in(scope="read"))["refresh_token"]
    await lab.oauth.refreshed(token)
    lab.clock.now += MINUTE
    _refused(await lab.oauth.refresh(token, scope="everything"))
    assert await lab.ended() == [1]
