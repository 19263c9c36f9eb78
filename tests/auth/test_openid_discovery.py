"""The metadata, as Authlib's validators read it (RFC 8414, RFC 9207, OpenID Connect Discovery, RP-Initiated Logout)."""

from typing import Any

import httpx
import pytest
from authlib.oauth2 import rfc8414, rfc9207
from authlib.oidc import rpinitiated
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url
from jose import jwt
from support.asgi import client_of, running
from support.auth_service import MakeSettings
from support.oauth import ISSUER, SERVICE, TOKEN

from auth_service.app import create_app

PUBLIC_URL = "https://lab.example"


@pytest.fixture
async def documents(make_settings: MakeSettings) -> list[dict[str, Any]]:
    """Both places of the document."""
    async with running(create_app(make_settings(public_url=PUBLIC_URL))) as app, client_of(app) as http:
        paths = [rfc8414.get_well_known_url(PUBLIC_URL), get_well_known_url(PUBLIC_URL)]
        answers = [await http.get(path) for path in paths]
        assert all(each.headers["cache-control"] == "public, max-age=3600" for each in answers)
        return [answer.json() for answer in answers]


async def test_it_is_what_the_standards_say(documents: list[dict[str, Any]]) -> None:
    oauth, openid = documents
    assert oauth == openid
    more = [rfc9207.AuthorizationServerMetadata, rpinitiated.OpenIDProviderMetadata]
    rfc8414.AuthorizationServerMetadata(oauth).validate(metadata_classes=[rfc9207.AuthorizationServerMetadata])
    OpenIDProviderMetadata(openid).validate(metadata_classes=more)
    assert openid["issuer"] == PUBLIC_URL


@pytest.mark.parametrize("member", ["issuer", "jwks_uri", "subject_types_supported", "response_types_supported"])
async def test_the_validators_see_what_is_missing(documents: list[dict[str, Any]], member: str) -> None:
    broken = {name: value for name, value in documents[1].items() if name != member}
    with pytest.raises(ValueError, match=member):
        OpenIDProviderMetadata(broken).validate()


async def test_without_a_public_url_nobody_may_keep_it(client: httpx.AsyncClient) -> None:
    for host in ("lab.example", "evil.example"):
        answer = await client.get("/.well-known/openid-configuration", headers={"X-Forwarded-Host": host})
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["authorization_endpoint"] == f"http://{host}/oauth/authorize"


async def test_metadata(make_settings: MakeSettings, client: httpx.AsyncClient) -> None:
    answer = await client.get("/.well-known/oauth-authorization-server", headers={"X-Forwarded-Host": "lab.example"})
    base = "http://lab.example"
    assert answer.headers["cache-control"] == "no-store"  # the addresses are those of a Host that anybody can choose
    assert answer.json() == {
        "issuer": ISSUER,
        "authorization_endpoint": f"{base}/oauth/authorize",
        "token_endpoint": f"{base}/oauth/token",
        "userinfo_endpoint": f"{base}/oauth/userinfo",
        "end_session_endpoint": f"{base}/oauth/logout",
        "jwks_uri": f"{base}/.well-known/jwks.json",
        "revocation_endpoint": f"{base}/oauth/revoke",
        "introspection_endpoint": f"{base}/oauth/introspect",
        "scopes_supported": ["openid", "profile", "email", "predict", "collect", "annotate", "hub", "read", "account"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "password", "refresh_token", "client_credentials"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claims_supported": [
            *["iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid", "sub", "name", "preferred_username"],
            *["nickname", "picture", "updated_at", "email"],
        ],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "ui_locales_supported": ["en", "zh"],
    }
    public = create_app(make_settings(public_url="https://lab.example/lightbox/"))
    async with running(public) as app, client_of(app) as other:
        answer = await other.get(
            "/.well-known/oauth-authorization-server", headers={"X-Forwarded-Host": "evil.example"}
        )
        body = answer.json()
        fields = {"grant_type": "client_credentials"}
        token = (await other.post(TOKEN, data=fields, auth=SERVICE)).json()["access_token"]
    assert body["issuer"] == jwt.get_unverified_claims(token)["iss"] == "https://lab.example/lightbox"
    assert body["token_endpoint"] == "https://lab.example/lightbox/oauth/token"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert "evil" not in answer.text
