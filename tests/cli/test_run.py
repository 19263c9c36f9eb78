"""`lightbox run` with real processes and signals: its start, supervision and end."""

import json
import os
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from conftest import ROOT
from support.processes import Process, descendants, until
from support.running import free_port_block, temporary_folder

from lightbox.run.postgres import PostgresServer
from lightbox.service_secrets import load
from lightbox_shared.installation import SERVICE_NAMES, service_named
from lightbox_shared.process.ports import coap_port

pytestmark = pytest.mark.processes

START_SECONDS = 60
PASSWORD = "correct horse"


def environment(**changes: str) -> dict[str, str]:
    """The environment of this process, without the user's settings for Lightbox."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIGHTBOX_")}
    kept.pop("DATABASE_URL", None)
    common = {"LIGHTBOX_CONSOLE_DIR": "", "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "COLUMNS": "200"}
    return {**kept, **common, **changes}


def lightbox(*arguments: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command and wait for its end."""
    command = [sys.executable, "-m", "lightbox.main", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(**settings), capture_output=True, text=True, timeout=60, check=False
    )


@dataclass
class Run:
    """`lightbox run` on a folder and a block of ports; which can be started several times."""

    folder: Path
    port: int = field(default_factory=free_port_block)
    changes: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / "var"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text()

    @property
    def settings(self) -> dict[str, str]:
        return {"LIGHTBOX_PORT": str(self.port), "LIGHTBOX_DATA_DIR": str(self.data), **self.changes}

    def ensure_running(self) -> "Run":
        """Start it unless it is running, and wait for the banner."""
        if self.process is None or self.process.poll() is not None:
            command = [sys.executable, "-m", "lightbox.main", "run"]
            with (self.folder / "output").open("w") as output:
                self.process = subprocess.Popen(
                    command, cwd=self.folder, env=environment(**self.settings), stdout=output, stderr=output
                )
            process = self.process
            assert until(lambda: "is ready" in self.output or process.poll() is not None, START_SECONDS)
            assert process.poll() is None, self.output
        return self

    @property
    def processes(self) -> list[Process]:
        assert self.process is not None
        return descendants(self.process.pid)

    def service(self, name: str) -> Process | None:
        found = [each for each in self.processes if each.command.endswith(f"lightbox_shared.serve {name}")]
        return found[0] if found else None

    def end(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(30)


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with temporary_folder() as folder:
        made = Run(folder)
        yield made
        if made.process is not None and made.process.poll() is None:
            made.end(signal.SIGINT)


@pytest.fixture
def running(run: Run) -> Run:
    return run.ensure_running()


def ready(run: Run, offset: int = 0) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{run.port + offset}/readyz", timeout=5).is_success
    except httpx.TransportError:
        return False


def log_in(run: Run, name: str, password: str = PASSWORD) -> httpx.Response:
    return httpx.post(f"{run.url}/api/chexray/login/", json={"username": name, "password": password}, timeout=30)


def sign_up(run: Run) -> str:
    name = f"person-{secrets.token_hex(4)}"
    body = {"username": name, "password": PASSWORD, "password2": PASSWORD}
    assert httpx.post(f"{run.url}/api/chexray/signup/", json=body, timeout=30).status_code == 200
    return name


def test_the_banner_says_where_to_look(running: Run) -> None:
    shown = running.output
    coap = f"coap://127.0.0.1:{coap_port(running.port)}"
    for text in (coap, f"{running.url}/docs", f"{running.url}/readyz", str(running.data), "admin-password", "Ctrl-C"):
        assert text in shown
    assert "no medical device" in shown
    assert "Anybody may sign up (LIGHTBOX_SELF_REGISTRATION)." in shown
    assert httpx.get(f"{running.url}/docs").status_code == 200
    answer = httpx.get(f"{running.url}/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")


def test_secrets_are_for_their_owner_alone(running: Run) -> None:
    for name in ("admin-password", "secrets.json"):
        status = (running.data / name).stat()
        assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o600, os.geteuid())
    assert log_in(running, "admin", (running.data / "admin-password").read_text().strip()).status_code == 200
    secret = re.findall(r'": "([\w-]{40,})"', (running.data / "secrets.json").read_text())
    assert len(secret) == 2 * len(SERVICE_NAMES)
    shown = "".join(path.read_text() for path in (running.data / "log").iterdir()) + running.output
    commands = "".join(each.command for each in running.processes)
    for each in secret:
        assert each not in shown + commands


