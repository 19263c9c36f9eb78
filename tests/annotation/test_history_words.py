"""The console says each reason in the history of a picture in the language of its reader."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SERVICE: Final = ROOT / "annotation-service" / "src"
WORDS: Final = ROOT / "console" / "src" / "labelling" / "review" / "history.ts"


def texts_of(value: ast.expr, tree: ast.Module) -> Iterator[str]:
    """The texts that an expression can be: one, one of two, or those that its name is given in the module."""
    match value:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=one, orelse=other):
            yield from texts_of(one, tree)
            yield from texts_of(other, tree)
        case ast.Name(id=name):
            for node in ast.walk(tree):
                match node:
                    case ast.Assign(targets=[ast.Name(id=found)], value=given) if found == name:
                        yield from texts_of(given, tree)
                    case ast.AnnAssign(target=ast.Name(id=found), value=ast.expr() as given) if found == name:
                        yield from texts_of(given, tree)


def reasons() -> set[str]:
    found: set[str] = set()
    for path in SERVICE.rglob("*.py"):
        tree = ast.parse(path.read_bytes())
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Name(id="Cause"), args=[reason, *_]):
                    texts = set(texts_of(reason, tree))
                    assert texts, f"{path}:{node.lineno} has a reason that is not seen here"
                    found |= texts
    return found


def test_the_console_says_every_reason_in_the_history_of_a_picture() -> None:
    table = WORDS.read_text().partition("REASONS")[2].partition("};")[0]
    said = {quoted or bare for quoted, bare in re.findall(r'^  (?:"([^"]+)"|(\w+)): "', table, re.MULTILINE)}
    assert said == reasons()
    assert len(said) > 10
