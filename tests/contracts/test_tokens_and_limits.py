"""Forged tokens, and the limits that protect the platform, through the gateway with its default settings."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from jose import jwk, jwt
from support import pictures
from support.running import SignUp, running_platform

INVALID = {"detail": "Invalid token."}


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def hs256(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """A token signed without a library, since libraries refuse to sign with a public key."""
    signed = f"{encoded(header)}.{encoded(claims)}"
    mac = HMAC(secret, SHA256())
    mac.update(signed.encode())
    return f"{signed}.{base64.urlsafe_b64encode(mac.finalize()).decode().rstrip('=')}"


def refused(http: httpx.Client, token: str) -> None:
    answer = http.get("/api/chexray/user/", headers={"Authorization": f"Token {token}"})
    assert (answer.status_code, answer.json()) == (401, INVALID), token[:80]


def test_forged_tokens(http: httpx.Client, sign_up: SignUp) -> None:
    good = sign_up()[1]
    header, claims = jwt.get_unverified_header(good), jwt.get_unverified_claims(good)
    own_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = own_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    body, signature = good.rsplit(".", 1)
    admin = {**claims, "authority": 101}

    refused(http, f"{encoded({**header, 'alg': 'none'})}.{encoded(claims)}.")
    refused(http, f"{encoded({**header, 'alg': 'none'})}.{encoded(claims)}.{signature}")
    refused(http, f"{encoded(header)}.{encoded(admin)}.{signature}")
    refused(http, body + ".")
    refused(http, jwt.encode(admin, pem, "RS256", headers=header))
    refused(http, jwt.encode(admin, pem, "RS256", headers={**header, "kid": "unknown"}))
    refused(http, jwt.encode({**claims, "iss": "another issuer"}, pem, "RS256", headers=header))
    refused(http, jwt.encode({**claims, "exp": int(time.time()) - 60}, pem, "RS256", headers=header))

    document = http.get("/.well-known/jwks.json").json()
    public = next(key for key in document["keys"] if key["kid"] == header["kid"])
    public_pem = jwk.construct(public, "RS256").to_pem()
    loaded = serialization.load_pem_public_key(public_pem)
    der = loaded.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    for secret in (public_pem, der, json.dumps(public).encode()):
        refused(http, hs256({**header, "alg": "HS256"}, admin, secret))
    assert http.get("/api/chexray/user/", headers={"Authorization": f"Token {good}"}).status_code == 200


def test_a_token_of_a_megabyte(http: httpx.Client) -> None:
    answer = http.get("/api/chexray/user/", headers={"Authorization": "Token " + "x" * 1_000_000})
    assert 400 <= answer.status_code < 500


@pytest.fixture(scope="module")
def protected() -> Iterator[str]:
    """A platform with the default limits."""
    with running_platform() as platform:
        yield platform.url


def test_two_hundred_signups_a_minute_from_one_address(protected: str) -> None:
    with httpx.Client(base_url=protected, timeout=60) as http:
        answers = [
            http.post("/api/chexray/signup/", json={"username": f"many-{number}", "password": "pw"})
            for number in range(200)
        ]
    codes = [answer.status_code for answer in answers]
    assert set(codes) == {200, 429}
    assert codes.count(200) <= 2 * 60  # a window may end in between
    last = answers[-1]
    assert last.headers["content-type"].startswith("application/problem+json")
    assert 0 < int(last.headers["retry-after"]) <= 60
    assert last.headers["ratelimit-policy"].startswith('"sign-in"')


def test_the_open_endpoint_is_limited(protected: str) -> None:
    with httpx.Client(base_url=protected, timeout=60) as http:
        answers = [
            http.post("/api/chexray/anonupload/", data={"title": ""}, files={"image": ("x.png", pictures.png())})
            for _ in range(40)
        ]
    assert {answer.status_code for answer in answers} == {201, 429}
    assert "retry-after" in answers[-1].headers
