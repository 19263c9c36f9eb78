"""One owner of each transaction (docs/decisions/0028-transactions.md), and SQL in repositories alone: read out of the
sources, so that it holds for code that no other test runs."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

from lightbox_shared.installation import SERVICES

SESSIONS = {"ReadSession", "WriteSession", "Reading", "Writing"}
OPENERS = {"reading", "writing", "autocommit"}
STATEMENTS = {"execute", "scalar", "scalars", "add", "add_all", "merge", "flush", "delete", "get"}
SOURCES = [ROOT / service.name / "src" / service.package for service in SERVICES if service.has_database]
FILES = [path for folder in SOURCES for path in sorted(folder.rglob("*.py")) if "migrations" not in path.parts]

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            yield node


def session_parameters(function: Function) -> set[str]:
    """Names of parameters that are sessions."""
    arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    return {
        each.arg
        for each in arguments
        if each.annotation is not None and any(name in SESSIONS for name in names_in(each.annotation))
    }


def names_in(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            yield each.id


def calls_in(function: Function) -> Iterator[ast.Attribute]:
    """The methods that are called, `a.b()` as the node of `a.b`."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_function_with_a_session_opens_no_other_transaction(path: Path) -> None:
    both = [
        (function.name, function.lineno)
        for function in functions(path)
        if session_parameters(function)
        for call in calls_in(function)
        if call.attr in OPENERS
    ]
    assert both == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_statements_are_in_repositories(path: Path) -> None:
    if path.name.endswith("repository.py"):
        return
    statements = [
        (function.name, call.lineno)
        for function in functions(path)
        for call in calls_in(function)
        if call.attr in STATEMENTS and isinstance(call.value, ast.Name) and call.value.id in {"session", "connection"}
    ]
    assert statements == []


def test_the_reading_of_the_sources_finds_something() -> None:
    found = [function.name for path in FILES for function in functions(path) if session_parameters(function)]
    assert len(found) > 20
