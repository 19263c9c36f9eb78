"""docs/routes.md is up to date."""

import subprocess
import sys

from conftest import ROOT


def test_the_page_is_in_step() -> None:
    tool = [sys.executable, str(ROOT / "tools" / "routes.py")]
    written = subprocess.run(tool, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    assert (ROOT / "docs" / "routes.md").read_text() == written
