"""openapi-python-client makes a client of the platform's document: it passes mypy, and does one round of each
system."""

import shutil
import sys
from pathlib import Path
from typing import Final

import pytest
from conftest import SAMPLES
from support.api_tools import HERE, python_programs, run

from lightbox.run.platform import Platform

pytestmark = pytest.mark.api

PACKAGE: Final = "lightbox_client"
IMPORT: Final = "from ...types import Response, UNSET\n"


def test_one_round_of_each_system(platform: Platform, document_file: Path, admin_password: str, tmp_path: Path) -> None:
    programs = python_programs()
    options = [f"--path={document_file}", f"--config={HERE / 'python_client.yml'}", f"--output-path={PACKAGE}"]
    said = run([programs / "openapi-python-client", "generate", "--meta=none", *options], tmp_path)
    assert "omitted" not in said  # nothing of the document is beyond it
    import_unset(tmp_path / PACKAGE)
    script = Path(shutil.copy(HERE / "client_round.py", tmp_path))
    run([sys.executable, "-m", "mypy", "--strict", f"--python-executable={programs / 'python'}", script], tmp_path)
    said = run([programs / "python", script, platform.url, admin_password, SAMPLES / "normal.png"], tmp_path)
    assert said == "one round of each system\n"


def import_unset(package: Path) -> None:
    """Mends what the generator (0.29.1) forgets in modules of operations whose body has several media types."""
    for module in (package / "api").rglob("*.py"):
        text = module.read_text()
        if "| Unset" in text and IMPORT in text:
            module.write_text(text.replace(IMPORT, IMPORT.replace("UNSET", "UNSET, Unset")))
