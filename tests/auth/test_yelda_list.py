"""TheYelda's list of accounts: its pages, its filters, and when it was changed last."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
from sqlalchemy import text
from support.asgi import client_of, running
from support.auth_service import MakeSettings
from support.yelda import ADMIN_ID, Lab, invalid

from auth_service.app import create_app
from lightbox_shared.auth.principal import Authority
from lightbox_shared.responses.hal import http_date


@pytest.fixture
async def lab(make_settings: MakeSettings) -> AsyncIterator[Lab]:
    async with running(create_app(make_settings())) as app, client_of(app) as client:
        yield Lab(app, client)


async def test_the_list(lab: Lab) -> None:
    admin = (await lab.admin()).headers
    authorities = (Authority.NONE, Authority.DOCTOR) * 3
    ids = [ADMIN_ID] + [await lab.account(each, f"person-{number}") for number, each in enumerate(authorities)]
    answer = await lab.http.get("/accounts", headers=admin)
    body = answer.json()
    assert {name: body[name] for name in ("message", "total", "offset", "limit")} == {
        "message": "用户集合获取成功",
        "total": 7,
        "offset": 0,
        "limit": 1000,
    }
    assert [each["id"] for each in body["data"]] == ids
    assert body["data"][2] == {
        "id": ids[2],
        "account_id": ids[2],
        "username": "person-1",
        "nickname": None,
        "email": None,
        "photo": "default.png",
        "authority": "doctor",
        "_links": {"self": {"href": f"/accounts/{ids[2]}"}},
    }
    assert body["_links"] == {
        "self": {"href": "/accounts?offset=0&limit=1000"},
        "find": {"href": "/accounts{?username,authority,offset,limit}", "templated": True},
    }

    for query, found, total in [
        ("?username=PERSON-3", [ids[4]], 1),
        ("?username=person", [], 0),
        ("?username=anonymous", [], 0),
        ("?username=%25", [], 0),
        ("?username=%00", [], 0),
        ("?username=" + "x" * 5000, [], 0),
        ("?username=' OR 1=1 --", [], 0),
        ("?username=person-3&authority=102", [ids[4]], 1),
        ("?username=person-3&authority=none", [], 0),
        ("?username=person-3&offset=1", [], 1),
        ("?authority=102", [ids[2], ids[4], ids[6]], 3),
        ("?authority=doctor&limit=2", [ids[2], ids[4]], 3),
        ("?authority=guest", [], 0),
        ("?authority=admin", [ADMIN_ID], 1),
        ("?offset=5", ids[5:], 7),
        ("?offset=7", [], 7),
        (f"?offset={2**63 - 1}", [], 7),
        ("?limit=1", ids[:1], 7),
    ]:
        body = (await lab.http.get(f"/accounts{query}", headers=admin)).json()
        assert (query, [each["id"] for each in body["data"]], body["total"]) == (query, found, total)

    for query, field in [
        ("?limit=0", "limit"),
        ("?limit=5001", "limit"),
        ("?limit=x", "limit"),
        ("?offset=-1", "offset"),
        (f"?offset={2**63}", "offset"),
        ("?authority=boss", "authority"),
        ("?authority=", "authority"),
        ("?authority=105", "authority"),
    ]:
        assert invalid(await lab.http.get(f"/accounts{query}", headers=admin)).startswith(f"{field}: ")


async def test_going_through_the_pages(lab: Lab) -> None:
    admin = (await lab.admin()).headers
    ids = [ADMIN_ID] + [await lab.account(Authority.GUEST) for _ in range(4)]
    path: str | None = "/accounts?limit=2"
    seen: list[int] = []
    previous: list[str | None] = []
    while path is not None:
        body = (await lab.http.get(path, headers=admin)).json()
        seen += [each["id"] for each in body["data"]]
        links = body["_links"]
        previous.append(links["prev"]["href"] if "prev" in links else None)
        path = links["next"]["href"] if "next" in links else None
    assert seen == ids
    assert previous == [None, "/accounts?offset=0&limit=2", "/accounts?offset=2&limit=2"]


async def test_when_the_list_changed_last(lab: Lab) -> None:
    """The time and the total are maintained by triggers, so also for changes by other means."""
    admin = (await lab.admin()).headers
    async with lab.database.writing() as session:
        await session.execute(text("UPDATE account_totals SET modified_at = '2018-04-17T00:00:00Z'"))

    async def modified(query: str = "") -> str:
        return str((await lab.http.get(f"/accounts{query}", headers=admin)).headers["last-modified"])

    assert await modified() == http_date(datetime(2018, 4, 17, tzinfo=UTC))
    account_id = await lab.account(Authority.DOCTOR)
    assert await modified("?authority=admin") == "Tue, 17 Apr 2018 00:00:00 GMT"
    for query in ("", "?authority=doctor"):
        assert parsedate_to_datetime(await modified(query)) > datetime(2020, 1, 1, tzinfo=UTC)
    assert (await lab.http.delete(f"/accounts/{account_id}", headers=admin)).status_code == 204
    assert (await lab.http.get("/accounts?authority=doctor", headers=admin)).json()["total"] == 0
    assert parsedate_to_datetime(await modified()) > datetime(2020, 1, 1, tzinfo=UTC)


async def test_a_page_of_five_thousand(lab: Lab) -> None:
    admin = (await lab.admin()).headers
    async with lab.database.writing() as session:
        await session.execute(
            text(
                "INSERT INTO accounts (username, username_key, authority)"
                " SELECT 'user-' || n, 'user-' || n, 102 FROM generate_series(1, 5004) AS n"
            )
        )
    whole = (await lab.http.get("/accounts?limit=5000", headers=admin)).json()
    assert (len(whole["data"]), whole["limit"], whole["total"]) == (5000, 5000, 5005)
    rest = (await lab.http.get(whole["_links"]["next"]["href"], headers=admin)).json()
    assert len(rest["data"]) == 5
    assert "next" not in rest["_links"]
    page = (await lab.http.get("/api/accounts", headers=admin)).json()
    assert (len(page["data"]), page["limit"]) == (1000, 1000)
    assert page["_links"]["next"]["href"] == "/api/accounts?offset=1000&limit=1000"
