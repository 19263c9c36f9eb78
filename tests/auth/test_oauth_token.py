"""The token endpoint (RFC 6749): passwords, services, and refused requests."""

import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from jose import jwt
from pydantic import ValidationError
from sqlalchemy import select
from support.asgi import WithState, client_of, running
from support.auth_service import MakeSettings, bearer, services_of
from support.oauth import INTROSPECT, ISSUER, PASSWORD, REVOKE, SERVICE, TOKEN, OAuth, audited, make_account

from auth_service.app import create_app
from auth_service.oauth.models import RefreshToken
from auth_service.oauth.refresh_tokens import unseal
from auth_service.oauth.service import Grants
from lightbox_shared.auth.principal import Scope
from lightbox_shared.database import Database
from lightbox_shared.http import ServiceTokens
from lightbox_shared.storage.encryption import NotDecryptable

CREDENTIALS = {"grant_type": "password", "client_id": "lightbox", "username": "ada", "password": PASSWORD}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
async def oauth(service: WithState, client: httpx.AsyncClient) -> OAuth:
    await make_account(service.state["services"])
    return OAuth(client)


def _refused(answer: httpx.Response, error: str, status: int = 400) -> None:
    body = answer.json()
    assert (answer.status_code, body["error"]) == (status, error), body
    assert body.keys() == {"error", "error_description"}
    assert all(" " <= each <= "~" and each not in '"\\' for each in body["error_description"])
    assert answer.headers["content-type"] == "application/json"
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")


async def test_a_password(oauth: OAuth, service: WithState) -> None:
    answer = await oauth.http.post(TOKEN, data=CREDENTIALS)
    assert answer.status_code == 200
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    body = answer.json()
    access, refresh = body["access_token"], body["refresh_token"]
    assert body == {"access_token": access, "token_type": "Bearer", "expires_in": 900, "refresh_token": refresh}
    assert refresh.startswith("lbr_")
    assert len(refresh) == 47
    header, claims = jwt.get_unverified_header(access), jwt.get_unverified_claims(access)
    assert (header["typ"], header["alg"]) == ("at+jwt", "RS256")
    assert claims.keys() == {"iss", "aud", "sub", "client_id", "iat", "exp", "jti", "sid", "authority"}
    assert (claims["iss"], claims["aud"], claims["sub"]) == (ISSUER, "lightbox", "account:3")
    assert (claims["client_id"], claims["exp"] - claims["iat"]) == ("lightbox", 900)
    assert (await service.state["services"].tokens.verify(access)).scopes is None
    signed_in = await audited(service.state["database"], "signed-in")
    assert [(entry[1], entry[3]["client"]) for entry in signed_in] == [(3, "lightbox")]


async def test_the_database_alone_has_no_refresh_token(oauth: OAuth, database: Database) -> None:
    first = (await oauth.log_in())["refresh_token"]
    second = (await oauth.refreshed(first))["refresh_token"]
    async with database.reading() as session:
        rows = (await session.execute(select(RefreshToken).order_by(RefreshToken.id))).scalars().all()
    assert [row.token_hash for row in rows] == [hashlib.sha256(each.encode()).digest() for each in (first, second)]
    sealed = rows[0].sealed_successor
    assert sealed is not None
    assert second.encode() not in base64.urlsafe_b64decode(sealed)
    assert unseal(first, sealed) == second
    with pytest.raises(NotDecryptable):
        unseal(second, sealed)


def test_successors_that_are_stored_stay_readable() -> None:
    sealed = b"gAAAAABrC01_baFfq9Bci3OeuxWBfhCD6u4nsoL0dlWawaKzEnyYE85d5dQUbL9V2ZjBCsHkqEMZXZFx8O2w1bZmz7YvaaN3SA=="
    assert unseal("lbr_one", sealed) == "lbr_two"


async def test_a_scope(oauth: OAuth, service: WithState) -> None:
    body = await oauth.log_in(scope="read predict read")
    assert body["scope"] == "read predict"
    assert jwt.get_unverified_claims(body["access_token"])["scope"] == "read predict"
    principal = await service.state["services"].tokens.verify(body["access_token"])
    assert principal.scopes == {Scope.READ, Scope.PREDICT}


@pytest.mark.parametrize(
    "scope", ["admin", "read admin", "read  predict", " ", "READ", "read,predict", "read\tpredict"]
)
async def test_unknown_scopes(oauth: OAuth, scope: str) -> None:
    _refused(await oauth.token(**(CREDENTIALS | {"scope": scope})), "invalid_scope")


async def test_the_wrong_name_and_the_wrong_password_are_answered_alike(oauth: OAuth) -> None:
    answers = [
        await oauth.token(**(CREDENTIALS | wrong))
        for wrong in (
            {"username": "nobody"},
            {"password": "x"},
            {"username": "a" * 10_000},
            {"username": "\ud7ff" * 700},
        )
    ]
    for answer in answers:
        _refused(answer, "invalid_grant")
    assert len({answer.content for answer in answers}) == 1
    assert "www-authenticate" not in answers[0].headers


