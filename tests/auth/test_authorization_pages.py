"""The pages on which people sign in, allow a client something and sign out."""

import re
from typing import Any
from urllib.parse import parse_qs, urlencode

import anyio
import httpx
import pytest
from sqlalchemy import text
from support.asgi import WithState, client_of, running
from support.auth_service import MakeSettings, bearer, make_account, services_of
from support.html_pages import Page, is_safe
from support.oauth import PASSWORD, audited
from support.openid import (
    APP,
    AUTHORIZE,
    CALLBACK,
    CONSENT,
    OTHERS,
    SIGN_IN,
    Asking,
    Browser,
    exchanged,
    make_doctor,
    new_browser,
    register,
    told,
)

from auth_service.app import create_app
from auth_service.authorization_codes.repository import add_consent, consented
from auth_service.oauth_clients.scopes import SCOPES, opened_by
from auth_service.openid.errors import Unanswerable
from auth_service.openid.words import CHINESE, ENGLISH, words_for
from lightbox_shared.database import Database

WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")


@pytest.fixture
async def browser(service: WithState, client: httpx.AsyncClient) -> Browser:
    """One in which nobody is signed in, with two registered clients."""
    return await new_browser(services_of(service), client, signed_in=False)


async def test_signing_in(browser: Browser, database: Database) -> None:
    asking = Asking()
    answer = await browser.ask(asking)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    is_safe(answer)
    page = Page(answer)
    assert "Reading room" in page.words
    assert page.all("script") == [{"src": "/oauth/static/passkey.js"}]
    assert "hidden" in page.all("button")[1]  # it does not work without the script
    assert page.all("form") == [{"method": "post", "action": f"{SIGN_IN}?{asking.query}"}]
    assert [each.get("autocomplete") for each in page.all("input")] == ["username", "current-password"]
    answer = await browser.post(SIGN_IN, asking.query, username=" ADA ", password=PASSWORD)
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert answer.headers["location"] == f"{AUTHORIZE}?{asking.query}"
    assert told(await browser.ask(asking))["state"] == asking.state
    assert [entry[1] for entry in await audited(database, "signed-in")] == [3]


async def test_wrong_names_and_passwords_are_told_alike(browser: Browser) -> None:
    answers = [
        await browser.post(SIGN_IN, Asking(state="s", nonce="n", verifier="v" * 43).query, **form)
        for form in (
            {"username": "nobody", "password": PASSWORD},
            {"username": "ada", "password": "x"},
            {"username": "a" * 5000, "password": "x" * 5000},
        )
    ]
    for answer in answers:
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
        is_safe(answer)
        page = Page(answer)
        assert "The name or the password is wrong." in page.words
        assert [each for each in page.all("p") if "role" in each and "hidden" not in each] == [
            {"role": "alert", "id": "message"}
        ]
    assert len({answer.content for answer in answers}) == 1


async def test_an_account_that_waits_for_approval(browser: Browser, service: WithState) -> None:
    await make_account(services_of(service), "eve", PASSWORD)
    answer = await browser.post(SIGN_IN, Asking().query, username="eve", password=PASSWORD)
    assert answer.status_code == 403
    assert "waits for the approval" in Page(answer).words
    assert "set-cookie" not in answer.headers
    token = (await browser.http.post("/api/chexray/login", json={"username": "eve", "password": PASSWORD})).json()
    browser.token = token["token"]
    assert Page(await browser.ask(Asking())).all("form")[0]["action"] != ""
    assert (await browser.ask(Asking())).status_code == 200  # the page to sign in, and no code


async def test_guessing_is_slowed(make_settings: MakeSettings) -> None:
    settings = make_settings(failed_logins_per_account=2)
    async with running(create_app(settings)) as app, client_of(app) as http:
        await make_doctor(services_of(app))
        await register(services_of(app), **APP)
        browser, query = Browser(http), Asking().query
        answers = [await browser.post(SIGN_IN, query, username="ada", password="x") for _ in range(4)]
        slowed = answers[-1]
        assert slowed.status_code == 429
        is_safe(slowed)
        assert f"in {slowed.headers['retry-after']} seconds" in Page(slowed).words
        assert (await browser.post(SIGN_IN, query, username="ada", password=PASSWORD)).status_code == 429


@pytest.mark.parametrize("prompt", ["login", "select_account", "login consent"])
async def test_signing_in_again(browser: Browser, database: Database, prompt: str) -> None:
    await browser.sign_in(Asking())
    before = len(await audited(database, "signed-in"))
    asking = Asking(more={"prompt": prompt})
    assert SIGN_IN in (await browser.ask(asking)).text
    answer = await browser.sign_in(asking)
    if "consent" in prompt:
        assert CONSENT in answer.text
    else:
        told(answer)
    assert len(await audited(database, "signed-in")) == before + 1


