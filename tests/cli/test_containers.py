"""`make up`: problems are reported before containers are started. A script `docker` replaces Docker, which is tested in
tests/docs."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import ROOT

from lightbox.containers import PUBLISHED, port_problem

GATEWAY, COAP = PUBLISHED
DOCKER = """#!/bin/sh
# It writes its arguments to a file, and runs a file named after them.
echo "$*" >> "$STAGE/asked"
answer="$STAGE/$(echo "$*" | tr -c 'a-z\\n' _)"
[ ! -e "$answer" ] || . "$answer"
"""


class Stage:
    """A project folder, and a script `docker` that is first on the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "lab"
        self.folder.mkdir()
        shutil.copy(ROOT / "docker-compose.yml", self.folder)
        self._answers = folder / "answers"
        self._answers.mkdir()
        (folder / "bin").mkdir()
        program = folder / "bin" / "docker"
        program.write_text(DOCKER)
        program.chmod(0o755)
        self._path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
        self.settings = {
            "LIGHTBOX_PORT": str(_free(socket.SOCK_STREAM)),
            "LIGHTBOX_COAP_PORT": str(_free(socket.SOCK_DGRAM)),
        }

    def answers(self, question: str, script: str) -> None:
        """Define what `docker` does for these arguments. By default it prints nothing and succeeds."""
        name = "".join(each if "a" <= each <= "z" else "_" for each in question)
        (self._answers / name).write_text(f"{script}\n")

    def up(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `make up` as the Makefile does."""
        environment = {
            "PATH": self._path,
            "PYTHONPATH": f"{ROOT}/cli/src:{ROOT}/shared/src",
            "STAGE": str(self._answers),
        }
        return subprocess.run(
            [sys.executable, "-S", "-B", "-m", "lightbox.containers", *arguments],
            cwd=self.folder,
            env={**environment, **self.settings},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def asked(self) -> list[str]:
        return (self._answers / "asked").read_text().splitlines()

    @property
    def started(self) -> bool:
        return any(each.startswith("compose up") for each in self.asked)


def _free(kind: socket.SocketKind) -> int:
    with socket.socket(type=kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The single sentence that is printed if nothing is started."""
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.removesuffix("\n")


def test_the_first_time(stage: Stage) -> None:
    done = stage.up("--detach")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Wrote .env; the administrator's password is in it.\n"
    assert (stage.folder / ".env").exists()
    assert stage.asked[-1] == "compose up --build --detach"
    content = (stage.folder / ".env").read_text()
    assert stage.up().stdout == ""
    assert (stage.folder / ".env").read_text() == content
    assert "\tPYTHONPATH=cli/src:shared/src $(PYTHON) -m lightbox.containers $(ARGS)" in (
        ROOT / "Makefile"
    ).read_text().replace("@", "")


def test_a_setting_that_reaches_no_service(stage: Stage) -> None:
    stage.up()
    with (stage.folder / ".env").open("a") as file:
        file.write("LIGHTBOX_RATE_OPEN=120/minute\nLIGHTBOX_TRUSTED_PROXIES=172.16.0.0/12\nMINE=1\n")
    done = stage.up()
    assert done.returncode == 0
    assert done.stderr == (
        "LIGHTBOX_RATE_OPEN in .env changes nothing, since Compose gives it to no service (docs/containers.md).\n"
    )
    assert stage.started


def test_without_docker(stage: Stage) -> None:
    stage.answers("compose version --short", "exit 1")
    assert refused(stage.up()).startswith("There is no Docker Compose here")
    assert not (stage.folder / ".env").exists()


def test_a_volume_without_the_file_that_it_was_made_with(stage: Stage) -> None:
    asked = "volume ls --quiet --filter=label=com.docker.compose.project=lab"
    asked += " --filter=label=com.docker.compose.volume=database"
    stage.answers(asked, "echo lab_database")
    assert refused(stage.up()).startswith("There is no .env, and the volume lab_database was made with one: ")
    assert not stage.started
    assert not (stage.folder / ".env").exists()


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda each: each.service)
def test_a_port_that_is_in_use(stage: Stage, published: object) -> None:
    name = "LIGHTBOX_PORT" if published is GATEWAY else "LIGHTBOX_COAP_PORT"
    kind = "Port" if published is GATEWAY else "UDP port"
    with socket.socket(type=socket.SOCK_STREAM if published is GATEWAY else socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        if published is GATEWAY:
            other.listen()
        port = other.getsockname()[1]
        stage.settings[name] = str(port)
        said = refused(stage.up())
        assert said.startswith(f"{kind} {port} (")
        assert said.endswith(f"is in use, by `make run`, or by another program: stop it, or set {name}.")
        assert not stage.started
        # The port is used by the platform's own container.
        for each in PUBLISHED:
            stage.answers(f"compose ps --all --quiet {each.service}", "echo 1234")
        stage.answers("inspect --format={{.State.Running}} 1234", "echo true")
        assert stage.up().returncode == 0
        assert stage.started


def test_a_database_that_was_made_with_another_file(stage: Stage) -> None:
    stage.answers("compose up --build", "exit 3")
    stage.answers("compose ps --all --quiet databases", "echo abc")
    stage.answers("inspect --format={{.State.ExitCode}} abc", "echo 1")
    stage.answers("compose logs --no-log-prefix --tail=1 databases", "echo Attaching; echo This is why.")
    assert refused(stage.up()) == "This is why."


def test_what_compose_says_itself_is_enough(stage: Stage) -> None:
    stage.answers("compose up --build", "echo no image >&2; exit 3")
    stage.answers("compose ps --all --quiet databases", "echo abc")
    stage.answers("inspect --format={{.State.ExitCode}} abc", "echo 0")
    done = stage.up()
    assert (done.returncode, done.stderr) == (3, "no image\n")


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"LIGHTBOX_PORT": "http"}, "LIGHTBOX_PORT: http is not a port."),
        ({"LIGHTBOX_PORT": "65536"}, "LIGHTBOX_PORT: 65536 is not a port."),
        ({"LIGHTBOX_PORT": "0"}, "LIGHTBOX_PORT: 0 is not a port."),
        (
            {"LIGHTBOX_BIND": "192.0.2.1", "LIGHTBOX_PORT": "9"},
            None,
        ),  # the address of another machine, which Docker reports
    ],
)
def test_what_is_no_port(settings: Mapping[str, str], problem: str | None) -> None:
    assert port_problem(GATEWAY, settings) == problem


