"""Runs `console/tests`, which drive Chromium, against a platform with real models."""

import os
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT, SAMPLES
from support import many_groups

from lightbox.run.platform import Platform

pytestmark = pytest.mark.console

TESTS = sorted(each.name for each in (ROOT / "console" / "tests").glob("*.test.ts"))
SECONDS = 600
FILLED = {"gallery-many.test.ts": many_groups.fill}
"""What is put into the platform before a file."""


@pytest.mark.parametrize("name", TESTS)
def test_in_a_browser(name: str, platform: Platform, console: Path, chromium: str) -> None:
    vitest = console / "node_modules" / ".bin" / "vitest"
    assert vitest.exists(), "`make test-console` installs what this takes"
    if name in FILLED:
        FILLED[name](platform)
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