async def test_a_sign_in_that_is_too_long_ago(browser: Browser, database: Database) -> None:
    asking = Asking(more={"max_age": "60"})
    await browser.sign_in(asking)
    code = await browser.code(asking)
    first = (await exchanged(browser.http, asking, code))["id_token"]
    async with database.writing() as session:
        await session.execute(text("UPDATE sessions SET created_at = created_at - interval '61 seconds'"))
    assert SIGN_IN in (await browser.ask(asking)).text
    again = told(await browser.sign_in(asking))["code"]
    second = (await exchanged(browser.http, asking, again))["id_token"]
    assert first != second
    none = Asking(more={"max_age": "0"})
    told(await browser.sign_in(none))  # and does not ask for ever


async def test_a_code_is_for_the_person_of_the_hint(browser: Browser, service: WithState, database: Database) -> None:
    await make_doctor(services_of(service), "bob")
    asking = Asking()
    code = told(await browser.sign_in(asking))["code"]
    of_ada = (await exchanged(browser.http, asking, code))["id_token"]
    hinted, silent = Asking(more={"id_token_hint": of_ada}), Asking(more={"id_token_hint": of_ada, "prompt": "none"})
    assert "code" in told(await browser.ask(silent))
    await browser.sign_in(Asking(more={"prompt": "login"}), "bob")
    assert told(await browser.ask(silent))["error"] == "login_required"
    assert SIGN_IN in (await browser.ask(hinted)).text
    assert SIGN_IN in (await browser.sign_in(hinted, "bob")).text
    others = Asking("others", more={"id_token_hint": of_ada})
    again = await browser.post(CONSENT, others.query, account="4", decision="allow")
    assert again.headers["location"].startswith(AUTHORIZE)
    assert await audited(database, "consent-given") == []
    assert "code" in told(await browser.sign_in(hinted))
    back = told(await browser.ask(Asking(more={"id_token_hint": of_ada[:-3]})))
    assert (back["error"], "code" in back) == ("invalid_request", False)


async def test_others_need_consent_once(browser: Browser, database: Database) -> None:
    asking = Asking("others", scope="openid read")
    answer = await browser.sign_in(asking)
    is_safe(answer)
    page = Page(answer)
    assert "Somebody's <b>app</b> asks for your permission" in page.words
    assert "<b>app" not in answer.text
    assert "know which account is yours" in page.words
    assert "see all pictures, results and labels that you may see" in page.words
    assert "see your e-mail address" in page.words  # at /self, which every such token opens
    assert "app.example" in page.words
    agreed = await browser.post(CONSENT, asking.query, account="3", decision="allow")
    body = await exchanged(browser.http, asking, told(agreed)["code"])
    assert body["scope"] == "openid read"
    told(await browser.ask(Asking("others", scope="openid")))
    told(await browser.ask(Asking("others", scope="read openid")))
    assert CONSENT in (await browser.ask(Asking("others"))).text  # profile is more
    assert CONSENT in (await browser.ask(Asking("others", scope="openid", more={"prompt": "consent"}))).text
    entries = await audited(database, "consent-given")
    assert [(entry[1], entry[3]) for entry in entries] == [(3, {"client": "others", "scopes": ["openid", "read"]})]


@pytest.mark.parametrize(
    ("scope", "english", "chinese"),
    [
        ("openid", ["know which account is yours"], ["知道哪个账号是您的"]),
        ("collect", ["see the pictures of all devices", "see your name"], ["所有设备的图片", "查看您的姓名"]),
    ],
)
def test_what_a_scope_opens_is_said(scope: str, english: list[str], chinese: list[str]) -> None:
    """`collect` reads the collection too, and all but those of an identity read the account's own profile."""
    for words, expected in ((ENGLISH, english), (CHINESE, chinese)):
        said = [words.scopes[each] for each in opened_by([scope])]
        assert all(any(part in sentence for sentence in said) for part in expected)
    assert ("profile" in opened_by([scope])) == (scope != "openid")


@pytest.mark.usefixtures("browser")
async def test_of_consents_at_the_same_moment_both_count(database: Database) -> None:
    async with anyio.create_task_group() as tasks, database.writing() as first:
        await add_consent(first, 3, "others", ["read", "openid"])

        async def give_another() -> None:
            async with database.writing() as second:
                await add_consent(second, 3, "others", ["profile", "openid"])

        tasks.start_soon(give_another)
        with anyio.fail_after(20):
            async with database.reading() as session:
                while not await session.scalar(WAITING):  # noqa: ASYNC110 - who waits is in PostgreSQL
                    await anyio.sleep(0.01)
    async with database.reading() as session:
        assert await consented(session, 3, "others") == {"openid", "profile", "read"}
        scopes = await session.scalar(text("SELECT scopes FROM oauth_consents"))
    assert scopes == ["openid", "profile", "read"]


