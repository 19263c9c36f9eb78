"""The decision records name files, tests and code that exist, and their table of contents is complete."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "docs" / "decisions"
DECISIONS: Final = sorted(FOLDER.glob("[0-9]*.md"))
SOURCES: Final = tuple(
    path
    for folder in ("shared", "gateway", "*-service", "cli", "tests", "benchmarks/*.py", "tools")
    for path in ROOT.glob(folder if folder.endswith(".py") else f"{folder}/**/*.py")
)
CODE: Final = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)

SUFFIXES: Final = (".py", ".md", ".toml", ".yml")
IDENTIFIER: Final = re.compile(r"_?[a-z]+(?:_[a-z]+)+(?=\(\)|$)|[A-Z][a-z]+(?:[A-Z][a-z]+)+$")
"""Names in snake_case and CamelCase."""


def quoted(path: Path) -> Iterator[str]:
    """The texts between backticks."""
    for found in re.findall(r"`([^`]+)`", path.read_text(encoding="utf-8")):
        yield " ".join(found.split())


def exists(name: str) -> bool:
    """Whether a name is a path from the root, or the end of the path of a Python file or of a package's folder."""
    return (ROOT / name).exists() or any(
        path.match(name) or (name.endswith("/") and f"/{name}" in str(path)) for path in SOURCES
    )


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)
def test_files_and_tests_exist(decision: Path) -> None:
    paths = [name.partition("::") for name in quoted(decision) if name.partition("::")[0].endswith((*SUFFIXES, "/"))]
    assert [path for path, _, _ in paths if not exists(path)] == []
    for path, _, test in paths:
        assert not test or f"def {test}(" in (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)
def test_names_in_code_exist(decision: Path) -> None:
    names = {found[0] for name in quoted(decision) if (found := IDENTIFIER.match(name))}
    assert sorted(name for name in names if not re.search(rf"\b{name}\b", CODE)) == []


@pytest.mark.parametrize("path", [*DECISIONS, FOLDER / "README.md"], ids=lambda path: path.stem)
def test_links_lead_to_files(path: Path) -> None:
    links = re.findall(r"\]\(([^):#]+)\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)
def test_what_holds_a_decision_is_named(decision: Path) -> None:
    held_by = decision.read_text(encoding="utf-8").rpartition("Held by")[2]
    assert re.search(r"`(?:tests/\S+|make check)`", held_by)


def test_the_table_has_all_decisions() -> None:
    titles = [path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ") for path in DECISIONS]
    table = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(\d+)\]\((\S+)\) \| (.+) \|$", table, re.MULTILINE)
    assert [(number, name, title.casefold()) for number, name, title in rows] == [
        (path.name[:4], path.name, title.casefold()) for path, title in zip(DECISIONS, titles, strict=True)
    ]
