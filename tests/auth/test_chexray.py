"""CheXRay's sign-up and login: every documented answer, in every content type."""

from typing import Any

import httpx
import pytest
from jose import jwt
from support.asgi import client_of, running
from support.auth_service import MakeSettings, SignUp, set_passwords

from auth_service.accounts.usernames import username_key
from auth_service.app import create_app
from lightbox_shared.database import Database
from lightbox_shared.errors import Unavailable

SIGN_UP = "/api/chexray/signup/"
LOG_IN = "/api/chexray/login/"
WRONG = {"non_field_errors": ["Unable to log in with provided credentials."]}
TAKEN = {"username": "A user with that username already exists"}
REQUIRED = "This field is required."
BLANK = "This field may not be blank."
RULE = "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."


def _as(kind: str, fields: dict[str, str]) -> dict[str, Any]:
    match kind:
        case "json":
            return {"json": fields}
        case "urlencoded":
            return {"data": fields}
        case _:
            return {"files": {name: (None, value) for name, value in fields.items()}}


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("kind", ["json", "urlencoded", "multipart"])
async def test_sign_up_and_log_in(client: httpx.AsyncClient, kind: str, slash: str) -> None:
    fields = {"username": "Zoë.Müller+1@x-ray_lab", "password": " pass wörd 🔑 "}
    answer = await client.post(f"/api/chexray/signup{slash}", **_as(kind, fields | {"password2": fields["password"]}))
    assert answer.status_code == 200
    body = answer.json()
    assert body == {"response": "Successfully Signed Up", "username": fields["username"], "token": body["token"]}
    assert answer.headers["cache-control"] == "no-store"

    answer = await client.post(f"/api/chexray/login{slash}", **_as(kind, fields))
    assert answer.status_code == 200
    body = answer.json()
    assert body == {"userid": 3, "username": fields["username"], "token": body["token"]}
    assert type(body["userid"]) is int
    assert answer.headers["cache-control"] == "no-store"


async def test_a_token_says_who_and_for_how_long(client: httpx.AsyncClient) -> None:
    token = (await client.post(SIGN_UP, json={"username": "ada", "password": "x"})).json()["token"]
    header, claims = jwt.get_unverified_header(token), jwt.get_unverified_claims(token)
    [published] = (await client.get("/.well-known/jwks.json")).json()["keys"]
    assert header == {"alg": "RS256", "kid": published["kid"], "typ": "at+jwt"}
    assert claims.keys() == {"iss", "aud", "sub", "sid", "jti", "client_id", "iat", "exp", "authority"}
    assert (claims["iss"], claims["aud"], claims["sub"]) == ("http://127.0.0.1:8000", "lightbox", "account:3")
    assert (claims["sid"], claims["client_id"], claims["authority"]) == (1, "chexray", 100)
    assert claims["exp"] - claims["iat"] == 30 * 24 * 3600


WRONG_SIGN_UPS: list[tuple[object, object]] = [
    ({}, {"username": REQUIRED, "password": REQUIRED}),
    ({"username": "", "password": ""}, {"username": BLANK, "password": BLANK}),
    ({"username": "  ", "password": " "}, {"username": BLANK}),
    ({"username": "a b", "password": "x"}, {"username": RULE}),
    ({"username": "a/b", "password": "x"}, {"username": RULE}),
    ({"username": "a\nb", "password": "x"}, {"username": RULE}),
    ({"username": "🩻", "password": "x"}, {"username": RULE}),
    ({"username": "\ufdfa", "password": "x"}, {"username": RULE}),
    ({"username": "a" * 151, "password": "x"}, {"username": "Ensure this field has no more than 150 characters."}),
    (
        {"username": "ab", "password": "x" * 1025},
        {"password": "Ensure this field has no more than 1024 characters."},
    ),
    ({"username": 7, "password": True}, {"username": "Not a valid string.", "password": "Not a valid string."}),
    ({"username": ["x"], "password": {}}, {"username": "Not a valid string.", "password": "Not a valid string."}),
    ({"username": None, "password": "x"}, {"username": "This field may not be null."}),
    ({"username": "ab", "password": "x", "password2": "y"}, {"password": "Passwords Must Match"}),
    ({"username": "ab", "password": "x", "password2": ""}, {"password": "Passwords Must Match"}),
    ({"username": "ab", "password": "x", "password2": 1}, {"password2": "Not a valid string."}),
    (
        {"username": "a\0b", "password": "x\0"},
        dict.fromkeys(("username", "password"), "Null characters are not allowed."),
    ),
    ({"username": "ANONYMOUS", "password": "x", "password2": "y"}, TAKEN | {"password": "Passwords Must Match"}),
    ({"username": "anonymous", "password": "x"}, TAKEN),
]


async def test_invalid_sign_ups(client: httpx.AsyncClient) -> None:
    for body, expected in WRONG_SIGN_UPS:
        answer = await client.post(SIGN_UP, json=body)
        assert (body, answer.status_code, answer.json()) == (body, 400, expected)