async def test_whom_no_address_identifies_is_asked_about_each_time(browser: Browser, service: WithState) -> None:
    uris = [CALLBACK, "http://localhost/cb", "com.example.app:/cb", "https://localhost/cb", "http://[::1]/cb"]
    for client_id, more in (
        ("mixed", {"confidential": False}),
        ("secretive", {"confidential": True}),
        ("ours", {"first_party": True}),
    ):
        await register(services_of(service), **OTHERS | {"client_id": client_id, "redirect_uris": uris} | more)
    await browser.sign_in(Asking())
    for client_id in ("mixed", "secretive"):
        asking = Asking(client_id)
        told(await browser.post(CONSENT, asking.query, account="3", decision="allow"))
        told(await browser.ask(Asking(client_id)))
    for uri in ("http://localhost:4444/cb", *uris[1:]):
        asking = Asking("mixed", uri)
        assert CONSENT in (await browser.ask(asking)).text, uri
        silent = await browser.ask(Asking("mixed", uri, more={"prompt": "none"}))
        assert told(silent, uri)["error"] == "consent_required"
        allowed = await browser.post(CONSENT, asking.query, account="3", decision="allow")
        assert "code" in told(allowed, uri)
        for known in ("secretive", "ours"):
            assert "code" in told(await browser.ask(Asking(known, uri)), uri)


@pytest.mark.parametrize("own", ["x=a%20b&y", "x=1&", "%7E=/?'", ""])
async def test_the_query_of_a_registered_address_is_retained(browser: Browser, service: WithState, own: str) -> None:
    uri = f"https://app.example/cb?{own}"
    addresses = {"redirect_uris": [uri], "post_logout_redirect_uris": [uri]}
    await register(services_of(service), **APP | {"client_id": "queried"} | addresses)
    asking = Asking("queried", uri)
    back = (await browser.sign_in(asking)).headers["location"]
    added = back.removeprefix(uri).removeprefix("&")
    assert back.startswith(uri)
    assert parse_qs(added).keys() == {"code", "state", "iss"}
    form = {"id_token_hint": (await exchanged(browser.http, asking, parse_qs(added)["code"][0]))["id_token"]}
    query = urlencode(form | {"post_logout_redirect_uri": uri, "state": "s t"})
    left = (await browser.get("/oauth/logout", query)).headers["location"]
    assert left.startswith(uri)
    assert left.removeprefix(uri).removeprefix("&") == "state=s+t"


async def test_another_account_has_not_agreed(browser: Browser, service: WithState) -> None:
    await make_doctor(services_of(service), "bob")
    asking = Asking("others")
    await browser.sign_in(asking)
    await browser.post(CONSENT, asking.query, account="3", decision="allow")
    page = Page(await browser.ask(Asking("others", more={"prompt": "consent"})))
    [link] = [each["href"] for each in page.all("a")]
    assert SIGN_IN in (await browser.get(*str(link).split("?", 1))).text
    assert CONSENT in (await browser.sign_in(asking, "bob")).text


async def test_consent_that_is_not_given(browser: Browser, database: Database) -> None:
    asking = Asking("others")
    await browser.sign_in(asking)
    for decision in ("deny", "", "Allow"):
        form: dict[str, Any] = {"account": "3", "decision": decision or "x"}
        back = told(await browser.post(CONSENT, asking.query, **form))
        assert (back["error"], back["state"]) == ("access_denied", asking.state)
    assert await audited(database, "consent-given") == []


async def test_consent_for_somebody_else(browser: Browser, service: WithState) -> None:
    """The page was shown to ada, and bob has signed in meanwhile; or nobody is signed in; or it asks for a sign-in."""
    await make_doctor(services_of(service), "bob")
    asking = Asking("others")
    await browser.sign_in(asking, "bob")
    answer = await browser.post(CONSENT, asking.query, account="3", decision="allow")
    assert answer.headers["location"] == f"{AUTHORIZE}?{asking.query}"
    assert CONSENT in (await browser.ask(asking)).text
    fresh = Asking("others", more={"prompt": "login"})
    answer = await browser.post(CONSENT, fresh.query, account="4", decision="allow")
    assert answer.headers["location"] == f"{AUTHORIZE}?{fresh.query}"
    browser.token = None
    answer = await browser.post(CONSENT, asking.query, account="3", decision="allow")
    assert answer.headers["location"] == f"{AUTHORIZE}?{asking.query}"


