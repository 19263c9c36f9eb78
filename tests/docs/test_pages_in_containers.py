"""README.md and docs/, typed as they are printed, in containers: with the Docker engine of this machine, where there is
one. Images stay for the next time; containers and volumes go."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from conftest import ROOT
from support.pages import blocks_of, commands_of, matches
from support.running import free_port_block, temporary_folder
from support.shell import Done, Shell, copy_of_the_project, write_users

pytestmark = pytest.mark.pages

NOT_TYPED: Final = {
    r"make run|make test\b|\.venv/bin/lightbox (?!collect |demo|hub )": "is for the other way of running",
    r"^(?!PASSWORD=).*\bvar/": "is for it, too",
    r"git pull": "the copy of the project is no repository",
}
"""Commands that are left out here, and why."""
PROJECT: Final = "lightbox-pages"
MODELS: Final = "mkdir -p models && cp -r inference-service/model-repository/chest-findings models/my-chest-model"


def compose() -> str | None:
    """The program that understands what is printed as `docker compose`; None where no engine answers."""
    for program in ("docker compose", "docker-compose"):
        name = program.partition(" ")[0]
        if shutil.which(name) and _succeeds(*program.split(), "version") and _succeeds("docker", "info"):
            return program
    return None


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    program = compose()
    if program is None:
        pytest.skip("no Docker engine with Compose answers here")
    with temporary_folder() as folder:
        scratch = folder / "tmp"
        scratch.mkdir()
        changes = {"COMPOSE_PROJECT_NAME": PROJECT, "DOCKER_BUILDKIT": "1" if program == "docker compose" else "0"}
        shell = Shell(copy_of_the_project(folder), scratch, free_port_block(), changes)
        if program == "docker-compose":
            shell.add_program(
                "docker",
                f'[ "$1" != compose ] || {{ shift; exec docker-compose "$@"; }}; exec {shutil.which("docker")} "$@"',
            )
        with shell.opened() as opened:
            try:
                yield opened
            finally:
                opened.interrupt()
                opened.type("docker compose down --volumes --remove-orphans --timeout 5")


def ok(shell: Shell, text: str, place: str = "") -> Done:
    """Type a command that has to succeed."""
    done = shell.type(text)
    assert done.status == 0, f"{place}: {text}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


def running(shell: Shell) -> None:
    """Returns when the platform is ready, in the background."""
    ok(shell, "make up ARGS=--detach")
    assert shell.until_ready()


def type_page(shell: Shell, page: str, before: dict[str, str]) -> None:
    """All of a page; `before` is typed before some of its commands, as the text around them says."""
    for command in commands_of(ROOT / page):
        if any(re.search(each, command.text) for each in NOT_TYPED):
            continue
        if command.text in before:
            ok(shell, before[command.text], command.place)
        done = ok(shell, command.text, command.place)
        assert command.answer is None or matches(shell.typed(command.answer), done.stdout), command.place
        if command.text.startswith("gunzip"):
            errors = [line for line in done.stderr.splitlines() if "ERROR" in line]
            assert len(errors) == 1
            assert errors[0].endswith('role "postgres" already exists')
        if "make up" in command.text:
            assert shell.until_ready(), command.place


def sign_in(shell: Shell, name: str, password: str) -> int:
    """The status of a sign-in."""
    fields = {"username": name, "password": password}
    return httpx.post(f"http://127.0.0.1:{shell.port}/api/chexray/login/", data=fields, timeout=30).status_code


def test_readme(shell: Shell) -> None:
    running(shell)
    type_page(shell, "README.md", {})
    port = httpx.get(f"http://127.0.0.1:{shell.port}/.well-known/oauth-authorization-server").json()["issuer"]
    assert port == f"http://127.0.0.1:{shell.port}"


def test_containers(shell: Shell) -> None:
    """Users keep their passwords when a backup is restored, and when `.env` is lost."""
    running(shell)
    fields = {"username": "grace", "password": "correct-horse", "password2": "correct-horse"}
    signed_up = httpx.post(f"http://127.0.0.1:{shell.port}/api/chexray/signup/", data=fields, timeout=30)
    assert signed_up.status_code == 200
    gone = "docker compose down --volumes && rm .env"
    lost = "docker compose down && rm .env"
    type_page(shell, "docs/containers.md", {"cp lightbox.env .env": gone, "make env": lost})
    assert sign_in(shell, "grace", "correct-horse") == 200
    assert sign_in(shell, "grace", "another-horse") == 400


def test_a_start_that_can_not_succeed_ends_with_one_sentence(shell: Shell) -> None:
    running(shell)
    ok(shell, "docker compose down && mv .env .env.kept")
    done = shell.type("make up ARGS=--detach")
    assert done.status != 0
    assert f"There is no .env, and the volume {PROJECT}_database was made with one" in done.stderr
    ok(shell, "make env && make env")
    done = shell.type("make up ARGS=--detach")
    assert done.status != 0
    why = "POSTGRES_PASSWORD in .env is not the one that the database was made with: put that .env back"
    assert why in done.stderr
    ok(shell, "docker compose down && mv .env.kept .env")


def test_users_move_in(shell: Shell) -> None:
    running(shell)
    write_users(shell.folder / "users.csv")
    (command,) = [each for each in commands_of(ROOT / "docs/moving-in.md") if "docker compose" in each.text]
    ok(shell, command.text, command.place)
    assert sign_in(shell, "moved-in", "their-old-password") == 200


def test_a_model_and_a_setting_of_ones_own(shell: Shell) -> None:
    """By the files that the pages show."""
    ok(shell, MODELS)
    assert MODELS in [each.text for each in commands_of(ROOT / "docs/real-models.md")]
    write_override(shell.folder, "docs/real-models.md")
    running(shell)
    assert '"name":"my-chest-model"' in ok(shell, "curl http://127.0.0.1:8000/api/models").stdout
    assert "q=30" in uploaded(shell).headers["ratelimit-policy"]
    write_override(shell.folder, "docs/containers.md")
    running(shell)
    assert "q=120" in uploaded(shell).headers["ratelimit-policy"]
    (shell.folder / "docker-compose.override.yml").unlink()


def uploaded(shell: Shell) -> httpx.Response:
    """The answer to a stranger's picture."""
    with (ROOT / "samples" / "normal.png").open("rb") as file:
        url = f"http://127.0.0.1:{shell.port}/api/chexray/anonupload/"
        answer = httpx.post(url, data={"title": "x"}, files={"image": file}, timeout=60)
    assert answer.is_success, answer.text
    return answer


def write_override(folder: Path, page: str) -> None:
    """The file that a page shows."""
    (block,) = [each for each in blocks_of(ROOT / page) if each.info == "yaml"]
    (folder / "docker-compose.override.yml").write_text("\n".join(block.lines) + "\n")