def test_administration_while_it_runs(running: Run) -> None:
    name = sign_up(running)
    done = lightbox("accounts", "approve", name, folder=running.folder, **running.settings)
    assert (done.returncode, done.stderr) == (0, f"{name} has the authority doctor now.\n")
    done = lightbox("accounts", "list", "--authority", "doctor", folder=running.folder, **running.settings)
    assert (done.returncode, done.stderr) == (0, "")
    assert name in done.stdout
    done = lightbox("accounts", "reset-password", name, "--generate", folder=running.folder, **running.settings)
    assert log_in(running, name).status_code == 400
    assert log_in(running, name, done.stdout.removesuffix("\n")).status_code == 200


def as_in_a_container(run: Run, service: str) -> dict[str, str]:
    """The settings of a service whose commands run without `lightbox`."""
    own = load(run.data / "secrets.json")[service]
    name = service_named(service).database
    return {
        **run.settings,
        "LIGHTBOX_DATABASE_URL": PostgresServer.at(run.data).url(name, user=name),
        "LIGHTBOX_CLIENT_SECRET": own.client_secret,
        "LIGHTBOX_SECRET_KEY": own.secret_key,
    }


def test_what_commands_of_other_services_change_is_in_the_audit_trail(running: Run) -> None:
    rule = ("collections", "retention", "set", "--device", "camera-1", "--days")
    done = lightbox(*rule, "30", folder=running.folder, **running.settings)
    assert done.returncode == 0, done.stderr
    settings = environment(**as_in_a_container(running, "core-collection-service"))
    command = [sys.executable, "-m", "core_collection_service", *rule, "60"]
    subprocess.run(command, cwd="/", env=settings, timeout=60, check=True)
    listed = ("audit", "list", "--json", "--actor", "command-line", "--action", "retention-rule-changed")
    done = lightbox(*listed, folder=running.folder, **running.settings)
    details = [json.loads(line)["details"] for line in done.stdout.splitlines()]
    assert [(each["device"], each["days"], each["service"]) for each in details] == [
        ("camera-1", 60, "core-collection-service"),
        ("camera-1", 30, "core-collection-service"),
    ]


def test_busy_ports_are_named(running: Run) -> None:
    with temporary_folder() as other:
        settings = {**running.settings, "LIGHTBOX_DATA_DIR": str(other)}
        done = lightbox("run", folder=other, **settings)
        assert done.returncode == 1
        assert f"Port {running.port} (gateway) is in use" in done.stdout
        assert "LIGHTBOX_PORT" in done.stdout
        assert "Traceback" not in done.stdout + done.stderr
        assert list(other.iterdir()) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "::"])
def test_a_busy_port_of_coap_is_named_where_there_is_coap(tmp_path: Path, host: str) -> None:
    port = free_port_block()
    settings = {"LIGHTBOX_PORT": str(port), "LIGHTBOX_DATA_DIR": str(tmp_path / "var")}
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind((host, coap_port(port)))
        done = lightbox("run", folder=tmp_path, **settings)
        assert done.returncode == 1
        assert f"UDP port {coap_port(port)} (CoAP of core-collection-service) is in use" in done.stdout
        assert "LIGHTBOX_COAP_PORT" in done.stdout
        # Without CoAP the start continues, until it does not reach the database of this test.
        unreachable = "postgresql://u:sesame99@127.0.0.1:1/x"
        done = lightbox("run", folder=tmp_path, **settings, LIGHTBOX_COAP="false", DATABASE_URL=unreachable)
        assert "The server that DATABASE_URL names can't be used" in done.stdout


def test_the_same_data_on_other_ports_are_refused(running: Run) -> None:
    settings = {**running.settings, "LIGHTBOX_PORT": str(free_port_block())}
    done = lightbox("run", folder=running.folder, **settings)
    assert done.returncode == 1
    assert re.search(r"\(process \d+\) uses .* already: is the platform running\?", done.stdout)
    assert "Traceback" not in done.stdout + done.stderr
    assert ready(running)