async def test_login_throttling_applies_to_passwords(make_settings: MakeSettings) -> None:
    settings = make_settings(failed_logins_per_account=2)
    async with running(create_app(settings)) as app, client_of(app) as http:
        await make_account(app.state["services"])
        guess = CREDENTIALS | {"password": "guessed"}
        answers = [await http.post(TOKEN, data=guess) for _ in range(5)]
        _refused(answers[0], "invalid_grant")
        _refused(answers[-1], "temporarily_unavailable", 429)
        assert int(answers[-1].headers["retry-after"]) > 0
        _refused(await http.post(TOKEN, data=CREDENTIALS), "temporarily_unavailable", 429)


@pytest.mark.parametrize("missing", ["grant_type", "username", "password"])
async def test_missing_and_empty_parameters(oauth: OAuth, missing: str) -> None:
    for fields in ({**CREDENTIALS, missing: ""}, {name: CREDENTIALS[name] for name in CREDENTIALS.keys() - {missing}}):
        answer = await oauth.http.post(TOKEN, data=fields)
        _refused(answer, "invalid_request")
        assert missing in answer.json()["error_description"]


async def test_unknown_and_empty_parameters_are_ignored(oauth: OAuth) -> None:
    more = {"scope": "", "client_secret": "", "resource": "x", "audience": ""}
    assert (await oauth.http.post(TOKEN, data=CREDENTIALS | more)).status_code == 200


async def test_grant_types(oauth: OAuth) -> None:
    for name in ("authorization-code", "Password", "implicit", "x" * 5000):
        _refused(await oauth.token(grant_type=name), "unsupported_grant_type")
    for name in ("client_credentials", "authorization_code"):
        _refused(await oauth.token(grant_type=name), "unauthorized_client")
    for name in ("password", "refresh_token"):
        fields = {"grant_type": name, "username": "ada", "password": PASSWORD, "refresh_token": "x"}
        _refused(await oauth.http.post(TOKEN, data=fields, auth=SERVICE), "unauthorized_client")


async def test_unknown_clients(oauth: OAuth) -> None:
    for client_id in ("unknown", "api-key", "chexray", "lightbox ", "LIGHTBOX"):
        answer = await oauth.http.post(TOKEN, data={**CREDENTIALS, "client_id": client_id})
        _refused(answer, "invalid_client", 401)
        assert answer.headers["www-authenticate"].startswith("Basic ")
    # A client with a secret is not the public one.
    _refused(await oauth.token(**CREDENTIALS, client_secret="x"), "invalid_client", 401)


async def test_a_public_client_by_basic(oauth: OAuth) -> None:
    fields = {name: CREDENTIALS[name] for name in ("grant_type", "username", "password")}
    assert (await oauth.http.post(TOKEN, data=fields, auth=("lightbox", ""))).status_code == 200
    _refused(await oauth.http.post(TOKEN, data=fields, auth=("lightbox", "x")), "invalid_client", 401)


async def test_a_client_that_does_not_name_itself(oauth: OAuth, service: WithState) -> None:
    """As FastAPI's tutorials sign in, and as the button of Swagger UI does, by a Basic header with nothing in it."""
    fields = {name: CREDENTIALS[name] for name in ("grant_type", "username", "password")}
    button = {"Authorization": f"Basic {base64.b64encode(b':').decode()}"}
    for more, headers in (({}, {}), ({"client_id": "", "client_secret": ""}, {}), ({"scope": ""}, button)):
        answer = await oauth.http.post(TOKEN, data=fields | more, headers=headers)
        assert answer.status_code == 200, answer.text
        assert jwt.get_unverified_claims(answer.json()["access_token"])["client_id"] == "lightbox"
        refresh = {"grant_type": "refresh_token", "refresh_token": answer.json()["refresh_token"]}
        assert (await oauth.http.post(TOKEN, data=refresh)).status_code == 200
    signed_in = await audited(service.state["database"], "signed-in")
    assert [entry[3]["client"] for entry in signed_in] == ["lightbox"] * 3


async def test_what_takes_a_named_client(oauth: OAuth, make_settings: MakeSettings) -> None:
    fields = {name: CREDENTIALS[name] for name in ("grant_type", "username", "password")}
    _refused(await oauth.http.post(TOKEN, data={"grant_type": "client_credentials"}), "invalid_client", 401)
    _refused(await oauth.http.post(TOKEN, data={**fields, "client_secret": "x"}), "invalid_client", 401)
    _refused(await oauth.http.post(TOKEN, data=fields, auth=("", "x")), "invalid_client", 401)
    _refused(await oauth.http.post(TOKEN, data={}), "invalid_request")
    async with running(create_app(make_settings(oauth_clients="viewer"))) as app, client_of(app) as http:
        _refused(await http.post(TOKEN, data=fields), "invalid_client", 401)


