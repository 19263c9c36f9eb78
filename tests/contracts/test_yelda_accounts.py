"""TheYelda's accounts as its clients know them, black box through the gateway: every documented message."""

import itertools
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from support.yelda_client import (
    ADMIN_ID,
    NOT_APPROVED,
    NOT_FOUND,
    NOT_SIGNED_IN,
    TAKEN,
    UNKNOWN,
    WRONG,
    Headers,
    Make,
    authority_shown,
    authorize,
    bearer,
    refused,
    said,
    until,
    was_deleted,
)

PROFILE = {"nickname": "Nick", "email": "yelda@mail.com", "photo": "photo1"}

_numbers = itertools.count(1)


def test_one_name_is_one_account(yelda: httpx.Client, http: httpx.Client) -> None:
    name = f"Same-Name-{next(_numbers)}"
    assert yelda.post("/accounts", json={"username": name, "password": "x"}).status_code == 201
    for other in (name, name.lower(), f" {name.upper()} "):
        assert said(yelda.post("/accounts/", json={"username": other, "password": "x"})) == TAKEN
    answer = http.post("/api/chexray/signup/", json={"username": name.lower(), "password": "x"})
    assert answer.status_code == 400, "all systems have the same accounts"


def test_retrieving(yelda: httpx.Client, prefix: str, admin: Headers, make: Make) -> None:
    account_id, name, headers = make(102)
    other, _, _ = make(103)
    for who in (headers, admin):
        answer = yelda.get(f"/accounts/{account_id}/", headers=who)
        assert answer.status_code == 200
        assert answer.json() == {
            "message": "用户获取成功",
            "account_id": account_id,
            "username": name,
            "nickname": None,
            "email": None,
            "photo": "default.png",
            **authority_shown(prefix, 102),
            "_links": {"self": {"href": f"{prefix}/accounts/{account_id}"}},
        }
        assert answer.headers["last-modified"].endswith(" GMT")
    for someone in (other, ADMIN_ID, 1, 10**9, 10**30, 0, -1):
        answer = yelda.get(f"/accounts/{someone}", headers=headers)
        assert (someone, *said(answer)) == (someone, 401, "用户无法访问他人账号")
    for missing in (1, 10**9, 10**30, 0, -1):
        assert (missing, *said(yelda.get(f"/accounts/{missing}", headers=admin))) == (missing, *NOT_FOUND)
    assert said(yelda.get(f"/accounts/{account_id}")) == NOT_SIGNED_IN
    refused(yelda.get("/accounts/abc", headers=admin))


def test_editing(yelda: httpx.Client, prefix: str, admin: Headers, make: Make) -> None:
    account_id, name, headers = make(102)
    other, taken, _ = make(103)
    path = f"/accounts/{account_id}/"
    answer = yelda.put(path, json={**PROFILE, "password": "yeldapass", "authority": 102}, headers=headers)
    assert answer.status_code == 200
    links = {"self": {"href": prefix + path.rstrip("/")}}
    edited = {"message": "用户修改成功", "username": name, **PROFILE, "authority": 102, "_links": links}
    assert answer.json() == edited
    assert type(answer.json()["authority"]) is int
    assert answer.headers["last-modified"].endswith(" GMT")
    for same in ("doctor", "102", 102):
        assert yelda.put(path, json={"authority": same}, headers=headers).json() == edited
    assert yelda.put(path, json={"nickname": "Doc"}, headers=headers).json() == {**edited, "nickname": "Doc"}

    def put(someone: int, body: dict[str, Any], who: Headers) -> tuple[int, str]:
        return said(yelda.put(f"/accounts/{someone}", json=body, headers=who))

    assert put(other, {"nickname": "x"}, headers) == (401, "用户无法修改他人信息")
    assert put(10**9, {"nickname": "x"}, headers) == (401, "用户无法修改他人信息")
    assert put(other, {"authority": 1}, headers) == (401, "用户无法修改他人信息")
    assert put(account_id, {"authority": "admin"}, headers) == (401, "用户无法修改权限")
    assert put(ADMIN_ID, {"authority": 102}, admin) == (401, "管理员无法修改本账号权限")
    assert put(other, {"authority": 101}, admin) == (401, "管理员无法修改他人权限为管理员")
    assert put(10**9, {"nickname": "x"}, admin) == NOT_FOUND
    assert put(1, {"nickname": "x"}, admin) == NOT_FOUND
    assert put(account_id, {"username": taken.upper()}, headers) == TAKEN
    assert said(yelda.put(path, json={})) == NOT_SIGNED_IN
    assert refused(yelda.put(path, json={"authority": 105}, headers=headers)).startswith("authority: ")
    assert refused(yelda.put(path, json={"email": "no address"}, headers=headers)).startswith("email: ")
    assert yelda.get(path, headers=headers).json()["nickname"] == "Doc"


