"""README.md and docs/, typed as they are printed, with `make run`: each command succeeds, and answers what is shown."""

import re
import shutil
from collections.abc import Iterator
from typing import Final

import pytest
from conftest import ROOT
from support.pages import Command, commands_of, matches
from support.running import free_port_block, temporary_folder
from support.shell import Shell, copy_of_the_project, write_users

pytestmark = pytest.mark.pages

PAGES: Final = (
    "README.md",
    "docs/collection.md",
    "docs/gallery.md",
    "docs/labelling.md",
    "docs/moving-in.md",
    "docs/real-models.md",
)
NOT_TYPED: Final = {
    r"make test\b": "these are the tests",
    r"psql |sqlite3 ": "needs the database of another system",
    r"cd inference-service|/tmp/export|pip install|training\.": "downloads a model; tests/model_training has it",
}
"""Commands that are left out here, and why. Those for containers are in test_pages_in_containers.py,
and those of docs/front-ends.md in test_front_ends.py."""
IN_CONTAINERS: Final = re.compile(r"docker compose|make up|make env|^(?!PASSWORD=).*\.env\b|git pull|gunzip")
STARTS: Final = re.compile(r"\bmake run\b")


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    """One for all pages, since each of them only wants a platform that runs."""
    with temporary_folder() as folder:
        scratch = folder / "tmp"
        scratch.mkdir()
        with Shell(copy_of_the_project(folder), scratch, free_port_block()).opened() as opened:
            yield opened


def typed_here(command: Command) -> bool:
    return not IN_CONTAINERS.search(command.text) and not any(re.search(each, command.text) for each in NOT_TYPED)


@pytest.mark.parametrize("page", PAGES)
def test_a_page(shell: Shell, page: str) -> None:
    commands = [each for each in commands_of(ROOT / page) if typed_here(each)]
    assert commands
    if page == "docs/moving-in.md":
        write_users(shell.folder / "users.csv")
    if not any(STARTS.search(each.text) for each in commands) and not shell.is_ready():
        assert shell.type("make run").status == 0
    for command in commands:
        if command.text.startswith("coap-client") and shutil.which("coap-client-notls") is None:
            continue  # Debian's libcoap3-bin
        done = shell.type(command.text)
        said = f"{command.place}: {command.text}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        assert done.status == 0, said
        assert "Traceback" not in done.stdout + done.stderr, said
        assert command.answer is None or matches(shell.typed(command.answer), done.stdout), said


def test_no_rule_of_retention_stays(shell: Shell) -> None:
    """The commands of the pages create retention rules, and delete them again."""
    if not shell.is_ready():
        assert shell.type("make run").status == 0
    done = shell.type(".venv/bin/lightbox collections retention list")
    assert (done.status, done.stdout.count("\n")) == (0, 1), done


def test_no_command_is_left_out_unseen() -> None:
    """Every page with commands is typed, and what is left out is there."""
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md") if commands_of(path)}
    assert pages | {"README.md"} == {*PAGES, "docs/containers.md", "docs/front-ends.md"}
    texts = [each.text for page in PAGES for each in commands_of(ROOT / page)]
    assert all(any(re.search(each, text) for text in texts) for each in NOT_TYPED)
