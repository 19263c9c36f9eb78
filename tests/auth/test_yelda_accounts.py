"""TheYelda's accounts: the answers, and the effects of changes."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from sqlalchemy import text
from support.asgi import client_of, running
from support.auth_service import MakeSettings, bearer
from support.oauth import audited
from support.yelda import ADMIN_ID, PASSWORD, Lab, invalid, said

from auth_service.accounts.fields import clean_email
from auth_service.app import create_app
from lightbox_shared.auth.principal import Authority

TAKEN = (409, "用户名已存在")
NOT_SIGNED_IN = (401, "用户未登录")
RULE = "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."
UNKNOWN_AUTHORITY = "Not one of 100 (none), 101 (admin), 102 (doctor), 103 (guest), 104 (expert)."
PHOTO = "photo: Enter a path of this platform, an http or https address, or the name of a picture."
PROFILE = {"nickname": "Nick 医生", "email": "yelda@mail.com", "photo": "/uploads/photos/1"}


@pytest.fixture
async def lab(make_settings: MakeSettings) -> AsyncIterator[Lab]:
    async with running(create_app(make_settings())) as app, client_of(app) as client:
        yield Lab(app, client)


async def test_one_account_from_its_making_to_its_end(lab: Lab) -> None:
    admin = (await lab.admin()).headers
    new = {"username": "yelda100", "password": "yeldapass100", **PROFILE}
    answer = await lab.http.post("/accounts/", json=new)
    assert answer.status_code == 201
    account_id = answer.json()["account_id"]
    path = f"/accounts/{account_id}"
    links = {"self": {"href": path}}
    assert answer.headers["location"] == path
    assert answer.json() == {"message": "用户创建成功", "account_id": account_id, "_links": links}

    answer = await lab.http.get(path + "/", headers=admin)
    assert answer.status_code == 200
    known = {"username": "yelda100", **PROFILE, "_links": links}
    shown = {**known, "message": "用户获取成功", "account_id": account_id, "authority": "none"}
    assert answer.json() == shown
    assert type(answer.json()["account_id"]) is int
    made_at = parsedate_to_datetime(answer.headers["last-modified"])
    assert abs((datetime.now(UTC) - made_at).total_seconds()) < 3600

    edit = {"nickname": "", "email": None, "photo": "photo1", "authority": 102}
    answer = await lab.http.put(path + "/", json=edit, headers=admin)
    assert answer.status_code == 200
    assert answer.json() == {**known, **edit, "message": "用户修改成功"}
    assert parsedate_to_datetime(answer.headers["last-modified"]) >= made_at

    signed_in = await lab.authorize("yelda100", "yeldapass100")
    mine = bearer(signed_in.json()["access_token"])
    for self_path in ("/self", "/Self", "/self/", "/Self/"):
        answer = await lab.http.get(self_path, headers=mine)
        assert answer.json() == {
            "message": "ID获取成功",
            "account_id": account_id,
            "_links": {"self": {"href": self_path.rstrip("/")}, "account": {"href": path}},
        }
        assert answer.headers["last-modified"].endswith(" GMT")
    assert (await lab.http.get(path, headers=mine)).json()["authority"] == "doctor"

    assert (await lab.http.delete(path + "/", headers=admin)).status_code == 204
    assert said(await lab.http.get(path, headers=mine)) == NOT_SIGNED_IN
    assert said(await lab.http.delete(path, headers=admin)) == (404, "用户不存在")
    assert said(await lab.authorize("yelda100", "yeldapass100")) == (401, "用户不存在")
    again = await lab.http.post("/accounts", json=new)
    assert again.json()["account_id"] > account_id


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/hal+json", "application/hal+json"),
        ("application/hal+json;q=0.2, application/json", "application/json"),
    ],
)
async def test_media_types(lab: Lab, accept: str, expected: str) -> None:
    headers = {**(await lab.admin()).headers, "Accept": accept}
    answers = [
        await lab.http.get("/self", headers=headers),
        await lab.http.get("/accounts", headers=headers),
        await lab.http.get(f"/accounts/{ADMIN_ID}", headers=headers),
        await lab.http.put(f"/accounts/{ADMIN_ID}", json={}, headers=headers),
        await lab.http.post("/accounts", json={"username": "ada", "password": "x"}, headers=headers),
    ]
    for answer in answers:
        assert answer.headers["content-type"] == expected
        assert answer.json()["_links"]["self"]["href"].startswith("/")
        assert (answer.headers["vary"], answer.headers["cache-control"]) == ("Accept", "private, no-cache")
    answer = await lab.http.get("/accounts/999999", headers=headers)
    assert answer.headers["content-type"] == "application/json"


async def test_absent_fields_stay(lab: Lab) -> None:
    person = await lab.person(Authority.DOCTOR)
    path = f"/accounts/{person.id}"
    await lab.http.put(path, json=PROFILE, headers=person.headers)
    before = await lab.http.get(path, headers=person.headers)
    for body in ({}, {"id": 7, "account_id": "x", "message": None}, {**PROFILE, "authority": "doctor"}):
        answer = await lab.http.put(path, json=body, headers=person.headers)
        assert answer.status_code == 200
    after = await lab.http.get(path, headers=person.headers)
    assert after.json() == before.json()
    assert len(await audited(lab.database, "account-changed", "authority-changed", "password-changed")) == 1


async def test_a_client_may_send_back_what_it_was_answered(lab: Lab) -> None:
    person = await lab.person(Authority.GUEST)
    path = f"/accounts/{person.id}"
    shown = (await lab.http.get(path, headers=person.headers)).json()
    assert (shown["nickname"], shown["email"], shown["photo"]) == (None, None, "default.png")
    assert (await lab.http.put(path, json=shown, headers=person.headers)).status_code == 200
    assert await lab.is_signed_in(person.headers)


async def test_renaming(lab: Lab) -> None:
    ada, bob = await lab.person(Authority.DOCTOR, "ada"), await lab.person(Authority.DOCTOR, "bob")
    path = f"/accounts/{ada.id}"
    for name in ("bob", "BOB", " Bob ", "\uff22\uff4f\uff42", "anonymous", "Admin"):
        answer = await lab.http.put(path, json={"username": name}, headers=ada.headers)
        assert (name, *said(answer)) == (name, *TAKEN)
    for name in ("Ada", " ADA ", "Grace"):
        answer = await lab.http.put(path, json={"username": name}, headers=ada.headers)
        assert answer.json()["username"] == name.strip()
    assert said(await lab.authorize("ada", PASSWORD)) == (401, "用户不存在")
    assert (await lab.authorize("grace", PASSWORD)).status_code == 201
    answer = await lab.http.put(f"/accounts/{bob.id}", json={"username": "ada"}, headers=bob.headers)
    assert answer.json()["username"] == "ada"
    fields = [each[3] for each in await audited(lab.database, "account-changed")]
    assert fields == [{"fields": ["username"]}] * 4


async def test_a_name_is_given_once(lab: Lab) -> None:
    assert (await lab.http.post("/accounts", json={"username": "Yelda", "password": "x"})).status_code == 201
    for name in ("Yelda", "yelda", " YELDA", "\uff59\uff45\uff4c\uff44\uff41", "anonymous", "admin"):
        answer = await lab.http.post("/accounts", json={"username": name, "password": "x"})
        assert (name, *said(answer)) == (name, *TAKEN)
    # A name that only looks the same (here with a Cyrillic letter) is refused too.
    answer = await lab.http.post("/accounts", json={"username": "Yeld\u0430", "password": "x"})
    assert said(answer) == (409, "用户名与已有用户名过于相似")


INVALID: list[tuple[dict[str, Any], str]] = [
    ({"username": ""}, "username: This field may not be blank."),
    ({"username": "  "}, "username: This field may not be blank."),
    ({"username": "a b"}, f"username: {RULE}"),
    ({"username": "🩻"}, f"username: {RULE}"),
    ({"username": "a'; DROP TABLE accounts; --"}, f"username: {RULE}"),
    ({"username": "x" * 151}, "username: Ensure this field has no more than 150 characters."),
    ({"username": "x" * 10_000}, "username: Ensure this field has no more than 150 characters."),
    ({"username": "a\0"}, "username: Null characters are not allowed."),
    ({"username": None}, "username: This field may not be null."),
    ({"username": 7}, "username: Not a valid string."),
    ({"password": ""}, "password: This field may not be blank."),
    ({"password": "x" * 1025}, "password: Ensure this field has no more than 1024 characters."),
    ({"password": None}, "password: This field may not be null."),
    ({"password": ["x"]}, "password: Not a valid string."),
    ({"nickname": "x" * 151}, "nickname: Ensure this field has no more than 150 characters."),
    ({"nickname": 7}, "nickname: Not a valid string."),
    ({"nickname": "\0"}, "nickname: Null characters are not allowed."),
    ({"photo": "x" * 2049}, "photo: Ensure this field has no more than 2048 characters."),
    ({"photo": {}}, "photo: Not a valid string."),
    ({"photo": "javascript:alert(1)"}, PHOTO),
    ({"photo": '/a"onerror=b'}, PHOTO),
    ({"photo": "//\n"}, PHOTO),
    ({"nickname": "a\u202eb"}, "nickname: Control characters are not allowed."),
    ({"nickname": "a\nb"}, "nickname: Control characters are not allowed."),
    ({"email": "nobody"}, "email: Enter a valid email address."),
    ({"email": "a@b@c"}, "email: Enter a valid email address."),
    ({"email": "a@b.c\r\nBcc: d@e.f"}, "email: Enter a valid email address."),
    ({"email": "a" * 300 + "@b.c"}, "email: Enter a valid email address."),
    ({"email": ["a@b.c"]}, "email: Not a valid string."),
    ({"authority": 1}, f"authority: {UNKNOWN_AUTHORITY}"),
    ({"authority": 105}, f"authority: {UNKNOWN_AUTHORITY}"),
    ({"authority": "boss"}, f"authority: {UNKNOWN_AUTHORITY}"),
    ({"authority": "１０２"}, f"authority: {UNKNOWN_AUTHORITY}"),
    ({"authority": True}, f"authority: {UNKNOWN_AUTHORITY}"),
    ({"authority": 102.0}, f"authority: {UNKNOWN_AUTHORITY}"),
    ({"authority": None}, f"authority: {UNKNOWN_AUTHORITY}"),
    ({"authority": [102]}, f"authority: {UNKNOWN_AUTHORITY}"),
    ({"authority": 10**400}, f"authority: {UNKNOWN_AUTHORITY}"),
    (
        {"username": "a b", "nickname": 7, "email": "x"},
        f"username: {RULE}; nickname: Not a valid string.; email: Enter a valid email address.",
    ),
]


async def test_invalid_fields(lab: Lab) -> None:
    person = await lab.person(Authority.DOCTOR)
    path = f"/accounts/{person.id}"
    before = (await lab.http.get(path, headers=person.headers)).json()
    for body, detail in INVALID:
        answer = await lab.http.put(path, json=body, headers=person.headers)
        assert invalid(answer) == detail
        answer = await lab.http.post("/accounts", json={"username": "fresh", "password": "x", **body})
        assert invalid(answer) == detail
    answer = await lab.http.post("/accounts", json={})
    assert invalid(answer) == "username: This field is required.; password: This field is required."
    for content in (b"[]", b"7", b"{", b"[" * 30_000):
        headers = {**person.headers, "Content-Type": "application/json"}
        invalid(await lab.http.put(path, content=content, headers=headers))
        invalid(await lab.http.post("/accounts", content=content, headers=headers))
    for account_id in ("abc", "1.5", "%00", "0x10"):
        invalid(await lab.http.get(f"/accounts/{account_id}", headers=person.headers))
    assert (await lab.http.get(path, headers=person.headers)).json() == before


async def test_the_longest_values(lab: Lab) -> None:
    person = await lab.person(Authority.DOCTOR)
    body = {"username": "字" * 150, "nickname": "🩻" * 150, "photo": "ü" * 2048, "email": f"{'a' * 64}@lab.local"}
    answer = await lab.http.put(f"/accounts/{person.id}", json=body, headers=person.headers)
    assert {name: answer.json()[name] for name in body} == body


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("yelda@mail.com", "yelda@mail.com"),
        ("Ada.Lovelace+x@MAIL.com", "Ada.Lovelace+x@mail.com"),
        ("ada@scanner.local", "ada@scanner.local"),
        ("ada@host.test", "ada@host.test"),
        ("ada@localhost", "ada@localhost"),
        ("医生@例子.中国", "医生@例子.中国"),
        ("", None),
        ("@", None),
        ("ada@", None),
        ("ada@-x.com", None),
        ("Ada <ada@mail.com>", None),
        ("\ud800@mail.com", None),
    ],
)
def test_email_addresses(typed: str, kept: str | None) -> None:
    assert clean_email(typed) == kept


async def test_a_new_password_ends_every_session(lab: Lab) -> None:
    person = await lab.person(Authority.DOCTOR)
    elsewhere = await lab.sign_in(person.username)
    key = await _api_key(lab, person.headers)
    path = f"/accounts/{person.id}"
    answer = await lab.http.put(path, json={"password": PASSWORD}, headers=person.headers)
    assert answer.status_code == 200
    assert await lab.is_signed_in(elsewhere), "the same password is no change"

    answer = await lab.http.put(path, json={"password": "another one", "nickname": "N"}, headers=person.headers)
    assert answer.status_code == 200
    assert not await lab.is_signed_in(person.headers)
    assert not await lab.is_signed_in(elsewhere)
    assert await _works(lab, key), "keys are not passwords"
    assert said(await lab.authorize(person.username, PASSWORD)) == (401, "密码错误")
    assert (await lab.authorize(person.username, "another one")).status_code == 201
    entries = await audited(lab.database, "password-changed", "account-changed")
    assert [(action, account, details) for action, account, _, details in entries] == [
        ("account-changed", person.id, {"fields": ["nickname"]}),
        ("password-changed", person.id, {}),
    ]


async def test_an_administrator_resets_a_password(lab: Lab) -> None:
    admin, person = await lab.admin(), await lab.person(Authority.GUEST)
    answer = await lab.http.put(f"/accounts/{person.id}", json={"password": "reset"}, headers=admin.headers)
    assert answer.status_code == 200
    assert not await lab.is_signed_in(person.headers)
    assert await lab.is_signed_in(admin.headers)
    assert (await lab.authorize(person.username, "reset")).status_code == 201
    async with lab.database.reading() as session:
        statement = text("SELECT actor FROM audit_entries WHERE action = 'password-changed'")
        assert (await session.execute(statement)).scalars().all() == ["account:2"]


async def test_the_password_has_a_shortest_length(make_settings: MakeSettings) -> None:
    async with running(create_app(make_settings(password_min_length=8))) as app, client_of(app) as client:
        lab = Lab(app, client)
        person = await lab.person(Authority.DOCTOR)
        detail = "password: Ensure this field has at least 8 characters."
        for answer in (
            await client.put(f"/accounts/{person.id}", json={"password": "1234567"}, headers=person.headers),
            await client.post("/accounts", json={"username": "fresh", "password": "1234567"}),
        ):
            assert invalid(answer) == detail


@pytest.mark.parametrize(
    ("before", "after", "survives"),
    [
        (Authority.NONE, Authority.DOCTOR, True),
        (Authority.NONE, Authority.GUEST, True),
        (Authority.DOCTOR, Authority.NONE, False),
        (Authority.DOCTOR, Authority.GUEST, False),
        (Authority.GUEST, Authority.DOCTOR, False),
        (Authority.ADMIN, Authority.DOCTOR, False),
        (Authority.DOCTOR, Authority.DOCTOR, True),
    ],
)
async def test_sessions_end_with_the_authority(lab: Lab, before: Authority, after: Authority, survives: bool) -> None:
    admin, person = await lab.admin(), await lab.person(before)
    body = {"authority": after.name.lower()}
    answer = await lab.http.put(f"/accounts/{person.id}", json=body, headers=admin.headers)
    assert answer.json()["authority"] == after
    assert await lab.is_signed_in(person.headers) is survives
    changes = [each[3] for each in await audited(lab.database, "authority-changed")]
    assert changes == ([] if before is after else [{"old": int(before), "new": int(after)}])


async def test_a_deleted_account_can_do_nothing(lab: Lab) -> None:
    admin, person = await lab.admin(), await lab.person(Authority.DOCTOR)
    key = await _api_key(lab, person.headers)
    assert await _works(lab, key)
    assert (await lab.http.delete(f"/accounts/{person.id}", headers=person.headers)).status_code == 204
    assert not await lab.is_signed_in(person.headers)
    assert not await _works(lab, key)
    async with lab.database.reading() as session:
        left = "SELECT count(*) FROM sessions WHERE account_id = :id AND revoked_at IS NULL"
        assert (await session.execute(text(left), {"id": person.id})).scalar_one() == 0
    [entry] = await audited(lab.database, "account-deleted")
    assert entry[1] == person.id
    assert said(await lab.http.get(f"/accounts/{person.id}", headers=admin.headers)) == (404, "用户不存在")


async def _api_key(lab: Lab, headers: dict[str, str]) -> str:
    answer = await lab.http.post("/api/keys", json={"name": "a script", "scopes": ["predict"]}, headers=headers)
    assert answer.status_code == 201, answer.text
    key: str = answer.json()["key"]
    return key


async def _works(lab: Lab, key: str) -> bool:
    """Whether an API key works."""
    token = lab.service.state["services"].issuer.for_service("gateway")
    body = {"key": key, "address": "192.0.2.1"}
    answer = await lab.http.post("/internal/api-keys/exchange", json=body, headers=bearer(token))
    return answer.status_code == 200


async def test_the_document(lab: Lab) -> None:
    document = (await lab.http.get("/openapi.json")).json()
    assert set(document["paths"]["/accounts"]) == {"get", "post"}
    assert set(document["paths"]["/accounts/{account_id}"]) == {"get", "put", "delete"}
    assert "/Self" not in document["paths"]
    properties = document["components"]["schemas"]["YeldaListedAccount"]["properties"]
    of_all = {"_links", "id", "account_id", "username", "nickname", "email", "photo", "authority"}
    assert set(properties) == of_all | {"authority_name"}
    body = document["paths"]["/authorization"]["post"]["requestBody"]["content"]["application/json"]
    name = body["schema"]["$ref"].rpartition("/")[2]
    assert document["components"]["schemas"][name]["required"] == ["username", "password"]