def test_a_new_password_ends_the_sessions(yelda: httpx.Client, http: httpx.Client, make: Make) -> None:
    account_id, name, headers = make(102)
    elsewhere = bearer(authorize(yelda, name).json()["access_token"])
    answer = yelda.put(f"/accounts/{account_id}", json={"password": "another"}, headers=headers)
    assert answer.status_code == 200
    for ended in (headers, elsewhere):
        assert said(yelda.get("/self", headers=ended)) == NOT_SIGNED_IN
        assert until(lambda: http.get("/api/chexray/user/", headers=ended).status_code == 401, 5)  # noqa: B023
    assert said(authorize(yelda, name)) == WRONG
    assert authorize(yelda, name, "another").status_code == 201


def test_an_authority_that_is_taken_away_is_gone(yelda: httpx.Client, admin: Headers, make: Make) -> None:
    account_id, name, headers = make(102)
    assert yelda.put(f"/accounts/{account_id}", json={"authority": "none"}, headers=admin).status_code == 200
    assert said(yelda.get("/self", headers=headers)) == NOT_SIGNED_IN
    assert said(authorize(yelda, name)) == NOT_APPROVED


def test_deleting(yelda: httpx.Client, prefix: str, http: httpx.Client, admin: Headers, make: Make) -> None:
    account_id, name, headers = make(102)
    other, _, others = make(103)

    def delete(someone: int, who: Headers) -> tuple[int, str]:
        return said(yelda.delete(f"/accounts/{someone}/", headers=who))

    assert delete(account_id, {}) == NOT_SIGNED_IN
    assert delete(other, headers) == (401, "用户无法删除他人账号")
    assert delete(ADMIN_ID, headers) == (401, "用户无法删除他人账号")
    assert delete(10**9, headers) == (401, "用户无法删除他人账号")
    assert delete(ADMIN_ID, admin) == (401, "管理员不可删除")
    assert delete(10**9, admin) == NOT_FOUND
    assert delete(1, admin) == NOT_FOUND
    for someone, who in ((account_id, headers), (other, admin)):
        answer = yelda.delete(f"/accounts/{someone}/", headers=who)
        assert was_deleted(prefix, answer, "用户删除成功", f"{prefix}/accounts/{someone}")
        assert delete(someone, admin) == NOT_FOUND
    for ended in (headers, others):
        assert said(yelda.get("/self", headers=ended)) == NOT_SIGNED_IN
        assert until(lambda: http.get("/api/chexray/user/", headers=ended).status_code == 401, 5)  # noqa: B023
    assert said(authorize(yelda, name)) == UNKNOWN
    answer = yelda.post("/accounts", json={"username": name, "password": "x"})
    assert answer.json()["account_id"] > other, "an id is given once"


def test_listing(yelda: httpx.Client, prefix: str, admin: Headers, make: Make) -> None:
    account_id, name, headers = make(102)
    body = yelda.get("/accounts/", headers=admin).json()
    assert set(body) == {"message", "data", "total", "offset", "limit", "_links"}
    assert (body["message"], body["offset"], body["limit"]) == ("用户集合获取成功", 0, 1000)
    ids = [each["id"] for each in body["data"]]
    assert ids == sorted(ids)
    assert 1 not in ids
    assert len(ids) == body["total"]

    answer = yelda.get("/accounts/", params={"username": name.upper()}, headers=admin)
    assert answer.json()["data"] == [
        {
            "id": account_id,
            "account_id": account_id,
            "username": name,
            "nickname": None,
            "email": None,
            "photo": "default.png",
            **authority_shown(prefix, 102),
            "_links": {"self": {"href": f"{prefix}/accounts/{account_id}"}},
        }
    ]
    assert answer.headers["last-modified"].endswith(" GMT")
    assert yelda.get("/accounts", params={"username": name}, headers=headers).json()["data"] == answer.json()["data"]
    for params in ({}, {"username": "admin"}, {"username": ""}, {"authority": "doctor"}):
        assert said(yelda.get("/accounts", params=params, headers=headers)) == (401, "用户无法查看他人账号")
    assert said(yelda.get("/accounts")) == NOT_SIGNED_IN

    for authority in ("admin", 101):
        body = yelda.get("/accounts", params={"authority": authority}, headers=admin).json()
        assert [each["id"] for each in body["data"]] == [ADMIN_ID]
    for name, value in (("limit", "0"), ("limit", "5001"), ("offset", "-1"), ("authority", "boss")):
        assert refused(yelda.get("/accounts", params={name: value}, headers=admin)).startswith(f"{name}: ")


