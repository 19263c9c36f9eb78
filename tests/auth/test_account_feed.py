"""The feed of changed accounts: a copy that follows it has what the accounts are, in whichever order transactions
end."""

import base64
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from support.asgi import WithState, running
from support.auth_service import SignUp, bearer, make_account, services_of

from auth_service.account_feed.places import Place, Snapshot
from auth_service.accounts import repository
from auth_service.accounts.changes import Change
from auth_service.app import create_app
from auth_service.config import AuthSettings
from auth_service.request_source import COMMAND_LINE_SOURCE
from lightbox_shared.auth.principal import Authority
from lightbox_shared.database import Database
from lightbox_shared.errors import InvalidRequest

FEED = "/internal/accounts/changes"
ADMIN = {"id": 2, "username": "admin", "nickname": None, "authority": 101, "deleted": False}


@dataclass
class Copy:
    """A service that keeps a copy of the accounts."""

    http: httpx.AsyncClient
    limit: int = 1000
    cursor: str | None = None
    accounts: dict[int, dict[str, Any]] = field(default_factory=dict)

    async def page(self) -> dict[str, Any]:
        params = {"limit": self.limit} | ({} if self.cursor is None else {"cursor": self.cursor})
        answer = await self.http.get(FEED, params=params)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        assert body.keys() == {"accounts", "next_cursor", "more"}
        assert len(body["accounts"]) <= self.limit
        self.cursor = body["next_cursor"]
        self.accounts |= {each["id"]: each for each in body["accounts"]}
        return body

    async def read(self) -> list[dict[str, Any]]:
        """All pages that there are now."""
        found: list[dict[str, Any]] = []
        while True:
            page = await self.page()
            found += page["accounts"]
            if not page["more"]:
                return found


@pytest.fixture
def copy(as_gateway: httpx.AsyncClient) -> Copy:
    return Copy(as_gateway)


async def _change(service: WithState, account_id: int, **values: Any) -> None:
    services = services_of(service)
    authority = values.pop("authority", None)
    username = values.pop("username", None)
    async with services.database.writing() as session:
        account = await services.changes.lock(session, account_id)
        change = Change(username=username, authority=authority, profile=values)
        await services.changes.change(session, account, change, COMMAND_LINE_SOURCE, actor="test")


async def _delete(service: WithState, account_id: int) -> None:
    services = services_of(service)
    async with services.database.writing() as session:
        await services.changes.delete(session, account_id, COMMAND_LINE_SOURCE, actor="test")


async def test_all_accounts_at_first_and_then_what_changes(service: WithState, copy: Copy) -> None:
    assert await copy.read() == [ADMIN]
    assert await copy.read() == []
    ada = await make_account(services_of(service), "ada", "x")
    made = {"id": ada, "username": "ada", "nickname": None, "authority": 100, "deleted": False}
    assert await copy.read() == [made]
    await _change(service, ada, nickname="Ada L.", authority=Authority.DOCTOR)
    assert await copy.read() == [made | {"nickname": "Ada L.", "authority": 102}]
    await _change(service, ada, username="Lovelace")
    assert await copy.read() == [made | {"nickname": "Ada L.", "authority": 102, "username": "Lovelace"}]
    await _change(service, ada, email="ada@lab.local", photo="ada.png")
    assert await copy.read() == []
    await _delete(service, ada)
    gone = {"id": ada, "username": "", "nickname": None, "authority": 100, "deleted": True}
    assert await copy.read() == [gone]
    assert await Copy(copy.http).read() == [ADMIN, gone]  # a deletion is told to later readers too


async def test_a_login_is_no_change(client: httpx.AsyncClient, copy: Copy, sign_up: SignUp) -> None:
    name = (await sign_up())["username"]
    await copy.read()
    cursor = copy.cursor
    answer = await client.post("/api/chexray/login", json={"username": name, "password": "correct horse"})
    assert answer.status_code == 200
    assert await copy.read() == []
    assert copy.cursor == cursor  # although transactions have gone on: a reader that stores its cursor writes nothing


async def test_pages(service: WithState, as_gateway: httpx.AsyncClient) -> None:
    services = services_of(service)
    for number in range(7):
        await make_account(services, f"user-{number}", "x")
    for limit in (1, 3, 8, 9):
        copy = Copy(as_gateway, limit)
        assert [each["id"] for each in await copy.read()] == [2, 3, 4, 5, 6, 7, 8, 9]
        assert await copy.read() == []


async def test_a_change_during_a_round_comes_in_it_or_in_the_next(
    service: WithState, as_gateway: httpx.AsyncClient
) -> None:
    services = services_of(service)
    for number in range(5):
        await make_account(services, f"user-{number}", "x")
    copy = Copy(as_gateway, limit=2)
    await copy.page()
    await _change(service, 3, nickname="read before")
    await _change(service, 7, nickname="not read yet")
    await _delete(service, 5)
    await copy.read()
    await copy.read()
    assert {id_: (each["nickname"], each["deleted"]) for id_, each in copy.accounts.items()} == {
        2: (None, False),
        3: ("read before", False),
        4: (None, False),
        5: (None, True),
        6: (None, False),
        7: ("not read yet", False),
    }
    assert await copy.read() == []


