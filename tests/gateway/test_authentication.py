"""Tokens, and who may call."""

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from typing import Any

from jose import jwt
from jose.utils import base64url_encode
from support.gateway import Key, Platform, Start, raw, until

from lightbox_shared.auth.principal import Authority

REQUIRED = "/api/predictions"
CHEXRAY = "/api/chexray/user/"
PUBLIC = "/api/models"
OPTIONAL = "/accounts"
ADMIN = "/api/audit"


def test_three_notations_become_one(platform: Platform) -> None:
    token = platform.key.token()
    for headers in (
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"Token {token}"},
        {"Authorization": f"bearer  {token}"},
        {"Cookie": f"theme=dark; lightbox_session={token}; lang=de"},
    ):
        assert platform.http.get(REQUIRED, headers=headers).status_code == 200
        assert platform.service.last.headers["authorization"] == f"Bearer {token}"
    assert platform.service.last.headers["cookie"] == "theme=dark; lang=de"


def test_the_header_counts_where_both_are_there(platform: Platform) -> None:
    good, other = platform.key.token(), platform.key.token(jti="other")
    cookie = {"Cookie": f"lightbox_session={other}"}
    platform.http.get(REQUIRED, headers={"Authorization": f"Token {good}", **cookie})
    assert platform.service.last.headers["authorization"] == f"Bearer {good}"
    assert "cookie" not in platform.service.last.headers
    assert platform.http.get(REQUIRED, headers={"Authorization": "Token nonsense", **cookie}).status_code == 401


def test_public_paths_do_not_look_at_tokens_and_pass_none_on(platform: Platform) -> None:
    for headers in (
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Token x"},
        {"Cookie": "lightbox_session=x"},
    ):
        assert platform.http.get(PUBLIC, headers=headers).status_code == 200
        assert not {"authorization", "cookie"} & platform.service.last.headers.keys()
    platform.http.get(PUBLIC, headers={"Authorization": "Basic dTpw", "Cookie": "a=1"})
    assert platform.service.last.headers["authorization"] == "Basic dTpw"
    assert platform.service.last.headers["cookie"] == "a=1"


def test_the_answer_to_a_missing_or_bad_token(platform: Platform) -> None:
    missing = platform.http.get(CHEXRAY)
    assert (missing.status_code, missing.json()) == (401, {"detail": "Authentication credentials were not provided."})
    assert missing.headers["www-authenticate"] == "Token"
    bad = platform.http.get(CHEXRAY, headers={"Authorization": "Token x"})
    assert (bad.status_code, bad.json()) == (401, {"detail": "Invalid token."})
    assert bad.headers["www-authenticate"] == "Token"
    ours = platform.http.get(REQUIRED)
    assert ours.headers["content-type"] == "application/problem+json"
    assert ours.headers["www-authenticate"] == "Bearer"
    assert platform.http.get(REQUIRED, headers={"Authorization": "Basic dTpw"}).status_code == 401
    assert platform.service.seen == []


def test_optional_paths_refuse_bad_tokens_only(platform: Platform) -> None:
    assert platform.http.post(OPTIONAL).status_code == 200
    assert platform.http.post(OPTIONAL, headers=platform.bearer).status_code == 200
    assert platform.http.post(OPTIONAL, headers={"Authorization": "Bearer x"}).json() == {"message": "用户未登录"}


def test_administrators_only(platform: Platform) -> None:
    assert platform.http.post(ADMIN).status_code == 401
    assert platform.http.post(ADMIN, headers=platform.bearer).status_code == 403
    admin = platform.key.token(authority=int(Authority.ADMIN))
    assert platform.http.post(ADMIN, headers={"Authorization": f"Bearer {admin}"}).status_code == 200


def _unsigned(claims: dict[str, Any], **header: Any) -> str:
    head = base64url_encode(json.dumps({"typ": "at+jwt", "kid": "test-key", **header}).encode())
    return b".".join((head, base64url_encode(json.dumps(claims).encode()), b"")).decode()