def test_the_pages_of_the_list(
    yelda: httpx.Client, prefix: str, http: httpx.Client, admin: Headers, make: Make
) -> None:
    for _ in range(3):
        make(100)
    whole = [each["id"] for each in yelda.get("/accounts", headers=admin).json()["data"]]
    seen: list[int] = []
    path = f"{prefix}/accounts?limit=2"
    while path:
        page = http.get(path, headers=admin).json()
        assert page["_links"]["find"]["templated"] is True
        seen += [each["id"] for each in page["data"]]
        path = page["_links"].get("next", {}).get("href", "")
    assert seen == whole


def test_creating(yelda: httpx.Client, prefix: str, http: httpx.Client, admin: Headers, make: Make) -> None:
    _, _, headers = make(102)

    def post(body: Mapping[str, object], who: Headers) -> httpx.Response:
        name = f"created-{next(_numbers)}"
        return yelda.post("/accounts/", json={"username": name, "password": "x", **PROFILE, **body}, headers=who)

    wanted: list[tuple[Headers, dict[str, object], int]] = [
        ({}, {}, 100),
        (headers, {"authority": 100}, 100),
        (admin, {"authority": "guest"}, 103),
        (admin, {"authority": "expert"}, 104),
    ]
    for who, body, authority in wanted:
        answer = post(body, who)
        assert answer.status_code == 201
        account_id = answer.json()["account_id"]
        location = f"{prefix}/accounts/{account_id}"
        assert answer.headers["location"] == location
        links = {"self": {"href": location}}
        assert answer.json() == {"message": "用户创建成功", "account_id": account_id, "_links": links}
        made = http.get(location, headers=admin).json()
        assert made.items() >= {**PROFILE, **authority_shown(prefix, authority)}.items()

    assert said(post({"authority": 102}, {})) == (401, "用户无法修改权限")
    assert said(post({"authority": "admin"}, headers)) == (401, "用户无法修改权限")
    assert said(post({"authority": 101}, admin)) == (401, "管理员无法修改他人权限为管理员")
    assert said(post({"username": "ADMIN"}, admin)) == TAKEN
    assert said(post({}, bearer("nonsense"))) == NOT_SIGNED_IN
    invalid: list[tuple[dict[str, object], str]] = [
        ({"username": ""}, "username"),
        ({"username": "a b"}, "username"),
        ({"username": "x" * 10_000}, "username"),
        ({"username": "a\0"}, "username"),
        ({"password": ""}, "password"),
        ({"password": 7}, "password"),
        ({"email": "x@"}, "email"),
        ({"nickname": "x" * 151}, "nickname"),
        ({"photo": "x" * 2049}, "photo"),
        ({"authority": 1}, "authority"),
    ]
    for body, field in invalid:
        assert refused(post(body, admin)).startswith(f"{field}: ")
    refused(yelda.post("/accounts", json=[]))


@pytest.mark.parametrize(
    ("accept", "expected"),
    [("*/*", "application/json"), ("application/hal+json", "application/hal+json")],
)
def test_media_types(yelda: httpx.Client, admin: Headers, accept: str, expected: str) -> None:
    for path in ("/self", "/accounts", f"/accounts/{ADMIN_ID}"):
        answer = yelda.get(path, headers={**admin, "Accept": accept})
        assert answer.headers["content-type"] == expected
        assert "self" in answer.json()["_links"]
