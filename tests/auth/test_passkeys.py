"""Passkeys, as far as no authenticator is needed; tests/contracts/test_sign_in_page.py has one."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from support.asgi import WithState, client_of, running
from support.auth_service import MakeSettings, bearer, services_of
from support.authenticator import Authenticator
from support.oauth import PASSWORD, TOKEN, audited
from support.openid import make_doctor
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from auth_service.app import create_app
from auth_service.passkeys.ceremonies import verify_authentication, verify_registration
from auth_service.passkeys.errors import NoPasskeysHere, UnusablePasskey, WrongPasskey
from auth_service.passkeys.relying_party import RelyingParty, relying_party
from auth_service.passkeys.schemas import AuthenticationCredential, RegistrationCredential
from lightbox_shared.database import Database

OPTIONS, PASSKEYS, SIGN_IN = "/api/passkeys/options", "/api/passkeys", "/api/passkeys/sign-in"
INSERT = (
    "INSERT INTO passkeys (account_id, credential_id, public_key, sign_count, transports, backed_up, name)"
    " SELECT 3, n::text::bytea, '', 0, '{usb}', false, 'key ' || n FROM generate_series(1, :count) AS n"
)


async def _sign_in(client: httpx.AsyncClient) -> dict[str, str]:
    form = {"grant_type": "password", "username": "ada", "password": PASSWORD}
    return bearer((await client.post(TOKEN, data=form)).json()["access_token"])


@pytest.fixture
async def headers(service: WithState, client: httpx.AsyncClient) -> dict[str, str]:
    await make_doctor(services_of(service))
    return await _sign_in(client)


async def _do(database: Database, statement: str, **values: Any) -> None:
    async with database.writing() as session:
        await session.execute(text(statement), values)


def _client_data(kind: str, challenge: str, origin: str = "http://testserver") -> str:
    data = {"type": f"webauthn.{kind}", "challenge": challenge, "origin": origin, "crossOrigin": False}
    return bytes_to_base64url(json.dumps(data).encode())


def _answer(challenge: str, **changes: Any) -> dict[str, Any]:
    response = {"clientDataJSON": _client_data("get", challenge), "authenticatorData": "AAAA", "signature": "AAAA"}
    return {"credential": {"id": "MQ", "rawId": "MQ", "type": "public-key", "response": response | changes}}


def _new(challenge: str) -> dict[str, Any]:
    response = {"clientDataJSON": _client_data("create", challenge), "attestationObject": "AAAA"}
    credential = {"id": "MQ", "rawId": "MQ", "type": "public-key", "response": response}
    return {"name": "key", "credential": credential}


async def _challenge(client: httpx.AsyncClient) -> str:
    options = (await client.post(f"{SIGN_IN}/options")).json()["publicKey"]
    return str(options["challenge"])


async def test_options_for_a_new_one(client: httpx.AsyncClient, headers: dict[str, str], database: Database) -> None:
    await _do(database, INSERT, count=2)
    answers = [await client.post(OPTIONS, headers=headers) for _ in range(2)]
    assert answers[0].headers["cache-control"] == "no-store"
    first, second = (answer.json()["publicKey"] for answer in answers)
    assert first["rp"] == {"id": "testserver", "name": "Lightbox"}
    assert first["authenticatorSelection"] == {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    assert first["attestation"] == "none"
    assert {each["alg"] for each in first["pubKeyCredParams"]} == {-7, -8, -257}
    assert [each["id"] for each in first["excludeCredentials"]] == [bytes_to_base64url(each) for each in (b"2", b"1")]
    assert first["challenge"] != second["challenge"]
    assert first["user"] == second["user"]
    assert first["user"]["name"] == "ada"
    assert "ada" not in first["user"]["id"]
    assert len(first["challenge"]) == 43


async def test_options_for_a_sign_in_name_nobody(client: httpx.AsyncClient) -> None:
    options = (await client.post(f"{SIGN_IN}/options")).json()["publicKey"]
    assert (options["rpId"], options["allowCredentials"], options["userVerification"]) == ("testserver", [], "required")


async def test_adding_one_takes_a_fresh_sign_in(
    client: httpx.AsyncClient, headers: dict[str, str], database: Database
) -> None:
    options = (await client.post(OPTIONS, headers=headers)).json()["publicKey"]
    await _do(database, "UPDATE sessions SET created_at = created_at - interval '11 minutes'")
    for path, body in ((OPTIONS, None), (PASSKEYS, _new(options["challenge"]))):
        answer = await client.post(path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/sign-in-too-old")
    assert (await client.post(OPTIONS, headers=await _sign_in(client))).status_code == 200


async def _register(client: httpx.AsyncClient, headers: dict[str, str], made: Authenticator) -> httpx.Response:
    options = (await client.post(OPTIONS, headers=headers)).json()["publicKey"]
    body = {"name": "key", "credential": made.create(options)}
    return await client.post(PASSKEYS, json=body, headers=headers)


async def _use(client: httpx.AsyncClient, made: Authenticator) -> httpx.Response:
    options = (await client.post(f"{SIGN_IN}/options")).json()["publicKey"]
    return await client.post(SIGN_IN, json={"credential": made.get(options)})


async def test_a_new_name_is_in_the_audit_trail(
    client: httpx.AsyncClient, headers: dict[str, str], database: Database
) -> None:
    passkey_id = (await _register(client, headers, Authenticator())).json()["id"]
    answer = await client.patch(f"{PASSKEYS}/{passkey_id}", json={"name": "my phone"}, headers=headers)
    assert answer.json()["name"] == "my phone"
    entries = await audited(database, "passkey-renamed")
    assert [(entry[1], entry[3]) for entry in entries] == [(3, {"passkey_id": passkey_id})]


async def test_a_sign_in_names_its_user(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """No credential is asked for by its id, so the user handle has to be there (section 7.2, step 6)."""
    made = Authenticator()
    assert (await _register(client, headers, made)).status_code == 201
    assert (await _use(client, made)).json()["account_id"] == 3
    handle, made.user_handle = made.user_handle, None
    answer = await _use(client, made)
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/wrong-passkey")
    made.user_handle = handle
    assert (await _use(client, made)).status_code == 200


@pytest.mark.parametrize("framed", [{"crossOrigin": True}, {"crossOrigin": True, "topOrigin": "https://evil.example"}])
async def test_no_page_within_another_one_uses_them(
    client: httpx.AsyncClient, headers: dict[str, str], framed: dict[str, Any]
) -> None:
    made = Authenticator(client_data=framed)
    answer = await _register(client, headers, made)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/unusable-passkey")
    made.client_data = {"crossOrigin": False}
    assert (await _register(client, headers, made)).status_code == 201
    made.client_data = framed
    assert (await _use(client, made)).status_code == 401


@pytest.mark.parametrize(("length", "status"), [(1023, 201), (1024, 422)])
async def test_the_id_of_a_credential_has_1023_bytes_at_most(
    client: httpx.AsyncClient, headers: dict[str, str], length: int, status: int
) -> None:
    assert (await _register(client, headers, Authenticator(credential_id=bytes(length)))).status_code == status


async def test_nobody_and_no_scoped_token_manages_them(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    form = {"grant_type": "password", "username": "ada", "password": PASSWORD, "scope": "read"}
    scoped = bearer((await client.post(TOKEN, data=form)).json()["access_token"])
    assert headers
    for method, path in (("POST", OPTIONS), ("POST", PASSKEYS), ("GET", PASSKEYS), ("DELETE", f"{PASSKEYS}/1")):
        body = _new("AAAA") if path == PASSKEYS and method == "POST" else None
        assert (await client.request(method, path, json=body)).status_code == 401
        assert (await client.request(method, path, json=body, headers=scoped)).status_code == 403


async def test_wrong_answers_to_a_registration(
    client: httpx.AsyncClient, headers: dict[str, str], database: Database
) -> None:
    of_sign_in = await _challenge(client)
    first = (await client.post(OPTIONS, headers=headers)).json()["publicKey"]["challenge"]
    expired = (await client.post(OPTIONS, headers=headers)).json()["publicKey"]["challenge"]
    end = "UPDATE passkey_challenges SET expires_at = now() - interval '1 second' WHERE challenge = :one"
    await _do(database, end, one=base64url_to_bytes(expired))
    for challenge in (of_sign_in, expired, "AAAA", "", first):
        answer = await client.post(PASSKEYS, json=_new(challenge), headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/unusable-passkey")
    async with database.reading() as session:
        assert await session.scalar(text("SELECT count(*) FROM passkeys")) == 0


async def test_a_challenge_is_for_one_account_and_one_answer(
    client: httpx.AsyncClient, headers: dict[str, str], database: Database
) -> None:
    """Also where the answer was wrong: it is taken away with the failure."""
    await client.post(OPTIONS, headers=headers)  # which gives the account its user handle
    await _do(database, "DELETE FROM passkey_challenges")
    await _do(database, INSERT, count=1)
    challenge = await _challenge(client)
    count = "SELECT count(*) FROM passkey_challenges"
    for left in (0, 0):
        answer = await client.post(SIGN_IN, json=_answer(challenge))
        assert (answer.status_code, answer.json()["type"]) == (401, "/problems/wrong-passkey")
        async with database.reading() as session:
            assert await session.scalar(text(count)) == left
    of_account = (await client.post(OPTIONS, headers=headers)).json()["publicKey"]["challenge"]
    assert (await client.post(SIGN_IN, json=_answer(of_account))).status_code == 401
    failed = await audited(database, "sign-in-failed")
    assert [entry[3] for entry in failed] == [{"reason": "wrong-passkey"}] * 3


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"credential": {}},
        {"credential": {"id": "MQ", "rawId": "MQ", "type": "public-key", "response": {}}},
        _answer("AAAA", signature="not base64!"),
        _answer("AAAA", signature="A" * 30_000),
        _answer("AAAA") | {"remember": True},
    ],
)
async def test_malformed_answers(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    assert (await client.post(SIGN_IN, json=body)).status_code == 422


@pytest.mark.parametrize(
    "changes",
    [
        {"clientDataJSON": ""},
        {"clientDataJSON": "AAAA"},
        {"clientDataJSON": bytes_to_base64url(b"[]")},
        {"clientDataJSON": bytes_to_base64url(b'{"type": 1}')},
        {"userHandle": "A"},
        {"authenticatorData": ""},
        {"signature": ""},
    ],
)
async def test_answers_without_sense(client: httpx.AsyncClient, changes: dict[str, Any]) -> None:
    answer = await client.post(SIGN_IN, json=_answer(await _challenge(client), **changes))
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/wrong-passkey")


PARTY = RelyingParty("testserver", "http://testserver")
TEXTS = st.text("AQZaz09_-", max_size=60)


@given(TEXTS, TEXTS, TEXTS, TEXTS, st.binary(max_size=80))
def test_whatever_comes_is_a_wrong_passkey(data: str, more: str, signature: str, name: str, key: bytes) -> None:
    response = {"clientDataJSON": _client_data("get", "AAAA"), "authenticatorData": data, "signature": signature}
    credential = AuthenticationCredential.model_validate(
        {"id": name, "rawId": name, "type": "public-key", "response": response}
    )
    with pytest.raises(WrongPasskey):
        verify_authentication(PARTY, credential, b"\0\0\0", key)
    made = RegistrationCredential.model_validate(
        {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "response": {"clientDataJSON": more, "attestationObject": data},
        }
    )
    with pytest.raises(UnusablePasskey):
        verify_registration(PARTY, made, b"\0\0\0")


async def test_guessing_is_slowed_and_owners_are_not(make_settings: MakeSettings) -> None:
    settings = make_settings(failed_logins_per_account=2, failed_logins_per_address=4)
    async with running(create_app(settings)) as app, client_of(app) as http:
        await make_doctor(services_of(app))
        guesser = {"X-Forwarded-For": "192.0.2.1"}
        answers = []
        for number in range(6):
            body = _answer(await _challenge(http))
            body["credential"]["id"] = body["credential"]["rawId"] = bytes_to_base64url(str(number).encode())
            answers.append((await http.post(SIGN_IN, json=body, headers=guesser)).status_code)
        assert answers[0] == 401
        assert answers[-1] == 429  # of the address, whatever the credential
        form = {"grant_type": "password", "username": "ada", "password": PASSWORD}
        other = await http.post(TOKEN, data=form, headers={"X-Forwarded-For": "198.51.100.7"})
        assert other.status_code == 200


async def test_pages_and_names(client: httpx.AsyncClient, headers: dict[str, str], database: Database) -> None:
    await _do(database, INSERT, count=3)
    page = (await client.get(PASSKEYS, params={"limit": 2}, headers=headers)).json()
    assert [each["name"] for each in page["passkeys"]] == ["key 3", "key 2"]
    rest = (await client.get(PASSKEYS, params={"cursor": page["next_cursor"]}, headers=headers)).json()
    assert ([each["name"] for each in rest["passkeys"]], rest["next_cursor"]) == (["key 1"], None)
    path = f"{PASSKEYS}/{page['passkeys'][0]['id']}"
    for name in ("", " ", "a\u202eb", "x" * 101):
        assert (await client.patch(path, json={"name": name}, headers=headers)).status_code == 422
    assert (await client.patch(path, json={"name": " 钥匙 "}, headers=headers)).json()["name"] == "钥匙"


async def test_there_is_a_limit(client: httpx.AsyncClient, headers: dict[str, str], database: Database) -> None:
    await _do(database, INSERT, count=20)
    answer = await client.post(OPTIONS, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/too-many-passkeys")


async def test_the_last_way_to_sign_in_stays(
    client: httpx.AsyncClient, headers: dict[str, str], database: Database
) -> None:
    await _do(database, INSERT, count=2)
    await _do(database, "UPDATE accounts SET password_hash = NULL WHERE id = 3")
    first, last = (await client.get(PASSKEYS, headers=headers)).json()["passkeys"]
    assert (await client.delete(f"{PASSKEYS}/{first['id']}", headers=headers)).status_code == 204
    answer = await client.delete(f"{PASSKEYS}/{last['id']}", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/last-way-to-sign-in")


@pytest.mark.parametrize(
    ("base", "party"),
    [
        ("https://lab.example", ("lab.example", "https://lab.example")),
        ("https://Lab.Example:443/lightbox", ("lab.example", "https://lab.example")),
        ("http://localhost:8000", ("localhost", "http://localhost:8000")),
        ("http://lab.example:80", ("lab.example", "http://lab.example")),
        ("https://lab.example:8443", ("lab.example", "https://lab.example:8443")),
        ("http://127.0.0.1:8000", None),
        ("http://[::1]:8000", None),
    ],
)
def test_the_relying_party_is_the_host(base: str, party: tuple[str, str] | None) -> None:
    if party is None:
        with pytest.raises(NoPasskeysHere):
            relying_party(base)
    else:
        assert relying_party(base) == RelyingParty(*party)


async def test_the_public_url_counts(make_settings: MakeSettings) -> None:
    async with running(create_app(make_settings(public_url="https://lab.example"))) as app, client_of(app) as http:
        answer = await http.post(f"{SIGN_IN}/options", headers={"X-Forwarded-Host": "evil.example"})
        assert answer.json()["publicKey"]["rpId"] == "lab.example"


async def test_a_name_is_no_id(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    for path in (OPTIONS, SIGN_IN, f"{SIGN_IN}/options"):
        for method in ("PATCH", "DELETE"):
            answer = await client.request(method, path, json={"name": "x"}, headers=headers)
            assert answer.status_code == 405, (method, path)
