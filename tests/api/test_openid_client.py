"""A web page of somebody else signs a person in, by openid-client: discovery, authorization code with PKCE, consent,
userinfo, refreshing, signing out. The platform is as in production, where no other origin may call."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.api_tools import HERE, node_packages, run
from support.running import running_platform

from lightbox.run.platform import Platform

pytestmark = pytest.mark.api

REDIRECT_URI = "https://reading.example.org/callback"
ORIGIN = "https://reading.example.org"
PASSWORD = "a password of a test"


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """No origin is allowed by the settings: those of the client have to be enough."""
    allowed = {"LIGHTBOX_ALLOWED_ORIGINS": ""}
    with running_platform(LIGHTBOX_RATE_SIGN_IN="off", **allowed) as running:
        yield running


@pytest.mark.parametrize("first_party", [False, True])
def test_a_page_of_somebody_else(platform: Platform, tmp_path: Path, *, first_party: bool) -> None:
    (tmp_path / "node_modules").symlink_to(node_packages())
    script = Path(shutil.copy(HERE / "openid_client.mjs", tmp_path))
    with httpx.Client(base_url=platform.url, timeout=30) as http:
        password = (platform.data_dir / "admin-password").read_text().strip()
        signed_in = http.post("/authorization", json={"username": "admin", "password": password}).json()
        http.cookies.clear()
        http.headers["Authorization"] = f"Bearer {signed_in['access_token']}"
        name = f"reader-{first_party}".lower()
        account = {"username": name, "password": PASSWORD, "authority": 102}
        assert http.post("/accounts", json=account).status_code == 201
        client = {
            "name": "Reading room",
            "redirect_uris": [REDIRECT_URI],
            "post_logout_redirect_uris": [REDIRECT_URI],
            "allowed_origins": [ORIGIN],
            "scopes": ["openid", "profile", "predict"],
            "first_party": first_party,
        }
        made = http.post("/api/oauth/clients", json=client)
        assert made.status_code == 201, made.text
    _wait_for_the_origin(platform)
    arguments = [platform.url, made.json()["client_id"], REDIRECT_URI, name, PASSWORD]
    assert run(["node", script, *arguments], tmp_path) == "signed in and out\n"


def _wait_for_the_origin(platform: Platform) -> None:
    deadline = time.monotonic() + 20
    headers = {"Origin": ORIGIN}
    while "access-control-allow-origin" not in httpx.get(platform.url + "/api/models", headers=headers).headers:
        assert time.monotonic() < deadline
        time.sleep(0.2)
