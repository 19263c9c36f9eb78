"""A platform with the console, for each file of `console/tests`."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT
from support.running import running_platform

from lightbox.run.platform import Platform

CONSOLE = ROOT / "console"


@pytest.fixture(scope="session")
def console() -> Path:
    """The folder of the console, built."""
    subprocess.run([sys.executable, str(CONSOLE / "build.py")], check=True)
    return CONSOLE


@pytest.fixture(scope="session")
def chromium() -> str:
    """The program. Skips the test where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found is not None:
            return found
    pytest.skip("Chromium is not installed")


@pytest.fixture(scope="module")
def platform(console: Path) -> Iterator[Platform]:
    raised = {"LIGHTBOX_FAILED_LOGINS_PER_ADDRESS": "off", "LIGHTBOX_RATE_SIGN_IN": "off", "LIGHTBOX_RATE_OPEN": "off"}
    with running_platform(LIGHTBOX_CONSOLE_DIR=str(console / "dist"), **raised) as running:
        yield running
