"""Commands of services on a machine whose platform is running or not, with its own or an external database server."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from support.asgi import running
from support.running import temporary_folder

from auth_service.app import create_app
from auth_service.config import AuthSettings
from lightbox.run.databases import on_server
from lightbox.run.postgres import PostgresServer
from lightbox.service_secrets import load_or_create

pytestmark = pytest.mark.processes

DATABASE = "lightbox_auth"
STARTING = "The platform does not run: starting its database for this command ...\n"


def lightbox(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIGHTBOX_")}
    kept.pop("DATABASE_URL", None)
    command = [sys.executable, "-m", "lightbox.main", *arguments]
    environment = {**kept, "NO_COLOR": "1", **settings}
    return subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, timeout=120, check=False)


def start_once(folder: Path, url: str) -> None:
    """Set up the database in `folder` as the first start of auth-service does."""
    secret = load_or_create(folder / "secrets.json")["auth-service"].secret_key

    async def start() -> None:
        settings = AuthSettings.model_validate({"database_url": url, "secret_key": secret, "data_dir": folder})
        async with running(create_app(settings)):
            pass

    anyio.run(start)


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """The data folder of a platform that is not running."""
    with temporary_folder() as folder:
        with PostgresServer.at(folder) as server:
            server.ensure_database(DATABASE)
            start_once(folder, server.url(DATABASE, user=DATABASE))
        yield folder


def test_the_database_is_started_for_the_command(data: Path) -> None:
    done = lightbox("accounts", "list", LIGHTBOX_DATA_DIR=str(data))
    assert (done.returncode, done.stderr) == (0, STARTING)
    assert "admin" in done.stdout
    assert not (data / "postgres" / "postmaster.pid").exists()
    done = lightbox("accounts", "approve", "nobody", LIGHTBOX_DATA_DIR=str(data))
    assert (done.returncode, done.stderr) == (1, STARTING + "There is no such account.\n")
    assert not (data / "postgres" / "postmaster.pid").exists()


def test_one_server_is_started_for_all_that_is_stored(data: Path) -> None:
    done = lightbox("storage", "--service", "auth-service", "--json", LIGHTBOX_DATA_DIR=str(data))
    assert (done.returncode, done.stderr) == (0, STARTING)
    shown = json.loads(done.stdout)
    assert (shown["service"], shown["pictures"]) == ("auth-service", None)
    assert shown["tables"]["accounts"] > 0
    assert shown["free_disk_bytes"] > 0
    assert not (data / "postgres" / "postmaster.pid").exists()


def test_a_server_that_runs_is_used_and_left_running(data: Path) -> None:
    with PostgresServer.at(data) as server:
        before = (data / "postgres" / "postmaster.pid").read_text()
        done = lightbox("keys", "list", LIGHTBOX_DATA_DIR=str(data))
        assert (done.returncode, done.stderr) == (0, "")
        assert "signs" in done.stdout
        assert (data / "postgres" / "postmaster.pid").read_text() == before
        assert server.sql("SELECT 1") == "1"


def test_commands_queue_for_a_server_of_their_own(data: Path) -> None:
    done: list[subprocess.CompletedProcess[str]] = []

    def add(number: int) -> None:
        arguments = ("accounts", "add", f"queued-{number}", "--generate")
        done.append(lightbox(*arguments, LIGHTBOX_DATA_DIR=str(data)))

    threads = [threading.Thread(target=add, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.returncode for each in done] == [0, 0, 0], [each.stderr for each in done]
    shown = lightbox("accounts", "list", LIGHTBOX_DATA_DIR=str(data)).stdout
    assert set(re.findall(r"queued-\d", shown)) == {"queued-0", "queued-1", "queued-2"}


@pytest.mark.parametrize(
    "arguments", [("--help",), ("accounts", "--help"), ("accounts", "list", "--help"), ("accounts", "list", "--king")]
)
def test_help_and_mistakes_start_nothing(data: Path, arguments: tuple[str, ...]) -> None:
    done = lightbox(*arguments, LIGHTBOX_DATA_DIR=str(data))
    assert done.returncode == (2 if "--king" in arguments else 0)
    assert STARTING not in done.stderr


def test_an_external_database_server(postgres: PostgresServer, tmp_path: Path) -> None:
    server = postgres.url("postgres")
    postgres.ensure_database(DATABASE)
    try:
        start_once(tmp_path, on_server(server, DATABASE))
        settings = {"LIGHTBOX_DATA_DIR": str(tmp_path), "DATABASE_URL": server}
        done = lightbox("accounts", "list", **settings)
        assert (done.returncode, done.stderr) == (0, "")
        assert "admin" in done.stdout
        assert sorted(path.name for path in tmp_path.iterdir()) == ["admin-password", "secrets.json"]
        # As in a container: the environment has all settings, and there is no data folder.
        secret = load_or_create(tmp_path / "secrets.json")["auth-service"].secret_key
        settings = {"LIGHTBOX_DATABASE_URL": on_server(server, DATABASE), "LIGHTBOX_SECRET_KEY": secret}
        done = lightbox("accounts", "list", LIGHTBOX_DATA_DIR="/nowhere", **settings)
        assert (done.returncode, done.stderr) == (0, "")
    finally:
        postgres.sql(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@pytest.mark.parametrize(
    ("secrets", "settings", "sentence"),
    [
        (None, {}, r"There is no platform in .*/var \(LIGHTBOX_DATA_DIR\)\. Start the platform once"),
        ("{", {}, r".*/secrets\.json can't be read \(JSONDecodeError\)\."),
        ("[]", {}, r".*/secrets\.json can't be read \(TypeError\)\."),
        ('{"auth-service": 7}', {}, r".*/secrets\.json can't be read \(TypeError\)\."),
        ("{}", {}, r".*/secrets\.json knows no auth-service"),
        (
            '{"auth-service": {"client_secret": "sesame99", "secret_key": "sesame99"}}',
            {},
            r"There is no database in .*/var\. Start the platform once",
        ),
        (
            '{"auth-service": {"client_secret": "sesame99", "secret_key": "sesame99-sesame99-sesame99-sesame99"}}',
            {"DATABASE_URL": "postgresql://u:sesame99@127.0.0.1:1/x"},
            "The database can't be used: ",
        ),
        (None, {"LIGHTBOX_PORT": "sesame99"}, "LIGHTBOX_PORT: Input should be a valid integer"),
    ],
)
def test_where_there_is_no_platform(secrets: str | None, settings: dict[str, str], sentence: str) -> None:
    with temporary_folder() as folder:
        data = folder / "var"
        if secrets is not None:
            data.mkdir()
            (data / "secrets.json").write_text(secrets)
        done = lightbox("accounts", "list", LIGHTBOX_DATA_DIR=str(data), **settings)
        assert (done.returncode, done.stdout) == (1, "")
        assert re.match(sentence, done.stderr), done.stderr
        assert "Traceback" not in done.stderr
        assert "sesame99" not in done.stderr
        assert data.exists() == (secrets is not None)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a file of another user")
def test_root_takes_no_folder_away_from_its_owner(data: Path) -> None:
    path = data / "secrets.json"
    os.chown(path, 12345, -1)
    try:
        done = lightbox("accounts", "list", LIGHTBOX_DATA_DIR=str(data))
        assert done.returncode == 1
        assert "belongs to the user with the id 12345" in done.stderr
    finally:
        os.chown(path, 0, -1)


def test_no_large_library_is_imported_before_a_command_runs() -> None:
    """`lightbox run` and `lightbox --help` import the commands of all services, but not the libraries they use."""
    heavy = ("sqlalchemy", "alembic", "passlib", "fastapi", "structlog", "email_validator", "jose", "cryptography")
    code = f"import sys, lightbox.main; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
