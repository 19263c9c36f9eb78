"""docs/a-new-service.md, typed as printed into a copy of the sources: the service checks, starts and answers."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from conftest import ROOT
from support.gateway import ISSUER, FakeAuth, Key, Server

from lightbox.run.postgres import PostgresServer
from lightbox_shared.installation import SERVICE_NAMES

PAGE = ROOT / "docs" / "a-new-service.md"
LINE = re.compile(r'^ *InstalledService\("notes-service".*$', re.MULTILINE)
FILE = re.compile(r"`(notes-service/[^`]+)`(?:(?!```).)*?```(?:toml|python)\n(.*?)```", re.DOTALL)
ROUTE = re.compile(r'^    Route\("/api/notes".*$', re.MULTILINE)
START_SECONDS = 30


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kit, the gateway's package and the tools, with what the page says added."""
    copy = tmp_path_factory.mktemp("checkout")
    for folder in ("shared", "tools", "cli", *SERVICE_NAMES):
        ignored = shutil.ignore_patterns("__pycache__", "model-repository", "training", "*.egg-info")
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", copy)
    page = PAGE.read_text()
    line = LINE.search(page)
    route = ROUTE.search(page)
    assert line is not None
    assert route is not None
    _insert(copy / "shared/src/lightbox_shared/installation.py", line[0], into="SERVICES: Final = (")
    _insert(copy / "gateway/src/gateway/routes.py", route[0], into="TABLE: Final[tuple[Route, ...]] = (")
    files = FILE.findall(page)
    assert len(files) == 12
    for name, text in files:
        path = copy / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return copy


def _insert(path: Path, line: str, *, into: str) -> None:
    """Add a line at the end of a tuple that begins with the text `into`."""
    before, begins, rest = path.read_text().partition(into)
    assert begins
    tuple_, ends, after = rest.partition("\n)\n")
    path.write_text(f"{before}{begins}{tuple_}\n{line}{ends}{after}")


def _environment(checkout: Path, **more: str) -> dict[str, str]:
    sources = os.pathsep.join(str(each) for each in sorted(checkout.glob("*/src")))
    return {**os.environ, "PYTHONPATH": sources, "MYPYPATH": sources.replace(os.pathsep, ":"), **more}


def test_a_line_and_six_files(checkout: Path) -> None:
    names = ("__init__.py", "app.py", "config.py", "state.py", "migrations/0001_notes.py")
    sources = checkout / "notes-service" / "src" / "notes_service"
    files = [checkout / "notes-service" / "pyproject.toml", *(sources / each for each in names)]
    assert "## A line and six files" in PAGE.read_text()
    assert len(files) == 6
    assert sum(len(each.read_text().splitlines()) for each in files) <= 120


def test_it_passes_the_checks(checkout: Path) -> None:
    ruff, mypy, lint_imports = (str(Path(sys.executable).parent / name) for name in ("ruff", "mypy", "lint-imports"))
    _run(checkout, ruff, "format", "--check", "notes-service")
    _run(checkout, ruff, "check", "notes-service")
    _run(checkout, mypy, "--cache-dir", str(ROOT / ".mypy_cache"), "notes-service/src")
    contracts = checkout / "contracts.ini"
    contracts.write_text(_run(checkout, sys.executable, "tools/import_contracts.py"))
    assert "notes_service.notes" in contracts.read_text()
    kept = _run(checkout, lint_imports, "--no-logo", "--no-cache", "--config", str(contracts))
    assert "No circles between the parts of notes_service KEPT" in kept


def _run(checkout: Path, *command: str) -> str:
    """What a command that succeeds writes on standard output."""
    done = subprocess.run(
        command, cwd=checkout, env=_environment(checkout), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def service(checkout: Path, postgres: PostgresServer, tmp_path: Path) -> Iterator[tuple[str, Key]]:
    """The running service, and a key that signs tokens for it."""
    key = Key()
    postgres.sql("CREATE DATABASE notes_of_the_page")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    auth = Server(FakeAuth([key]))
    settings = {
        "LIGHTBOX_PORT": str(port - 6),
        "LIGHTBOX_DATA_DIR": str(tmp_path),
        "LIGHTBOX_DATABASE_URL": postgres.url("notes_of_the_page"),
        "LIGHTBOX_AUTH_SERVICE_URL": auth.url,
        "LIGHTBOX_ISSUER": ISSUER,
        "LIGHTBOX_LONGEST_NOTE": "30",
    }
    command = [sys.executable, "-m", "lightbox_shared.serve", "notes-service"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, env=_environment(checkout, **settings), stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _is_ready(url):
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.1)
        yield url, key
    finally:
        process.terminate()
        process.wait(10)
        auth.stop()
        postgres.sql("DROP DATABASE notes_of_the_page WITH (FORCE)")


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def test_it_starts_and_answers(service: tuple[str, Key]) -> None:
    url, key = service
    mine = {"Authorization": f"Bearer {key.token()}"}
    with httpx.Client(base_url=url) as http:
        assert http.post("/api/notes", json={"text": "a"}).status_code == 401
        made = http.post("/api/notes", json={"text": "The second detector is slow."}, headers=mine)
        assert (made.status_code, made.json()) == (201, {"id": 1, "text": "The second detector is slow."})
        assert http.get("/api/notes/1", headers=mine).json() == made.json()
        another = {"Authorization": f"Bearer {key.token(sub='account:8')}"}
        assert http.get("/api/notes/1", headers=another).status_code == 404
        refused = http.post("/api/notes", data={"text": ""}, headers=mine)
        assert (refused.status_code, refused.json()["detail"]) == (422, "text: This field may not be blank.")
        refused = http.post("/api/notes", json={"text": "x" * 31}, headers=mine)
        assert (refused.status_code, refused.json()["detail"]) == (422, "text: At most 30 characters.")
        document = http.get("/openapi.json").json()
        operation = document["paths"]["/api/notes"]["post"]
        assert operation["operationId"] == "create_note"
        assert set(operation["requestBody"]["content"]) == {
            "application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
        }
        assert document["components"]["schemas"]["NewNote"]["examples"] == [{"text": "The second detector is slow."}]