async def test_an_empty_body_lacks_both_fields(client: httpx.AsyncClient) -> None:
    for path in (SIGN_UP, LOG_IN):
        answer = await client.post(path)
        assert (answer.status_code, answer.json()) == (400, {"username": REQUIRED, "password": REQUIRED})


async def test_the_longest_name_and_password(client: httpx.AsyncClient) -> None:
    fields = {"username": "字" * 150, "password": "🔑" * 1024}
    assert (await client.post(SIGN_UP, json=fields)).status_code == 200
    assert (await client.post(LOG_IN, json=fields)).status_code == 200


async def test_names_that_look_alike_are_one_name(client: httpx.AsyncClient) -> None:
    answer = await client.post(SIGN_UP, json={"username": "Yelda", "password": "first"})
    assert answer.status_code == 200
    for other in ("YELDA", " yelda ", "\uff59\uff45\uff4c\uff44\uff41", "\U0001d4e8elda"):
        answer = await client.post(SIGN_UP, json={"username": other, "password": "second"})
        assert (answer.status_code, answer.json()) == (400, TAKEN)
        answer = await client.post(LOG_IN, json={"username": other, "password": "first"})
        assert answer.json()["username"] == "Yelda"


@pytest.mark.parametrize(
    ("one", "other"),
    [("Straße", "STRASSE"), ("ﬁnn", "FINN"), ("ADA", "ada"), ("é", "e\u0301"), ("²", "2"), ("\N{KELVIN SIGN}", "k")],
)
def test_keys_of_names(one: str, other: str) -> None:
    assert username_key(one) == username_key(other)


async def test_a_password_is_the_same_however_it_was_composed(client: httpx.AsyncClient) -> None:
    fields = {"username": "ada", "password": "caf\u00e9", "password2": "cafe\u0301"}
    assert (await client.post(SIGN_UP, json=fields)).status_code == 200
    assert (await client.post(LOG_IN, json={"username": "ada", "password": "cafe\u0301"})).status_code == 200


async def test_wrong_credentials(client: httpx.AsyncClient) -> None:
    await client.post(SIGN_UP, json={"username": "known", "password": "right"})
    for username in ("nobody", "known", "anonymous", "two words", "x" * 5000):
        for password in ("x", "right ", "RIGHT"):
            answer = await client.post(LOG_IN, json={"username": username, "password": password})
            assert (username, answer.status_code, answer.json()) == (username, 400, WRONG)
    answer = await client.post(LOG_IN, json={"username": "anonymous", "password": ""})
    assert (answer.status_code, answer.json()) == (400, {"password": BLANK})


async def test_a_login_never_sends_null_characters_to_the_database(client: httpx.AsyncClient) -> None:
    for field in ("username", "password"):
        answer = await client.post(LOG_IN, json={"username": "x", "password": "x"} | {field: "\0"})
        assert (answer.status_code, answer.json()) == (400, {field: "Null characters are not allowed."})


async def test_the_shortest_password_is_a_setting(make_settings: MakeSettings) -> None:
    for settings in (make_settings(password_min_length=8), make_settings(environment="production")):
        async with running(create_app(settings)) as app, client_of(app) as client:
            answer = await client.post(SIGN_UP, json={"username": "ada", "password": "1234567"})
            expected = {"password": "Ensure this field has at least 8 characters."}
            assert (answer.status_code, answer.json()) == (400, expected)


async def test_other_paths_and_methods_speak_the_same_dialect(client: httpx.AsyncClient) -> None:
    answer = await client.get(SIGN_UP)
    assert (answer.status_code, answer.json()) == (405, {"detail": "Method not allowed."})
    answer = await client.get("/api/chexray/nothing/")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})


async def test_too_many_logins_at_once_are_refused(client: httpx.AsyncClient, sign_up: SignUp, service: Any) -> None:
    class Busy:
        async def verify(self, *_: object) -> None:
            raise Unavailable

    body = await sign_up()
    set_passwords(service, Busy())
    answer = await client.post(LOG_IN, json={"username": body["username"], "password": "correct horse"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_a_failed_commit_is_not_answered_as_a_success(client: httpx.AsyncClient, database: Database) -> None:
    connection = await database.engine.raw_connection()
    try:
        await connection.driver_connection.execute(  # type: ignore[union-attr]
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not today'; END $$;
            CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON sessions DEFERRABLE INITIALLY DEFERRED
              FOR EACH ROW EXECUTE FUNCTION refuse();
            """
        )
    finally:
        connection.close()
    answer = await client.post(SIGN_UP, json={"username": "ada", "password": "x"})
    assert (answer.status_code, answer.json()) == (500, {"detail": "Internal server error."})
    answer = await client.post(LOG_IN, json={"username": "ada", "password": "x"})
    assert (answer.status_code, answer.json()) == (400, WRONG)