def test_quotes_in_the_file(stage: Stage) -> None:
    stage.up()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        del stage.settings["LIGHTBOX_PORT"]
        path = stage.folder / ".env"
        path.write_text(path.read_text().replace("LIGHTBOX_PORT=8000", f'LIGHTBOX_PORT="{port}"'))
        assert f"Port {port} (gateway) is in use" in refused(stage.up())


COMPOSE_FILE = (ROOT / "docker-compose.yml").read_text()


def test_ports_are_published_to_this_machine_alone() -> None:
    """Unless `.env` says otherwise: an address that is missing would be every address of the machine."""
    published = re.findall(r"^ +ports: \[(.*)\]$", COMPOSE_FILE, re.MULTILINE)
    assert len(published) == COMPOSE_FILE.count("ports:") == len(PUBLISHED)
    for port in published:
        assert re.fullmatch(r'"\$\{LIGHTBOX_(?:COAP_)?BIND:-127\.0\.0\.1\}:[^",]*"', port)
    assert "network_mode" not in COMPOSE_FILE


def test_secrets_are_in_no_command() -> None:
    """Arguments can be read by every user of the machine."""
    commands = re.findall(r"^ +(?:command|entrypoint|test): (.*)$", COMPOSE_FILE, re.MULTILINE)
    assert len(commands) >= 5
    assert not any(re.search(r"PASSWORD|SECRET|TOKEN|_KEY", each) for each in commands)
