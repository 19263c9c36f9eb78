"""What the running platform answers is what its OpenAPI document says: schemathesis makes requests from the document,
some as it wants them and some not, and compares every answer with it. Each run makes the same requests."""

from pathlib import Path

import httpx
import pytest
from conftest import SAMPLES
from support import api_gallery
from support.api_tools import HERE, python_programs, run
from support.api_world import World
from support.yelda_client import ADMIN_ID

from lightbox.run.platform import Platform

pytestmark = pytest.mark.api

FILLED = 5


@pytest.fixture(autouse=True)
def _filled(platform: Platform, admin_password: str) -> None:
    """There are groups with pictures, folders, additions and shared links: an empty gallery would answer little."""
    with httpx.Client(base_url=platform.url, timeout=60) as http:
        for _ in range(FILLED):
            api_gallery.share(World(platform, http, admin_password))


def compare(platform: Platform, document: Path, *, max_examples: int, **environment: str) -> str:
    """Run schemathesis; returns its summary."""
    program = python_programs() / "schemathesis"
    config = f"--config-file={HERE / 'schemathesis.toml'}"
    options = [f"--url={platform.url}", f"--max-examples={max_examples}"]
    known = {"SCHEMATHESIS_HOOKS": "conformance_hooks", "PYTHONPATH": str(HERE), "PICTURES": str(SAMPLES)}
    return run([program, config, "run", document, *options], document.parent, **known, **environment)


def test_as_an_administrator(platform: Platform, document_file: Path, admin_password: str) -> None:
    account = {"ADMIN_ID": str(ADMIN_ID), "ADMIN_USERNAME": "admin", "ADMIN_PASSWORD": admin_password}
    summary = compare(platform, document_file, max_examples=20, **account)
    assert "Re-authenticated" in summary  # some requests ended the session, and those after it were made all the same


def test_as_a_stranger(platform: Platform, document_file: Path) -> None:
    compare(platform, document_file, max_examples=10)
