"""TheYelda's resources under `/api`: as at the root, but for authorities as numbers and bodies of deletions."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from support.asgi import client_of, running
from support.auth_service import ADMIN_PASSWORD, MakeSettings
from support.yelda import ADMIN_ID, MISSING_ID, PASSWORD, Lab, said

from auth_service.app import create_app
from lightbox_shared.auth.principal import Authority

DIFFERENT = {"authority", "authority_name"}
CHANGING = {"set-cookie", "last-modified", "x-request-id", "content-length"}


@pytest.fixture
async def lab(make_settings: MakeSettings) -> AsyncIterator[Lab]:
    async with running(create_app(make_settings())) as app, client_of(app) as client:
        yield Lab(app, client)


async def test_one_account(lab: Lab) -> None:
    for number, authority in enumerate(Authority):
        person = await lab.person(authority)
        path = f"/accounts/{person.id}"
        assert (await lab.http.get(f"/api{path}/", headers=person.headers)).json() == {
            "message": "用户获取成功",
            "account_id": person.id,
            "username": person.username,
            "nickname": None,
            "email": None,
            "photo": "default.png",
            "authority": 100 + number,
            "authority_name": authority.name.lower(),
            "_links": {"self": {"href": f"/api{path}"}},
        }
        at_root = (await lab.http.get(path, headers=person.headers)).json()
        assert at_root["authority"] == authority.name.lower()
        assert "authority_name" not in at_root


async def test_the_list(lab: Lab) -> None:
    admin = (await lab.admin()).headers
    for authority in (Authority.DOCTOR, Authority.EXPERT, Authority.NONE):
        await lab.account(authority)
    body = (await lab.http.get("/api/accounts?limit=2&offset=1", headers=admin)).json()
    assert [(each["authority"], each["authority_name"]) for each in body["data"]] == [(102, "doctor"), (104, "expert")]
    assert [each["_links"]["self"]["href"] for each in body["data"]] == ["/api/accounts/3", "/api/accounts/4"]
    assert {name: each["href"] for name, each in body["_links"].items()} == {
        "self": "/api/accounts?offset=1&limit=2",
        "find": "/api/accounts{?username,authority,offset,limit}",
        "next": "/api/accounts?offset=3&limit=2",
        "prev": "/api/accounts?offset=0&limit=1",
    }
    following = (await lab.http.get(body["_links"]["next"]["href"], headers=admin)).json()
    assert [each["authority"] for each in following["data"]] == [100]


async def test_a_session(lab: Lab) -> None:
    doctor = await lab.account(Authority.DOCTOR, "ada")
    answer = await lab.http.post("/api/authorization", json={"username": "ada", "password": PASSWORD})
    assert answer.status_code == 201
    body = answer.json()
    assert (body["message"], body["account_id"], body["authority"]) == ("登录成功", doctor, 102)
    links = {"self": {"href": "/api/authorization"}, "account": {"href": f"/api/accounts/{doctor}"}}
    assert body["_links"] == links
    assert "Path=/;" in answer.headers["set-cookie"]  # the cookie serves both
    bearer = {"Authorization": f"Bearer {body['access_token']}"}
    for path in ("/api/self", "/api/Self", "/api/self/"):
        assert (await lab.http.get(path, headers=bearer)).json() == {
            "message": "ID获取成功",
            "account_id": doctor,
            "_links": {"self": {"href": path.rstrip("/")}, "account": {"href": f"/api/accounts/{doctor}"}},
        }
    answer = await lab.http.delete("/api/authorization/", headers=bearer)
    assert answer.status_code == 200
    assert answer.json() == {"message": "登出成功", "_links": {"self": {"href": "/api/authorization"}}}
    assert 'lightbox_session=""' in answer.headers["set-cookie"]
    assert not await lab.is_signed_in(bearer)
    assert said(await lab.http.delete("/api/authorization", headers=bearer)) == (401, "用户未登录")


async def test_making_changing_and_deleting(lab: Lab) -> None:
    admin = (await lab.admin()).headers
    answer = await lab.http.post("/api/accounts/", json={"username": "ada", "password": "x"}, headers=admin)
    path = answer.headers["location"]
    account_id = answer.json()["account_id"]
    assert (answer.status_code, path) == (201, f"/api/accounts/{account_id}")
    assert answer.json()["_links"] == {"self": {"href": path}}
    answer = await lab.http.put(path, json={"authority": "guest"}, headers=admin)
    assert (answer.json()["authority"], answer.json()["_links"]) == (103, {"self": {"href": path}})
    answer = await lab.http.delete(path, headers={**admin, "Accept": "application/hal+json"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/hal+json")
    assert answer.json() == {"message": "用户删除成功", "_links": {"self": {"href": path}}}
    assert said(await lab.http.delete(path, headers=admin)) == (404, "用户不存在")


def _without_prefix(answer: httpx.Response) -> tuple[int, dict[str, str], Any]:
    """An answer as it would be at the root: `/api` left out, and the authorities, which differ."""
    headers = {name: value for name, value in answer.headers.items() if name not in CHANGING}
    if "location" in headers:
        headers["location"] = headers["location"].removeprefix("/api")

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: re.sub("^/api/", "/", each) if name == "href" else plain(each)
                for name, each in value.items()
                if name not in DIFFERENT
            }
        return [plain(each) for each in value] if isinstance(value, list) else value

    return answer.status_code, headers, plain(answer.json())


@pytest.mark.parametrize("accept", ["*/*", "application/hal+json"])
async def test_all_else_is_the_same(lab: Lab, accept: str) -> None:
    admin, doctor = await lab.admin(), await lab.person(Authority.DOCTOR)
    stranger: dict[str, str] = {}
    requests: list[tuple[str, str, dict[str, str], dict[str, Any]]] = [
        ("GET", "/self", doctor.headers, {}),
        ("GET", "/self", stranger, {}),
        ("GET", "/accounts", admin.headers, {}),
        ("GET", "/accounts?username=ADMIN", admin.headers, {}),
        ("GET", "/accounts?limit=0", admin.headers, {}),
        ("GET", "/accounts", doctor.headers, {}),
        ("GET", "/accounts/abc", admin.headers, {}),
        ("GET", f"/accounts/{MISSING_ID}", admin.headers, {}),
        ("GET", f"/accounts/{ADMIN_ID}", doctor.headers, {}),
        ("GET", f"/accounts/{ADMIN_ID}", admin.headers, {}),
        ("PUT", f"/accounts/{doctor.id}", doctor.headers, {"json": {"nickname": "Nick"}}),
        ("PUT", f"/accounts/{doctor.id}", doctor.headers, {"json": {"authority": 101}}),
        ("PUT", f"/accounts/{doctor.id}", doctor.headers, {"json": {"authority": 1}}),
        (
            "PUT",
            f"/accounts/{doctor.id}",
            doctor.headers,
            {"content": b"<x/>", "headers": {"Content-Type": "text/xml"}},
        ),
        ("DELETE", f"/accounts/{ADMIN_ID}", admin.headers, {}),
        ("DELETE", f"/accounts/{ADMIN_ID}", doctor.headers, {}),
        ("DELETE", "/authorization", stranger, {}),
        ("PATCH", f"/accounts/{doctor.id}", doctor.headers, {}),
        ("GET", "/authorization", stranger, {}),
        ("GET", "/accounts/7/8", stranger, {}),
        ("POST", "/authorization", stranger, {"json": {"username": "nobody", "password": "x"}}),
        ("POST", "/authorization", stranger, {"json": {"username": "admin", "password": "x"}}),
        ("POST", "/authorization", stranger, {"json": {}}),
        ("POST", "/accounts", stranger, {"json": {"username": "admin", "password": "x"}}),
        ("POST", "/accounts", stranger, {"json": {"username": "a b", "password": "x"}}),
    ]
    for method, path, headers, options in requests:
        answers = [
            await lab.http.request(
                method,
                prefix + path,
                **options | {"headers": {"Accept": accept, **headers, **options.get("headers", {})}},
            )
            for prefix in ("", "/api")
        ]
        at_root, under_api = map(_without_prefix, answers)
        assert (method, path, under_api) == (method, path, at_root)
        if answers[0].status_code >= 400:
            assert answers[1].json()["message"]


async def test_who_signs_in_at_one_address_is_signed_in_at_both(lab: Lab) -> None:
    for path in ("/authorization", "/api/authorization"):
        answer = await lab.http.post(path, json={"username": "admin", "password": ADMIN_PASSWORD})
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        for other in ("/self", "/api/self"):
            assert (await lab.http.get(other, headers=headers)).status_code == 200