async def test_taking_a_consent_back(browser: Browser, database: Database) -> None:
    asking = Asking("others", scope="openid read")
    await browser.sign_in(asking)
    agreed = await browser.post(CONSENT, asking.query, account="3", decision="allow")
    body = await exchanged(browser.http, asking, told(agreed)["code"])
    assert browser.token is not None
    own = bearer(browser.token)
    [consent] = (await browser.http.get("/api/oauth/consents", headers=own)).json()["consents"]
    assert (consent["client_id"], consent["scopes"]) == ("others", ["openid", "read"])
    path = f"/api/oauth/consents/{consent['id']}"
    admin = await browser.http.post(
        "/authorization", json={"username": "admin", "password": "the administrator's password"}
    )
    browser.http.cookies.clear()
    others = bearer(admin.json()["access_token"])
    assert (await browser.http.delete(path, headers=others)).status_code == 404
    assert (await browser.http.delete(path, headers=bearer(body["access_token"]))).status_code == 403
    userinfo = {"headers": bearer(body["access_token"])}
    assert (await browser.http.get("/oauth/userinfo", **userinfo)).status_code == 200  # type: ignore[arg-type]
    assert (await browser.http.delete(path, headers=own)).status_code == 204
    assert (await browser.http.get("/oauth/userinfo", **userinfo)).status_code == 401  # type: ignore[arg-type]
    assert (await browser.http.get("/api/oauth/consents", headers=own)).json()["consents"] == []
    assert CONSENT in (await browser.ask(asking)).text
    assert len(await audited(database, "consent-revoked")) == 1


async def test_the_request_may_come_as_a_form(browser: Browser) -> None:
    asking = Asking()
    answer = await browser.http.post(AUTHORIZE, data=asking.parameters)
    assert answer.status_code == 303
    path, query = answer.headers["location"].split("?", 1)
    assert (path, parse_qs(query)) == (AUTHORIZE, {name: [value] for name, value in asking.parameters.items()})


async def test_a_form_may_lead_to_the_client(browser: Browser, service: WithState) -> None:
    """Browsers apply form-action to the redirects that follow a form."""
    uris = ["org.example.app:/done", "http://[::1]/x", "http://localhost/x"]
    await register(services_of(service), **APP | {"client_id": "native", "redirect_uris": uris})
    for client_id, uri, source in (
        ("app", CALLBACK, "https://app.example"),
        ("native", uris[0], "org.example.app:"),
        ("native", "http://[::1]:1/x", "http:"),
        ("native", "http://localhost:5173/x", "http://localhost:5173"),
    ):
        policy = (await browser.ask(Asking(client_id, uri))).headers["content-security-policy"]
        assert f"form-action 'self' {source};" in policy


async def test_markup_in_a_request(browser: Browser) -> None:
    evil = "\"><script>alert(1)</script>'"
    for more in ({"login_hint": evil}, {"ui_locales": evil}, {evil: evil}):
        answer = await browser.ask(Asking(more=more))
        is_safe(answer)
        assert "<script>alert" not in answer.text


@pytest.mark.parametrize(
    ("accepted", "locales", "words"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "", CHINESE),
        ("en-GB,en;q=0.9,zh;q=0.8", "", ENGLISH),
        ("de,fr;q=0.5", "", ENGLISH),
        ("de,zh;q=0.1", "", CHINESE),
        ("en;q=0.2, zh-Hant-TW;q=0.4", "", CHINESE),
        ("", "", ENGLISH),
        (";;q=x,,zh;q=x", "", ENGLISH),
        ("en", "fr zh-CN en", CHINESE),
    ],
)
async def test_languages(browser: Browser, accepted: str, locales: str, words: Any) -> None:
    assert words_for(accepted, locales) is words
    browser.language = accepted
    answer = await browser.ask(Asking(more={"ui_locales": locales}))
    assert f'<html lang="{words.language}">' in answer.text
    assert words.password in answer.text


def test_every_scope_and_every_reason_has_words() -> None:
    for words in (ENGLISH, CHINESE):
        assert words.scopes.keys() == set(SCOPES)
        assert words.reasons.keys() == set(Unanswerable)
        assert not re.search(r"\{[^}]", f"{words.sign_in_to}{words.consent}{words.goes_to}")


async def test_the_style_is_served(browser: Browser) -> None:
    answer = await browser.http.get("/oauth/static/page.css")
    assert answer.headers["content-type"].startswith("text/css")
    assert "prefers-color-scheme: dark" in answer.text
    assert (await browser.http.get("/oauth/static/pages.py")).status_code == 404
