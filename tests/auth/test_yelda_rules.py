"""Who may do what with which account, with the sentences that TheYelda's clients know."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from support.asgi import client_of, running
from support.auth_service import MakeSettings
from support.yelda import ADMIN_ID, ANONYMOUS_ID, MISSING_ID, Lab, Person, said

from auth_service.app import create_app
from lightbox_shared.auth.principal import Authority

NOT_SIGNED_IN = (401, "用户未登录")
NOT_FOUND = (404, "用户不存在")
OTHERS_VIEW = (401, "用户无法访问他人账号")
OTHERS_EDIT = (401, "用户无法修改他人信息")
OTHERS_DELETE = (401, "用户无法删除他人账号")
AUTHORITY = (401, "用户无法修改权限")
OWN_AUTHORITY = (401, "管理员无法修改本账号权限")
TO_ADMIN = (401, "管理员无法修改他人权限为管理员")
ADMIN_STAYS = (401, "管理员不可删除")
OK = (200, "")

WHO = ("admin", "expert", "doctor", "guest", "waiting", "anonymous caller")
WHOM = ("self", "expert", "doctor", "guest", "waiting", "admin", "anonymous", "missing", "huge", "zero", "negative")
NO_ACCOUNTS = {"anonymous": ANONYMOUS_ID, "missing": MISSING_ID, "huge": 10**40, "zero": 0, "negative": -7}


@pytest.fixture
async def lab(make_settings: MakeSettings) -> AsyncIterator[Lab]:
    async with running(create_app(make_settings())) as app, client_of(app) as client:
        yield Lab(app, client)


async def callers(lab: Lab) -> dict[str, Person]:
    return {
        "admin": await lab.admin(),
        "expert": await lab.person(Authority.EXPERT),
        "doctor": await lab.person(Authority.DOCTOR),
        "guest": await lab.person(Authority.GUEST),
        "waiting": await lab.person(Authority.NONE),
        "anonymous caller": Person(MISSING_ID, "", {}),
    }


async def others(lab: Lab) -> dict[str, int]:
    return NO_ACCOUNTS | {
        "expert": await lab.account(Authority.EXPERT),
        "doctor": await lab.account(Authority.DOCTOR),
        "guest": await lab.account(Authority.GUEST),
        "waiting": await lab.account(Authority.NONE),
        "admin": await lab.account(Authority.ADMIN),
    }


def expected(who: str, whom: str, *, own: tuple[int, str], refused: tuple[int, str]) -> tuple[int, str]:
    if who == "anonymous caller":
        return NOT_SIGNED_IN
    if whom == "self":
        return own
    if who != "admin":
        return refused
    return NOT_FOUND if whom in NO_ACCOUNTS else OK


def assert_said(case: object, answer: httpx.Response, wanted: tuple[int, str]) -> None:
    if wanted == OK:
        assert (case, answer.status_code) == (case, 200)
    else:
        assert (case, *said(answer)) == (case, *wanted)


async def test_looking(lab: Lab) -> None:
    targets = await others(lab)
    for who, person in (await callers(lab)).items():
        for whom in WHOM:
            answer = await lab.http.get(f"/accounts/{targets.get(whom, person.id)}", headers=person.headers)
            assert_said((who, whom), answer, expected(who, whom, own=OK, refused=OTHERS_VIEW))


async def test_editing(lab: Lab) -> None:
    targets = await others(lab)
    for who, person in (await callers(lab)).items():
        for whom in WHOM:
            path = f"/accounts/{targets.get(whom, person.id)}"
            answer = await lab.http.put(path, json={"nickname": f"by {who}"}, headers=person.headers)
            assert_said((who, whom), answer, expected(who, whom, own=OK, refused=OTHERS_EDIT))


AUTHORITIES: dict[tuple[str, str, str], tuple[int, str]] = {
    ("admin", "self", "admin"): OK,
    ("admin", "self", "doctor"): OWN_AUTHORITY,
    ("admin", "self", "none"): OWN_AUTHORITY,
    ("admin", "waiting", "none"): OK,
    ("admin", "waiting", "doctor"): OK,
    ("admin", "waiting", "guest"): OK,
    ("admin", "waiting", "expert"): OK,
    ("admin", "doctor", "expert"): OK,
    ("admin", "expert", "doctor"): OK,
    ("admin", "waiting", "admin"): TO_ADMIN,
    ("admin", "doctor", "admin"): TO_ADMIN,
    ("admin", "doctor", "none"): OK,
    ("admin", "guest", "doctor"): OK,
    ("admin", "admin", "admin"): OK,
    ("admin", "admin", "doctor"): OK,
    ("admin", "admin", "none"): OK,
    ("admin", "anonymous", "doctor"): NOT_FOUND,
    ("admin", "missing", "doctor"): NOT_FOUND,
    ("doctor", "self", "doctor"): OK,
    ("doctor", "self", "admin"): AUTHORITY,
    ("doctor", "self", "none"): AUTHORITY,
    ("doctor", "self", "guest"): AUTHORITY,
    ("doctor", "waiting", "doctor"): OTHERS_EDIT,
    ("doctor", "admin", "none"): OTHERS_EDIT,
    ("doctor", "missing", "none"): OTHERS_EDIT,
    ("doctor", "self", "expert"): AUTHORITY,
    ("expert", "self", "expert"): OK,
    ("expert", "self", "admin"): AUTHORITY,
    ("expert", "doctor", "guest"): OTHERS_EDIT,
    ("guest", "self", "doctor"): AUTHORITY,
    ("guest", "self", "guest"): OK,
    ("waiting", "self", "none"): OK,
    ("waiting", "self", "doctor"): AUTHORITY,
    ("waiting", "self", "admin"): AUTHORITY,
    ("waiting", "waiting", "admin"): OTHERS_EDIT,
    ("anonymous caller", "waiting", "doctor"): NOT_SIGNED_IN,
}


async def test_changing_authorities(lab: Lab) -> None:
    people = await callers(lab)
    for number, ((who, whom, authority), wanted) in enumerate(AUTHORITIES.items()):
        person = people[who]
        targets = await others(lab) if whom != "self" else {}
        code = int(Authority[authority.upper()])
        written: object = (code, str(code), authority)[number % 3]
        path = f"/accounts/{targets.get(whom, person.id)}"
        answer = await lab.http.put(path, json={"authority": written}, headers=person.headers)
        assert_said((who, whom, authority), answer, wanted)
        if wanted == OK:
            assert answer.json()["authority"] == code


DELETIONS: dict[tuple[str, str], tuple[int, str]] = {
    ("admin", "self"): ADMIN_STAYS,
    ("admin", "admin"): ADMIN_STAYS,
    ("admin", "anonymous"): NOT_FOUND,
    ("admin", "missing"): NOT_FOUND,
    ("admin", "huge"): NOT_FOUND,
    ("doctor", "guest"): OTHERS_DELETE,
    ("expert", "doctor"): OTHERS_DELETE,
    ("doctor", "admin"): OTHERS_DELETE,
    ("doctor", "missing"): OTHERS_DELETE,
    ("doctor", "anonymous"): OTHERS_DELETE,
    ("guest", "doctor"): OTHERS_DELETE,
    ("waiting", "waiting"): OTHERS_DELETE,
    ("anonymous caller", "doctor"): NOT_SIGNED_IN,
    ("anonymous caller", "missing"): NOT_SIGNED_IN,
}


async def test_refused_deletions(lab: Lab) -> None:
    people, targets = await callers(lab), await others(lab)
    admin = people["admin"].headers
    before = (await lab.http.get("/accounts", headers=admin)).json()["total"]
    for (who, whom), wanted in DELETIONS.items():
        person = people[who]
        answer = await lab.http.delete(f"/accounts/{targets.get(whom, person.id)}", headers=person.headers)
        assert_said((who, whom), answer, wanted)
    assert (await lab.http.get("/accounts", headers=admin)).json()["total"] == before


@pytest.mark.parametrize("who", ["admin", "doctor", "guest", "waiting"])
async def test_deletions(lab: Lab, who: str) -> None:
    """Administrators may delete accounts of other authorities; every other account may delete itself."""
    people, targets = await callers(lab), await others(lab)
    person = people[who]
    whom = ("doctor", "guest", "waiting") if who == "admin" else ("self",)
    for each in whom:
        account_id = targets[each] if who == "admin" else person.id
        answer = await lab.http.delete(f"/accounts/{account_id}", headers=person.headers)
        assert (each, answer.status_code, answer.content) == (each, 204, b"")
        assert "content-type" not in answer.headers
        answer = await lab.http.get(f"/accounts/{account_id}", headers=people["admin"].headers)
        assert said(answer) == NOT_FOUND


LISTS: dict[tuple[str, str], tuple[int, str]] = {
    ("admin", ""): OK,
    ("admin", "?username=nobody"): OK,
    ("doctor", ""): (401, "用户无法查看他人账号"),
    ("doctor", "?authority=doctor"): (401, "用户无法查看他人账号"),
    ("doctor", "?username=admin"): (401, "用户无法查看他人账号"),
    ("doctor", "?username="): (401, "用户无法查看他人账号"),
    ("doctor", "?username=nobody"): (401, "用户无法查看他人账号"),
    ("doctor", "?username={}"): OK,
    ("waiting", "?username={}"): OK,
    ("waiting", "?username=%00{}"): (401, "用户无法查看他人账号"),
    ("anonymous caller", ""): NOT_SIGNED_IN,
    ("anonymous caller", "?username=admin"): NOT_SIGNED_IN,
}


async def test_listing(lab: Lab) -> None:
    people = await callers(lab)
    for (who, query), wanted in LISTS.items():
        person = people[who]
        answer = await lab.http.get(f"/accounts{query.format(person.username.upper())}", headers=person.headers)
        assert_said((who, query), answer, wanted)
        if wanted == OK and who != "admin":
            assert [each["id"] for each in answer.json()["data"]] == [person.id]


NEEDS_ADMIN = (403, "创建用户需要管理员权限")
CREATED = (201, "用户创建成功")
CREATIONS: dict[tuple[bool, str, object], tuple[int, str]] = {
    (True, "anonymous caller", None): CREATED,
    (True, "anonymous caller", 100): CREATED,
    (True, "anonymous caller", "none"): CREATED,
    (True, "anonymous caller", 102): AUTHORITY,
    (True, "anonymous caller", "admin"): AUTHORITY,
    (True, "waiting", None): CREATED,
    (True, "doctor", None): CREATED,
    (True, "doctor", 103): AUTHORITY,
    (True, "admin", None): CREATED,
    (True, "admin", 102): CREATED,
    (True, "admin", "101"): TO_ADMIN,
    (False, "anonymous caller", None): NOT_SIGNED_IN,
    (False, "anonymous caller", 101): NOT_SIGNED_IN,
    (False, "waiting", None): NEEDS_ADMIN,
    (False, "guest", None): NEEDS_ADMIN,
    (False, "doctor", 101): NEEDS_ADMIN,
    (False, "admin", None): CREATED,
    (False, "admin", "guest"): CREATED,
    (False, "admin", 101): TO_ADMIN,
}


@pytest.mark.parametrize("self_registration", [True, False])
async def test_creating(make_settings: MakeSettings, self_registration: bool) -> None:
    settings = make_settings(self_registration=self_registration)
    async with running(create_app(settings)) as app, client_of(app) as client:
        lab = Lab(app, client)
        people = await callers(lab)
        admin = people["admin"].headers
        for number, ((on, who, authority), wanted) in enumerate(CREATIONS.items()):
            if on is not self_registration:
                continue
            body: dict[str, Any] = {"username": f"new-{number}", "password": "x"}
            body |= {} if authority is None else {"authority": authority}
            answer = await client.post("/accounts", json=body, headers=people[who].headers)
            assert ((on, who, authority), answer.status_code, answer.json()["message"]) == (
                (on, who, authority),
                *wanted,
            )
            if wanted == CREATED:
                made = (await client.get(answer.headers["location"], headers=admin)).json()
                names = {None: "none", 100: "none", 102: "doctor"}
                assert made["authority"] == names.get(authority, authority)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("environment", "setting", "on"),
    [
        ("development", None, True),
        ("development", False, False),
        ("production", None, False),
        ("production", True, True),
    ],
)
async def test_self_registration_is_off_in_production(
    make_settings: MakeSettings, environment: str, setting: bool | None, on: bool
) -> None:
    settings = make_settings(environment=environment, self_registration=setting)
    assert settings.allows_self_registration is on
    async with running(create_app(settings)) as app, client_of(app) as client:
        answer = await client.post("/accounts", json={"username": "ada", "password": "long enough"})
    assert answer.status_code == (201 if on else 401)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/self"), ("GET", f"/accounts/{ADMIN_ID}"), ("POST", "/accounts"), ("DELETE", "/authorization")],
)
async def test_bad_tokens(lab: Lab, method: str, path: str) -> None:
    for token in ("Bearer nonsense", "Bearer a.b.c", "Bearer "):
        answer = await lab.http.request(method, path, headers={"Authorization": token}, json={})
        assert said(answer) == NOT_SIGNED_IN
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_refused_caller_is_not_told_what_is_wrong_with_the_body(make_settings: MakeSettings) -> None:
    async with running(create_app(make_settings(self_registration=False))) as app, client_of(app) as client:
        lab = Lab(app, client)
        doctor, other = await lab.person(Authority.DOCTOR), await lab.account(Authority.DOCTOR)
        for content in (b"[", b'{"username": 7}'):
            for method, path, headers, wanted in [
                ("PUT", f"/accounts/{other}", doctor.headers, OTHERS_EDIT),
                ("PUT", f"/accounts/{other}", {}, NOT_SIGNED_IN),
                ("POST", "/accounts", doctor.headers, NEEDS_ADMIN),
                ("POST", "/accounts", {}, NOT_SIGNED_IN),
            ]:
                as_json = {**headers, "Content-Type": "application/json"}
                answer = await client.request(method, path, content=content, headers=as_json)
                assert (method, content, *said(answer)) == (method, content, *wanted)
