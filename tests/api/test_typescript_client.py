"""openapi-typescript makes a client of the platform's document: it compiles, and does one round of each system."""

import shutil
from pathlib import Path
from typing import Final

import pytest
from conftest import SAMPLES
from support.api_tools import HERE, node_packages, run

from lightbox.run.platform import Platform

pytestmark = pytest.mark.api

# By default what has a default value would have to be sent.
OPTIONS: Final = ("--output", "schema.d.ts", "--default-non-nullable", "false")


def test_one_round_of_each_system(platform: Platform, document_file: Path, admin_password: str, tmp_path: Path) -> None:
    modules = node_packages()
    (tmp_path / "node_modules").symlink_to(modules)
    for name in ("client.ts", "tsconfig.json", "package.json"):
        shutil.copy(HERE / name, tmp_path)
    run([modules / ".bin" / "openapi-typescript", document_file, *OPTIONS], tmp_path)
    run([modules / ".bin" / "tsc", "--project", "."], tmp_path)
    picture = SAMPLES / "normal.png"
    said = run(["node", tmp_path / "built" / "client.js", platform.url, admin_password, picture], tmp_path)
    assert said == "one round of each system\n"
