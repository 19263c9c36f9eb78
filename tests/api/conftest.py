"""One platform for each file, since tests that are generated from the OpenAPI document can change all data.

The limits on sign-ups, on guesses and on the open endpoint are raised, since everything comes from one address.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_document import platform_document
from support.running import running_platform

from lightbox.run.platform import Platform


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """The platform's document, made without starting anything."""
    return platform_document()


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    raised = {"LIGHTBOX_FAILED_LOGINS_PER_ADDRESS": "off", "LIGHTBOX_FAILED_LOGINS_PER_ACCOUNT": "100"}
    with running_platform(
        LIGHTBOX_RATE_SIGN_IN="off",
        LIGHTBOX_RATE_OPEN="off",
        LIGHTBOX_RATE_FAILED_CREDENTIALS="off",
        LIGHTBOX_ANONYMOUS_PICTURES_PER_DAY="0",
        **raised,
    ) as running:
        yield running


@pytest.fixture(scope="module")
def admin_password(platform: Platform) -> str:
    """The administrator's, where the first start has written it."""
    return (platform.data_dir / "admin-password").read_text().strip()


@pytest.fixture
def document_file(platform: Platform, tmp_path: Path) -> Path:
    """The document as the running gateway answers it, in a file."""
    served = httpx.get(platform.url + "/openapi.json", timeout=30).json()
    assert "x-unavailable" not in served
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(served))
    return path
