"""What TheYelda's clients were answered can be sent back: it is accepted, and changes nothing."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.asgi import client_of, running
from support.auth_service import MakeSettings, services_of
from support.oauth import audited
from support.yelda import Lab, Person, said

from auth_service.accounts import repository
from auth_service.accounts.fields import clean_email
from auth_service.accounts.usernames import clean_username, username_problem
from auth_service.app import create_app
from lightbox_shared.auth.principal import Authority

CHANGES = ("account-changed", "authority-changed", "password-changed")
# Examples share the service and its accounts; each puts the account into the state that it is about.
shared = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

usernames = (
    st.text(
        st.characters(codec="utf-8", categories=("L", "N", "Mn")) | st.sampled_from("@.+-_"), min_size=1, max_size=20
    )
    .map(clean_username)
    .filter(lambda name: name != "" and username_problem(name) is None)
    .filter(lambda name: name.casefold() not in {"admin", "anonymous"})
)
nicknames = st.none() | st.text(st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp")), max_size=150)
photos = st.none() | st.from_regex(r"(?:/|https://)[\w./%-]{0,40}|[\w.-]{1,40}", fullmatch=True)
emails = st.none() | st.just("") | st.emails().filter(lambda email: clean_email(email) is not None)
profiles = st.fixed_dictionaries({"username": usernames, "nickname": nicknames, "photo": photos, "email": emails})
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
IGNORED = ("_links", "id", "account_id", "message", "authority_name", "data", "total", "offset", "limit", "created_at")
others = st.dictionaries(
    st.sampled_from(IGNORED) | st.text(max_size=10).map("x-{}".format),
    json_values | st.text(st.characters()),
    max_size=6,
)


@pytest.fixture
async def lab(make_settings: MakeSettings) -> AsyncIterator[Lab]:
    async with running(create_app(make_settings())) as app, client_of(app) as client:
        yield Lab(app, client)


@pytest.fixture
async def admin(lab: Lab) -> Person:
    return await lab.admin()


@pytest.fixture
async def person(lab: Lab) -> Person:
    return await lab.person(Authority.DOCTOR)


async def put(lab: Lab, path: str, body: object, headers: dict[str, str]) -> httpx.Response:
    # In ASCII, in which JSON can express half of a surrogate pair.
    content = json.dumps(body)
    return await lab.http.put(path, content=content, headers={**headers, "Content-Type": "application/json"})


async def answers(lab: Lab, person: Person, username: str) -> list[dict[str, Any]]:
    """Everything that clients are answered about an account."""
    found: list[dict[str, Any]] = []
    for prefix in ("", "/api"):
        one = await lab.http.get(f"{prefix}/accounts/{person.id}", headers=person.headers)
        listed = await lab.http.get(f"{prefix}/accounts", params={"username": username}, headers=person.headers)
        edited = await put(lab, f"{prefix}/accounts/{person.id}", {}, person.headers)
        found += [one.json(), listed.json(), *listed.json()["data"], edited.json()]
        assert len(listed.json()["data"]) == 1
    return found


async def store(lab: Lab, person: Person, profile: dict[str, Any], authority: Authority) -> None:
    async with services_of(lab.service).database.writing() as session:
        await repository.change(session, person.id, {"authority": authority})
    answer = await put(lab, f"/accounts/{person.id}", profile, person.headers)
    assert answer.status_code == 200, answer.text


@shared
@given(profile=profiles, authority=st.sampled_from(Authority))
async def test_an_answer_can_be_sent_back(
    lab: Lab, admin: Person, person: Person, profile: dict[str, Any], authority: Authority
) -> None:
    await store(lab, person, profile, authority)
    before = await answers(lab, person, profile["username"])
    told = await audited(lab.database, *CHANGES)
    for number, answer in enumerate(before):
        for who, prefix in zip((person, admin), ("", "/api") if number % 2 else ("/api", ""), strict=True):
            again = await put(lab, f"{prefix}/accounts/{person.id}", answer, who.headers)
            assert again.status_code == 200, (answer, again.text)
    assert await answers(lab, person, profile["username"]) == before
    assert await audited(lab.database, *CHANGES) == told


@shared
@given(profile=profiles, ignored=others)
async def test_what_cannot_be_changed_is_ignored(
    lab: Lab, admin: Person, person: Person, profile: dict[str, Any], ignored: dict[str, Any]
) -> None:
    await store(lab, person, profile, Authority.DOCTOR)
    before = await answers(lab, person, profile["username"])
    for number, answer in enumerate(before):
        who = (person, admin)[number % 2]
        again = await put(lab, f"/accounts/{person.id}", answer | ignored, who.headers)
        assert again.status_code == 200, again.text
    assert await answers(lab, person, profile["username"]) == before


async def test_the_authority_in_every_notation(lab: Lab, admin: Person) -> None:
    for authority in Authority:
        person = await lab.person(authority)
        name = authority.name.lower()
        for same in (int(authority), str(int(authority)), name, name.title(), name.upper()):
            for who in (person, admin):
                answer = await put(lab, f"/accounts/{person.id}", {"authority": same}, who.headers)
                assert (same, answer.status_code, answer.json()["authority"]) == (same, 200, authority)
    assert await audited(lab.database, "authority-changed") == []


async def test_there_is_always_a_photo(lab: Lab, admin: Person, person: Person) -> None:
    path = f"/accounts/{person.id}"

    async def shown() -> set[object]:
        listed = await lab.http.get("/accounts", params={"username": person.username}, headers=admin.headers)
        return {
            (await lab.http.get(path, headers=person.headers)).json()["photo"],
            (await put(lab, path, {}, person.headers)).json()["photo"],
            listed.json()["data"][0]["photo"],
        }

    assert await shown() == {"default.png"}
    for nothing in ("default.png", None, ""):
        assert (await put(lab, path, {"photo": "mine.png"}, person.headers)).json()["photo"] == "mine.png"
        assert await shown() == {"mine.png"}
        assert (await put(lab, path, {"photo": nothing}, person.headers)).json()["photo"] == "default.png"
        assert await shown() == {"default.png"}
    for number, photo in enumerate(("default.png", None, "", "mine.png")):
        new = {"username": f"new-{number}", "password": "x", "photo": photo}
        made = (await lab.http.post("/accounts", json=new)).headers["location"]
        assert (await lab.http.get(made, headers=admin.headers)).json()["photo"] == (photo or "default.png")


@pytest.mark.parametrize("name", ["username", "password", "nickname", "email", "photo", "authority"])
async def test_fields_that_can_be_changed_are_still_checked(lab: Lab, person: Person, name: str) -> None:
    for text in ("a\0", "\ud800", "a\udfff"):
        answer = await put(lab, f"/accounts/{person.id}", {name: text, "message": text}, person.headers)
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith(f"{name}: "), answer.text
    answer = await put(lab, f"/accounts/{person.id}", {"authority": "expert", "id": 7}, person.headers)
    assert said(answer) == (401, "用户无法修改权限")