async def test_a_transaction_that_commits_late_is_not_missed(service: WithState, copy: Copy) -> None:
    """The first transaction changes first and commits last. In between the second one commits, and the feed is read."""
    services = services_of(service)
    # Of different authorities: a trigger counts the accounts of each, one transaction at a time.
    early = await make_account(services, "ada", "x", Authority.DOCTOR)
    late = await make_account(services, "bob", "x", Authority.GUEST)
    await copy.read()
    async with services.database.writing() as slow:
        await repository.change(slow, early, {"nickname": "slow"})
        async with services.database.writing() as fast:
            await repository.change(fast, late, {"nickname": "fast"})
        assert [(each["id"], each["nickname"]) for each in await copy.read()] == [(late, "fast")]
        assert await copy.read() == []  # and it comes once, although an earlier transaction goes on
    assert [(each["id"], each["nickname"]) for each in await copy.read()] == [(early, "slow")]
    assert await copy.read() == []


async def test_a_late_commit_within_a_round(service: WithState, as_gateway: httpx.AsyncClient) -> None:
    """It commits behind the page that the reader has come to."""
    services = services_of(service)
    first = await make_account(services, "ada", "x", Authority.DOCTOR)
    copy = Copy(as_gateway)
    await copy.read()
    copy.limit = 1
    async with services.database.writing() as slow:
        await repository.change(slow, first, {"nickname": "slow"})
        for name in ("bob", "eve"):
            await make_account(services, name, "x")
        assert (await copy.page())["more"]
    rest = await copy.read() + await copy.read()
    assert "slow" in [each["nickname"] for each in rest]
    assert copy.accounts[first]["nickname"] == "slow"


async def test_what_is_rolled_back_is_not_told(service: WithState, copy: Copy) -> None:
    services = services_of(service)
    ada = await make_account(services, "ada", "x")
    await copy.read()
    async with services.database.writing() as session:
        await repository.change(session, ada, {"nickname": "never"})
        await session.rollback()
    assert await copy.read() == []


async def test_many_accounts_by_one_statement(database: Database, copy: Copy) -> None:
    await copy.read()
    async with database.writing() as session:
        await session.execute(
            text(
                "INSERT INTO accounts (username, username_key, authority)"
                " SELECT 'user-' || n, 'user-' || n, 102 FROM generate_series(1, 2500) AS n"
            )
        )
    assert len(await copy.read()) == 2500
    assert len(copy.accounts) == 2501
    async with database.writing() as session:
        await session.execute(text("DELETE FROM accounts WHERE authority = 102"))
    assert [each["deleted"] for each in await copy.read()] == [True] * 2500


async def test_a_restored_backup(settings: AuthSettings, service: WithState, copy: Copy) -> None:
    """On another server transactions are counted anew: rows and cursors are from its future."""
    database: Database = service.state["database"]
    await make_account(services_of(service), "ada", "x")
    await copy.read()
    async with database.writing() as session:
        ahead = text("UPDATE account_changes SET xid = CAST('9000000000000000000' AS xid8) WHERE account_id = 3")
        await session.execute(ahead)
    async with running(create_app(settings)):
        pass
    assert [each["id"] for each in await copy.read()] == [3]
    assert await copy.read() == []
    for place in (
        Place(Snapshot(2**62, 2**62)),
        Place(next_known=Snapshot(2**63, 2**64 - 1, (2**63,))),
        Place(next_known=Snapshot(1, 1), position=(2**64 - 1, 2**63 - 1)),
    ):
        later = Copy(copy.http, cursor=place.cursor)
        assert [each["id"] for each in await later.read()] == [2, 3]
        assert await later.read() == []


async def test_who_may_read_the_feed(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    assert (await client.get(FEED)).status_code == 401
    assert (await client.get(FEED, headers=bearer((await sign_up())["token"]))).status_code == 403


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "=",
        "%00",
        "A" * 9000,
        _encoded("v1|1:1:"),
        _encoded("v2|1:1:||"),
        _encoded("v1|0:0:||"),
        _encoded("v1|5:4:||"),
        _encoded("v1|5:9:4||"),
        _encoded("v1|5:9:9||"),
        _encoded("v1|1:18446744073709551616:||"),
        _encoded("v1|1:1:||1"),
        _encoded("v1|1:1:||1.9223372036854775808"),
        _encoded("v1|1:1:||-1.1"),
        _encoded("v1|1:1:|1:1|"),
        _encoded("v1|1:1:'; DROP TABLE accounts||"),
    ],
)
async def test_what_is_no_cursor(as_gateway: httpx.AsyncClient, cursor: str) -> None:
    answer = await as_gateway.get(FEED, params={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "cursor"


async def test_limits(as_gateway: httpx.AsyncClient) -> None:
    for limit in ("0", "-1", "1001", "x", "", str(2**63)):
        assert (await as_gateway.get(FEED, params={"limit": limit})).status_code == 422


numbers = st.integers(1, 2**64 - 1)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    xmin, xmax = sorted((draw(numbers), draw(numbers)))
    running = draw(st.sets(st.integers(xmin, xmax - 1), max_size=5)) if xmin < xmax else set()
    return Snapshot(xmin, xmax, tuple(sorted(running)))


@given(snapshots(), st.none() | snapshots(), st.none() | st.tuples(numbers, st.integers(1, 2**63 - 1)))
def test_a_place_comes_back_from_its_cursor(
    known: Snapshot, begun: Snapshot | None, position: tuple[int, int] | None
) -> None:
    place = Place(known, begun, position)
    assert Place.of(place.cursor) == place


@given(st.text(max_size=60) | st.text(alphabet="v1|:.,0529", max_size=60).map(_encoded))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        place = Place.of(text)
    except InvalidRequest:
        return
    assert Place.of(place.cursor) == place
