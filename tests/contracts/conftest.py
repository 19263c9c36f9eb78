"""One platform for all contract tests. Like clients they use only the address of the gateway.

The limits of sign-ups, failed logins and the open endpoint are raised, since all tests have the same address. The
limits themselves are tested in `test_tokens_and_limits.py` on a platform with the defaults.
"""

import itertools
from collections.abc import Iterator
from functools import partial

import httpx
import pytest
from support.onedrive import GraphServer
from support.running import SignUp, new_account, running_platform
from support.yelda_client import PASSWORD, Headers, Make, authorize, bearer

from lightbox.run.platform import Platform


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    raised = {"LIGHTBOX_FAILED_LOGINS_PER_ADDRESS": "off", "LIGHTBOX_FAILED_LOGINS_PER_ACCOUNT": "100"}
    raised |= {"LIGHTBOX_ANONYMOUS_PICTURES_PER_DAY": "0", "LIGHTBOX_ANONYMOUS_BYTES_PER_DAY": "0"}
    with running_platform(LIGHTBOX_RATE_SIGN_IN="off", LIGHTBOX_RATE_OPEN="off", **raised) as running:
        yield running


@pytest.fixture(scope="session")
def closed_platform() -> Iterator[Platform]:
    """A platform as in production: only administrators create accounts, the platform does not reveal which accounts
    exist, and the collection requires keys."""
    settings = {"LIGHTBOX_SELF_REGISTRATION": "false", "LIGHTBOX_HIDE_ACCOUNTS": "true"}
    with running_platform(LIGHTBOX_COLLECTION_ACCESS="keys", **settings) as running:
        yield running


@pytest.fixture(scope="session")
def graph() -> Iterator[GraphServer]:
    """A Graph server, for the platform whose drive is OneDrive."""
    server = GraphServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def onedrive_platform(graph: GraphServer) -> Iterator[Platform]:
    settings = {f"LIGHTBOX_{name.upper()}": value for name, value in graph.settings.items()}
    with running_platform(LIGHTBOX_RATE_SIGN_IN="off", **settings) as running:
        yield running


@pytest.fixture(scope="session")
def admin_password(platform: Platform) -> str:
    """The password of the administrator, which the first start has written to a file."""
    return (platform.data_dir / "admin-password").read_text().strip()


@pytest.fixture
def http(platform: Platform) -> Iterator[httpx.Client]:
    """A client that does not follow redirects, since none may be necessary."""
    with httpx.Client(base_url=platform.url, timeout=60) as client:
        yield client


_numbers = itertools.count(1)


@pytest.fixture
def sign_up(http: httpx.Client) -> SignUp:
    return partial(new_account, http)


@pytest.fixture(params=["", "/api"], ids=["root", "api"])
def prefix(request: pytest.FixtureRequest) -> str:
    """Where TheYelda's resources are; they are the same at both addresses."""
    return str(request.param)


@pytest.fixture
def yelda(platform: Platform, prefix: str) -> Iterator[httpx.Client]:
    """A client of TheYelda at one of its two addresses."""
    with httpx.Client(base_url=platform.url + prefix, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def admin(platform: Platform, admin_password: str) -> Headers:
    """The header with a token of the administrator."""
    body = {"username": "admin", "password": admin_password}
    answer = httpx.post(platform.url + "/authorization", json=body, timeout=60)
    assert answer.status_code == 201, answer.text
    return bearer(answer.json()["access_token"])


@pytest.fixture
def make(http: httpx.Client, admin: Headers) -> Make:
    """A function that creates accounts of TheYelda with the password `PASSWORD`."""

    def made(authority: int = 102) -> tuple[int, str, Headers]:
        name = f"yelda-{next(_numbers)}"
        answer = http.post("/accounts", json={"username": name, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        account_id = answer.json()["account_id"]
        if authority == 100:
            answer = http.post("/api/chexray/login/", json={"username": name, "password": PASSWORD})
            return account_id, name, bearer(answer.json()["token"])
        answer = http.put(f"/accounts/{account_id}", json={"authority": authority}, headers=admin)
        assert answer.status_code == 200, answer.text
        return account_id, name, bearer(authorize(http, name).json()["access_token"])

    return made
