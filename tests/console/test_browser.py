"""Runs `console/tests`, which drive Chromium, against a platform with real models."""

import os
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT, SAMPLES
from support import many_groups
from support.onedrive import GraphServer
from support.running import running_platform

from lightbox.run.platform import Platform

pytestmark = pytest.mark.console

LIMITED = "bad-limits.test.ts"
LIMITS = {"LIGHTBOX_RATE_UPLOAD": "2/minute", "LIGHTBOX_RATE_SIGN_IN": "8/minute"}
"""What this file is about, which would be in the way of all others."""
ONEDRIVE = "gallery-onedrive.test.ts"
"""For a platform whose drive is OneDrive."""
TESTS = sorted({each.name for each in (ROOT / "console" / "tests").glob("*.test.ts")} - {LIMITED, ONEDRIVE})
SECONDS = 600
FILLED = {"gallery-many.test.ts": many_groups.fill}
"""What is put into the platform before a file."""


@pytest.mark.parametrize("name", TESTS)
def test_in_a_browser(name: str, platform: Platform, console: Path, chromium: str) -> None:
    if name in FILLED:
        FILLED[name](platform)
    run(name, platform, console, chromium)


def test_limits_in_a_browser(console: Path, chromium: str) -> None:
    with running_platform(LIGHTBOX_CONSOLE_DIR=str(console / "dist"), **LIMITS) as platform:
        run(LIMITED, platform, console, chromium)


def test_onedrive_in_a_browser(console: Path, chromium: str) -> None:
    graph = GraphServer()
    settings = {f"LIGHTBOX_{name.upper()}": value for name, value in graph.settings.items()}
    try:
        with running_platform(LIGHTBOX_CONSOLE_DIR=str(console / "dist"), **settings) as platform:
            run(ONEDRIVE, platform, console, chromium)
    finally:
        graph.stop()


def run(name: str, platform: Platform, console: Path, chromium: str) -> None:
    """Run a file of `console/tests`. Fails with what it has written."""
    vitest = console / "node_modules" / ".bin" / "vitest"
    assert vitest.exists(), "`make test-console` installs what this takes"
    done = subprocess.run(
        [str(vitest), "run", "--config", "vitest.browser.config.ts", f"tests/{name}"],
        cwd=console,
        env={
            **os.environ,
            "LIGHTBOX_TEST_URL": platform.url,
            "LIGHTBOX_TEST_ADMIN_PASSWORD": (platform.data_dir / "admin-password").read_text().strip(),
            "LIGHTBOX_TEST_SAMPLES": str(SAMPLES),
            "LIGHTBOX_TEST_CHROMIUM": chromium,
            "NO_COLOR": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