def test_a_killed_service_is_started_again(running: Run) -> None:
    before = running.service("inference-service")
    assert before is not None
    os.kill(before.pid, signal.SIGKILL)
    assert until(lambda: not before.alive)
    assert until(lambda: ready(running, 2) and ready(running), 30)
    after = running.service("inference-service")
    assert after is not None
    assert after.pid != before.pid
    assert "inference-service ended by itself (code -9); starting it again" in running.output


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
def test_it_ends_cleanly_and_starts_again_on_the_same_data(running: Run, how: signal.Signals) -> None:
    name = sign_up(running)
    processes = running.processes
    assert {name for name in SERVICE_NAMES if any(each.command.endswith(name) for each in processes)} == set(
        SERVICE_NAMES
    )
    assert running.end(how) == 0
    assert not any(each.alive for each in processes)
    assert running.output.endswith("Stopping ...\nStopped.\n")
    running.ensure_running()
    assert log_in(running, name).status_code == 200
    assert log_in(running, name, "another password").status_code == 400


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child that its parent died")
def test_nothing_is_left_when_it_is_killed(running: Run) -> None:
    name = sign_up(running)
    processes = running.processes
    assert len(processes) > len(SERVICE_NAMES)
    running.end(signal.SIGKILL)
    assert until(lambda: not any(each.alive for each in processes), 10), [each for each in processes if each.alive]
    running.ensure_running()
    assert log_in(running, name).status_code == 200


def test_a_checkout_with_blanks_in_its_path() -> None:
    """The path also contains `%20`, which must not be decoded. The data are beside the checkout."""
    with temporary_folder() as folder:
        checkout = folder / "the lab" / "light%20box"
        sources = []
        for path in sorted(ROOT.glob("*/src")):
            shutil.copytree(path, checkout / path.relative_to(ROOT), ignore=shutil.ignore_patterns("__pycache__"))
            sources.append(str(checkout / path.relative_to(ROOT)))
        models = "inference-service/model-repository"
        shutil.copytree(ROOT / models, checkout / models)
        run = Run(checkout, changes={"PYTHONPATH": os.pathsep.join(sources)})
        try:
            run.ensure_running()
            assert log_in(run, sign_up(run)).status_code == 200
            done = lightbox("accounts", "list", folder=checkout, **run.settings)
            assert (done.returncode, done.stderr) == (0, "")
            imported = "import lightbox, auth_service; print(lightbox.__file__, auth_service.__file__)"
            found = subprocess.run(
                [sys.executable, "-c", imported],
                env=environment(**run.settings),
                capture_output=True,
                text=True,
                check=True,
            )
            assert found.stdout.count(str(checkout)) == 2
        finally:
            if run.process is not None and run.process.poll() is None:
                assert run.end(signal.SIGINT) == 0


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"LIGHTBOX_COAP_PORT": "sesame99"}, "LIGHTBOX_COAP_PORT: Input should be a valid integer"),
        ({"LIGHTBOX_PORT": "http"}, "LIGHTBOX_PORT: Input should be a valid integer"),
        ({"DATABASE_URL": "postgresql://u:sesame99@127.0.0.1:1/x"}, "The server that DATABASE_URL names can't be used"),
        ({"DATABASE_URL": "mysql://u:sesame99@h/x"}, "The server that DATABASE_URL names can't be used"),
    ],
)
def test_invalid_settings(tmp_path: Path, settings: dict[str, str], sentence: str) -> None:
    defaults = {"LIGHTBOX_PORT": str(free_port_block()), "LIGHTBOX_DATA_DIR": str(tmp_path / "var")}
    done = lightbox("run", folder=tmp_path, **{**defaults, **settings})
    assert done.returncode == 1
    assert sentence in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert "sesame99" not in done.stdout + done.stderr


def test_a_service_that_does_not_start_says_why(tmp_path: Path) -> None:
    """The processes that were started before it are stopped."""
    with temporary_folder() as folder:
        settings = {"LIGHTBOX_PORT": str(free_port_block()), "LIGHTBOX_DATA_DIR": str(folder / "var")}
        done = lightbox("run", folder=tmp_path, **settings, LIGHTBOX_CHEXRAY_MODEL="no-such-model")
        assert done.returncode == 1
        log = folder / "var" / "log" / "inference-service.log"
        why = "inference-service can't start: chexray: there is no model 'no-such-model' in the repository"
        assert done.stdout.splitlines()[-1] == f"{why} (its log: {log})"
        assert log.read_text().splitlines()[-1] == why
        assert "Traceback" not in log.read_text() + done.stdout + done.stderr
        assert not (folder / "var" / "postgres" / "postmaster.pid").exists()