def _forged(key: Key, secret: bytes) -> str:
    """HS256 with the public key as the secret (RFC 8725 section 2.1)."""
    head, claims, _ = _unsigned(jwt.get_unverified_claims(key.token()), alg="HS256").split(".")
    signature = hmac.new(secret, f"{head}.{claims}".encode(), hashlib.sha256).digest()
    return f"{head}.{claims}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_tokens_that_are_not_ours(platform: Platform) -> None:
    key, now = platform.key, int(time.time())
    claims = jwt.get_unverified_claims(key.token())
    good = key.token()
    bad = {
        "expired": key.token(exp=now - 60),
        "other issuer": key.token(iss="elsewhere"),
        "other audience": key.token(aud="elsewhere"),
        "not yet": key.token(nbf=now + 600),
        "no expiry": key.token(without="exp"),
        "no session": key.token(without="sid"),
        "no subject": key.token(without="sub"),
        "plain subject": key.token(sub="7"),
        "other type": key.token(headers={"typ": "JWT"}),
        "alg none": _unsigned(claims, alg="none"),
        "alg None": _unsigned(claims, alg="None"),
        "no alg": _unsigned(claims),
        "HS256 with our PEM": _forged(key, key.public_pem),
        "HS256 with our DER": _forged(key, key.public_der),
        "another key under our kid": Key().token(),
        "signature cut": good[:-8],
        "no signature": good.rsplit(".", 1)[0] + ".",
        "changed": good.replace(".", ".eyJ", 1),
        "not a token": "x.y.z",
        "deep": base64url_encode(b"[" * 3000).decode() + ".e30.x",
        "empty": "",
        "large": "x" * 9000,
        "a service's": key.token(sub="service:inference-service"),
    }
    for what, token in bad.items():
        response = platform.http.get(REQUIRED, headers={"Authorization": f"Bearer {token}".strip()})
        assert (response.status_code, response.json()["detail"]) == (401, "Invalid token."), what
    assert platform.http.get(REQUIRED, headers={b"Authorization": "Bearer tök".encode()}).status_code == 401
    assert platform.service.seen == []


def test_two_authorization_headers(platform: Platform) -> None:
    headers = [("Authorization", "Bearer a"), ("Authorization", "Bearer b")]
    assert platform.http.get(PUBLIC, headers=headers).status_code == 400
    assert platform.service.seen == []


def test_an_unknown_key_is_looked_for_at_most_once_a_minute(platform: Platform) -> None:
    assert platform.http.get(REQUIRED, headers=platform.bearer).status_code == 200
    assert platform.auth.jwks_calls == 1
    stranger = Key("stranger")
    for number in range(5):
        headers = {"Authorization": f"Bearer {stranger.token(jti=str(number))}"}
        assert platform.http.get(REQUIRED, headers=headers).status_code == 401
    assert platform.auth.jwks_calls == 1


def test_tokens_are_checked_while_auth_service_is_down(platform: Platform) -> None:
    assert platform.http.get(REQUIRED, headers=platform.bearer).status_code == 200
    platform.auth.down = True
    fresh = platform.key.token(jti="made while it was down")
    assert platform.http.get(REQUIRED, headers={"Authorization": f"Bearer {fresh}"}).status_code == 200


def test_without_any_key_the_answer_is_try_again(start: Start) -> None:
    platform = start(auth_service_url="http://127.0.0.1:9")
    response = platform.http.get(REQUIRED, headers=platform.bearer)
    assert response.status_code == 503
    assert "retry-after" in response.headers
    assert platform.http.get(PUBLIC, headers=platform.bearer).status_code == 200


async def test_a_revoked_session_is_refused_after_a_poll(platform: Platform) -> None:
    async with platform.client() as http:
        headers = platform.bearer
        assert (await http.get(REQUIRED, headers=headers)).status_code == 200
        platform.auth.revoke(5)
        polls = len(platform.auth.polls)
        await until(lambda: len(platform.auth.polls) >= polls + 3)
        refused = await http.get(REQUIRED, headers=headers)
        assert (refused.status_code, refused.json()["detail"]) == (401, "Invalid token.")
        other = {"Authorization": f"Bearer {platform.key.token(sid=6)}"}
        assert (await http.get(REQUIRED, headers=other)).status_code == 200
        platform.auth.down = True
        assert (await http.get(REQUIRED, headers=headers)).status_code == 401


async def test_headers_without_end_are_refused(platform: Platform) -> None:
    head = b"GET /api/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "
    received = await raw(platform.port, head + b"x" * 1_000_000 + b"\r\n\r\n")
    assert received[9:12] in {b"431", b"400"}
    assert platform.service.seen == []