# --- bodies


async def _post(oauth: OAuth, content: bytes, media_type: str = FORM) -> httpx.Response:
    return await oauth.http.post(TOKEN, content=content, headers={"Content-Type": media_type} if media_type else {})


GOOD = b"grant_type=password&client_id=lightbox&username=ada&password=correct+horse"

MALFORMED: dict[str, tuple[bytes, str]] = {
    "repeated": (GOOD + b"&username=ada", FORM),
    "repeated, empty": (GOOD + b"&scope=&scope=", FORM),
    "repeated client": (GOOD + b"&client_id=lightbox", FORM),
    "repeated, unknown": (GOOD + b"&a=1&a=2", FORM),
    "repeated grant type": (b"grant_type=refresh_token&" + GOOD, FORM),
    "NUL": (GOOD.replace(b"ada", b"a%00da"), FORM),
    "NUL in a name": (GOOD + b"&a%00=1", FORM),
    "raw NUL": (GOOD + b"\0", FORM),
    "not UTF-8": (GOOD.replace(b"ada", b"%ff"), FORM),
    "raw bytes": (GOOD + b"\xff\xfe", FORM),
    "many": (GOOD + b"&" + b"&".join(b"a%d=1" % n for n in range(200)), FORM),
    "long password": (GOOD + b"x" * 10_000, FORM),
    "JSON": (b'{"grant_type": "password", "client_id": "lightbox", "username": "ada"}', "application/json"),
    "JSON as a form": (b'{"grant_type": "password"}', "application/json; charset=utf-8"),
    "multipart": (b"--x--", "multipart/form-data; boundary=x"),
    "other charset": (GOOD, f"{FORM}; charset=utf-16"),
    "no type": (GOOD, ""),
    "nothing": (b"", ""),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_malformed(oauth: OAuth, name: str) -> None:
    content, media_type = MALFORMED[name]
    _refused(await _post(oauth, content, media_type), "invalid_request")


async def test_well_formed(oauth: OAuth) -> None:
    assert (await _post(oauth, GOOD, f"{FORM}; charset=UTF-8")).status_code == 200
    assert (await oauth.http.post(TOKEN + "/", content=GOOD, headers={"Content-Type": FORM})).status_code == 200


async def test_too_large(oauth: OAuth) -> None:
    _refused(await _post(oauth, GOOD + b"x" * 100_000), "invalid_request", 413)


@pytest.mark.parametrize("path", [TOKEN, REVOKE, INTROSPECT])
async def test_other_methods(oauth: OAuth, path: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = await oauth.http.request(method, path, params=CREDENTIALS)
        _refused(answer, "invalid_request", 405)
        assert answer.headers["allow"] == "POST"


async def test_the_query_does_not_count(oauth: OAuth) -> None:
    answer = await oauth.http.post(TOKEN, params=CREDENTIALS, data={"client_id": "lightbox"})
    _refused(answer, "invalid_request")


async def test_a_description_has_no_forbidden_character(oauth: OAuth) -> None:
    answer = await oauth.http.post(TOKEN + '/"\\\u00e9', data=CREDENTIALS)
    _refused(answer, "invalid_request", 404)


# --- services


async def test_a_service(oauth: OAuth, service: WithState) -> None:
    answer = await oauth.http.post(TOKEN, data={"grant_type": "client_credentials"}, auth=("gateway", "the gateway's"))
    assert answer.status_code == 200
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    body = answer.json()
    assert body == {"access_token": body["access_token"], "token_type": "Bearer", "expires_in": 900}
    claims = jwt.get_unverified_claims(body["access_token"])
    assert (claims["sub"], claims["client_id"], claims["iss"]) == ("service:gateway", "gateway", ISSUER)
    principal = await service.state["services"].tokens.verify(body["access_token"])
    assert (principal.service, principal.account_id) == ("gateway", None)
    assert await audited(service.state["database"], "signed-in") == []


async def test_the_client_of_the_kit(oauth: OAuth) -> None:
    tokens = ServiceTokens(oauth.http, service="inference-service", secret="with:colons")
    token = await tokens.get()
    assert await tokens.get() == token
    assert (await oauth.http.get("/internal/accounts/1", headers=bearer(token))).status_code == 200


async def test_the_former_path_is_gone(client: httpx.AsyncClient) -> None:
    assert (await client.post("/internal/service-token", auth=("gateway", "the gateway's"))).status_code == 404


async def test_a_service_has_no_scope(oauth: OAuth) -> None:
    fields = {"grant_type": "client_credentials", "scope": "read"}
    _refused(await oauth.http.post(TOKEN, data=fields, auth=SERVICE), "invalid_scope")


def _basic(text: str | bytes) -> str:
    return "Basic " + base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


SECRETS = "gateway:a:b%2Bc+d é,inference-service:with:colons"


@pytest.fixture
async def spelling(make_settings: MakeSettings) -> AsyncIterator[httpx.AsyncClient]:
    async with running(create_app(make_settings(service_secrets=SECRETS))) as app, client_of(app) as client:
        yield client


async def test_secrets_in_every_spelling(spelling: httpx.AsyncClient) -> None:
    """The secret `a:b%2Bc+d é`, encoded as RFC 6749 section 2.3.1 says, and as it is."""
    grant = {"grant_type": "client_credentials"}
    good = ("gateway:a%3Ab%252Bc%2Bd+%C3%A9", "gateway:a%3ab%252Bc%2bd%20%c3%a9", "gateway:a:b%2Bc+d é")
    for text in good:
        answer = await spelling.post(TOKEN, data=grant, headers={"Authorization": _basic(text)})
        assert (text, answer.status_code) == (text, 200)
    in_body = {**grant, "client_id": "gateway", "client_secret": "a:b%2Bc+d é"}
    assert (await spelling.post(TOKEN, data=in_body)).status_code == 200
    # In the body the secret is not encoded a second time.
    in_body["client_secret"] = "a%3Ab%252Bc%2Bd+%C3%A9"
    assert (await spelling.post(TOKEN, data=in_body)).status_code == 401


WRONG_CREDENTIALS = (
    "Basic",
    "Basic !!!",
    "Basic gateway",
    "Basic \xff",
    _basic("gateway"),
    _basic("gateway:"),
    _basic("gateway:wrong"),
    _basic("gateway:with:colons"),
    _basic("gateway:%ff%00"),
    _basic("nobody:the gateway's"),
    _basic("account:3:" + "x" * 10_000),
    _basic(":"),
    _basic("\0:\0"),
    _basic(b"\xff:\xfe"),
)


async def test_wrong_credentials_of_services(oauth: OAuth) -> None:
    for header in WRONG_CREDENTIALS:
        sent = {b"Authorization": header.encode("latin-1")}
        for path in (TOKEN, REVOKE, INTROSPECT):
            answer = await oauth.http.post(path, data={"grant_type": "client_credentials", "token": "x"}, headers=sent)
            _refused(answer, "invalid_client", 401)
            assert answer.headers["www-authenticate"] == 'Basic realm="lightbox", charset="UTF-8"'


async def test_two_ways_at_once(oauth: OAuth) -> None:
    grant = {"grant_type": "client_credentials"}
    for more in (
        {"client_secret": "with:colons"},
        {"client_id": "inference-service", "client_secret": "with:colons"},
        {"client_id": "lightbox"},
    ):
        _refused(await oauth.http.post(TOKEN, data=grant | more, auth=SERVICE), "invalid_request")
    # The name alone is not a second way to authenticate.
    same = grant | {"client_id": "inference-service"}
    assert (await oauth.http.post(TOKEN, data=same, auth=SERVICE)).status_code == 200


@pytest.mark.parametrize("clients", ["api-key", "gateway", "a b", "lightbox,é", "x" * 65])
def test_client_ids_that_are_not_allowed(make_settings: MakeSettings, clients: str) -> None:
    with pytest.raises(ValidationError):
        make_settings(oauth_clients=clients)


async def test_while_the_database_is_down(oauth: OAuth, service: WithState) -> None:
    down = Database("postgresql://nobody@127.0.0.1:1/nothing")
    services = services_of(service)
    grants = Grants(down, services.logins, services.sessions, services.issuer)
    service.state = {**service.state, "services": replace(services, grants=grants)}
    answer = await oauth.refresh("lbr_" + "x" * 43)
    await down.dispose()
    _refused(answer, "temporarily_unavailable", 503)
    assert answer.headers["retry-after"] == "1"


async def test_the_document(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    [(media_type, content)] = document["paths"][TOKEN]["post"]["requestBody"]["content"].items()
    grants = {
        name: document["components"]["schemas"][reference.rpartition("/")[2]]
        for name, reference in content["schema"]["discriminator"]["mapping"].items()
    }
    assert media_type == FORM
    assert {name: set(grant["required"]) for name, grant in grants.items()} == {
        "authorization_code": {"grant_type", "code", "redirect_uri", "code_verifier"},
        "password": {"grant_type", "username", "password"},
        "refresh_token": {"grant_type", "refresh_token"},
        "client_credentials": {"grant_type"},
    }
    assert all(grant["properties"].keys() >= {"client_id", "client_secret"} for grant in grants.values())
    assert {name for name, grant in grants.items() if "scope" in grant["properties"]} == grants.keys() - {
        "authorization_code"
    }
