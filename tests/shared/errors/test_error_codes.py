"""Every code that the platform's errors have is said by the console in the reader's language, or is known not to be."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
WORDS: Final = ROOT / "console" / "src" / "api" / "refusals-en.ts"


def sources() -> Iterator[Path]:
    for package in ROOT.glob("*/src"):
        if package.parent.name not in {"console", "cli"}:
            yield from package.rglob("*.py")


def codes_of(tree: ast.AST) -> Iterator[str]:
    """The codes of error classes, and of sentences."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(body=body):
                for each in body:
                    match each:
                        case (
                            ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(code)))
                            | ast.AnnAssign(target=ast.Name(id="code"), value=ast.Constant(value=str(code)))
                        ):
                            yield code
            case ast.Call(func=ast.Name(id="Sentence"), args=[ast.Constant(value=str(code)), *_]):
                yield code


def codes() -> set[str]:
    return {code for path in sources() for code in codes_of(ast.parse(path.read_bytes()))}


UNSAID: Final = frozenset(
    {
        # The console has words for their statuses.
        *("bad-gateway", "bad-request", "conflict", "contradiction", "forbidden", "internal-error", "invalid-field"),
        *("invalid-request", "invalid-token", "method-not-allowed", "missing", "not-authenticated", "not-found"),
        *("precondition-failed", "refused", "too-large", "too-many-requests", "unavailable", "upstream-timeout"),
        # Programs cause them, and the console does not.
        *("another-picture", "headers-too-large", "idempotency-key-reused", "insufficient-scope", "invalid-api-key"),
        *("invalid-client", "invalid-grant", "invalid-rendering", "invalid-scope", "not-acceptable", "not-an-image"),
        *("range-not-satisfiable", "fragment-overlap", "unauthorized-client", "unsupported-grant-type"),
        *("unsupported-media-type", "unsupported-token-type", "bad-option", "incomplete-upload", "no-proxy"),
    }
)


def test_the_console_says_every_code_in_the_language_of_its_reader() -> None:
    # That Chinese has what English has is checked by the compiler.
    said = set(re.findall(r'^  "?([a-z][a-z-]*)"?:', WORDS.read_text(), re.MULTILINE))
    assert said == codes() - UNSAID


def test_what_is_left_to_statuses_is_still_sent() -> None:
    assert codes() >= UNSAID
