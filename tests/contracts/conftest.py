"""One platform for all contract tests: they see what a client sees, the gateway's address and nothing else.

The limits on sign-ups and on the open endpoint are raised, since all tests come from one address; that they exist
is tested in `test_limits.py` on a platform with the defaults.
"""

import itertools
from collections.abc import Iterator

import httpx
import pytest
from support.running import SignUp, running_platform

from lightbox.run.platform import Platform


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    with running_platform(LIGHTBOX_RATE_SIGN_IN="off", LIGHTBOX_RATE_OPEN="off") as running:
        yield running


@pytest.fixture
def http(platform: Platform) -> Iterator[httpx.Client]:
    """A client that follows no redirects: none may be needed."""
    with httpx.Client(base_url=platform.url, timeout=60) as client:
        yield client


_numbers = itertools.count(1)


@pytest.fixture
def sign_up(http: httpx.Client) -> SignUp:
    def make() -> tuple[str, str]:
        name = f"person-{next(_numbers)}"
        answer = http.post("/api/chexray/signup/", json={"username": name, "password": "pw", "password2": "pw"})
        assert answer.status_code == 200, answer.text
        return name, answer.json()["token"]

    return make
