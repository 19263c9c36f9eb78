"""The metadata, as Authlib's validators read it (RFC 8414, RFC 9207, OpenID Connect Discovery, RP-Initiated Logout)."""

from typing import Any

import httpx
import pytest
from authlib.oauth2 import rfc8414, rfc9207
from authlib.oidc import rpinitiated
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url
from support.asgi import client_of, running
from support.auth_service import MakeSettings

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
