"""The PostgreSQL server that `lightbox run` starts."""

import base64
import hashlib
import hmac
import os
import pwd
import re
import secrets
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest
from conftest import ROOT
from support.processes import descendants, until
from support.running import temporary_folder

from lightbox.run import postgres
from lightbox.run.postgres import (
    SYSTEM_STATE,
    VERSION,
    PostgresError,
    PostgresServer,
    _copy_binaries,
    _system_user,
    _wheel_binaries,
    reachable_by_others,
)
from lightbox_shared.database import Database

pytestmark = pytest.mark.processes

AS_ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """One data folder for all tests, since its initialisation takes most of the time."""
    with temporary_folder() as made:
        yield made


@pytest.fixture
def make_server(folder: Path) -> Iterator[Callable[[], PostgresServer]]:
    """Makes servers on one data folder, with fsync on, and stops them at the end."""
    made: list[PostgresServer] = []

    def make() -> PostgresServer:
        made.append(PostgresServer.at(folder))
        return made[-1]

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def server(make_server: Callable[[], PostgresServer]) -> PostgresServer:
    made = make_server()
    made.start()
    made.sql("CREATE TABLE IF NOT EXISTS kept (what text)")
    made.sql("TRUNCATE kept")
    return made


def pid_of(server: PostgresServer) -> int:
    assert server.process is not None
    return server.process.pid


def test_it_serves_and_stops_with_nothing_left(server: PostgresServer) -> None:
    assert server.sql("SHOW server_version_num").startswith("18")
    assert server.sql("SELECT 'Röntgen' || 1") == "Röntgen1"
    processes = descendants(pid_of(server))
    assert len(processes) >= 3
    process = server.process
    assert process is not None
    server.stop()
    assert process.returncode == 0
    assert until(lambda: not any(each.alive for each in processes))
    assert list(server.socket_folder.iterdir()) == []
    server.stop()  # a second call has no effect


def test_it_does_not_listen_on_the_network(server: PostgresServer) -> None:
    assert server.sql("SHOW listen_addresses") == ""
    assert stat.S_IMODE(server.socket_folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700


def test_what_was_committed_survives_a_restart(server: PostgresServer) -> None:
    server.sql("INSERT INTO kept VALUES ('before')")
    server.stop()
    server.start()
    assert server.sql("SELECT what FROM kept") == "before"


def test_what_was_committed_survives_a_crash(server: PostgresServer) -> None:
    """Another client has an open transaction, and its backend process ends a moment after the server."""
    server.sql("INSERT INTO kept VALUES ('before')")
    other = subprocess.Popen(
        [str(server.binaries / "psql"), "-Xqd", server.url("postgres"), "-c", "BEGIN",
         "-c", "INSERT INTO kept VALUES ('never committed')", "-c", "SELECT pg_sleep(60)"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert until(lambda: server.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%sleep(60)'") == "1")
        process = server.process
        assert process is not None
        process.kill()
        process.wait()
        assert until(lambda: _starts(server))  # like `Platform.restart_ended`
        assert server.sql("SELECT what FROM kept") == "before"
    finally:
        other.kill()
        other.wait()


def _starts(server: PostgresServer) -> bool:
    with suppress(PostgresError):
        server.start()
        return True
    return False


def test_a_second_server_on_the_same_data_is_refused(
    server: PostgresServer, make_server: Callable[[], PostgresServer]
) -> None:
    second = make_server()
    message = rf"process {pid_of(server)}\) uses .*postgres already: is the platform running\?"
    with pytest.raises(PostgresError, match=message):
        second.start()
    second.stop()
    assert server.sql("SELECT 1") == "1"


def test_the_traces_of_a_process_that_is_gone_are_no_server(server: PostgresServer) -> None:
    """After a power failure another process may have the id that postmaster.pid names."""
    server.stop()
    lock = server.data / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{server.data}\n1\n5432\n{server.socket_folder}\n\n0 0\nready   \n")
    if server.user is not None:
        os.chown(lock, server.user.pw_uid, server.user.pw_gid)
    server.start()
    assert server.sql("SELECT 1") == "1"


def test_databases_and_their_owners(server: PostgresServer) -> None:
    for _ in range(2):
        server.ensure_database("lightbox_kit")
    assert server.sql("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'lightbox_kit'") == (
        "lightbox_kit"
    )
    for name in ("", "a b", 'a"b', "a'b", "x; DROP DATABASE postgres", "a-b"):
        with pytest.raises(PostgresError, match="is no name for a database"):
            server.ensure_database(name)


def test_a_failing_statement_says_why(server: PostgresServer) -> None:
    with pytest.raises(PostgresError, match='relation "nowhere" does not exist'):
        server.sql("SELECT * FROM nowhere")


def test_a_server_that_does_not_come_up_says_why(folder: Path) -> None:
    server = PostgresServer.at(folder, ("max_connections=nonsense",))
    with pytest.raises(PostgresError, match='invalid value for parameter "max_connections"'):
        server.start()
    server.stop()


def modes_above(path: Path) -> dict[Path, tuple[int, int, int]]:
    return {each: (each.stat().st_mode, each.stat().st_uid, each.stat().st_gid) for each in path.parents}


@pytest.mark.skipif(not AS_ROOT, reason="an ordinary user's server runs as that user, wherever the folder is")
def test_as_root_no_existing_folder_changes() -> None:
    private = Path(tempfile.mkdtemp(prefix="lightbox-test-private-"))  # mode 700, as everything below it
    folder = private / "a" / "b"
    folder.parent.mkdir(mode=0o700)
    folder.mkdir(mode=0o700)
    state: Path | None = None
    try:
        assert not reachable_by_others(folder / "postgres")
        watched = {folder: (folder.stat().st_mode, 0, 0)} | modes_above(folder)
        binaries = Path(shutil.__file__).resolve()
        elsewhere = modes_above(binaries) | modes_above(Path(__file__).resolve())
        server = PostgresServer.at(folder)
        state = server.data.parent
        with server:
            assert server.sql("SELECT 1") == "1"
            assert server.data.is_relative_to(SYSTEM_STATE)
            assert (folder / "postgres-is-at").read_text() == f"{state}\n"
            assert {each: (each.stat().st_mode, 0, 0) for each in [folder]} | modes_above(folder) == watched
        assert modes_above(folder).items() <= watched.items()
        assert modes_above(binaries) | modes_above(Path(__file__).resolve()) == elsewhere
        assert PostgresServer.at(folder).data == server.data
        assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
        assert stat.S_IMODE(SYSTEM_STATE.stat().st_mode) == 0o711
    finally:
        shutil.rmtree(private)
        if state is not None and state.is_relative_to(SYSTEM_STATE / "data"):
            shutil.rmtree(state)


@pytest.mark.skipif(not AS_ROOT, reason="an ordinary user's server runs as that user")
def test_starts_at_the_same_time_make_one_system_user(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"lightbox-{secrets.token_hex(4)}"
    monkeypatch.setattr(postgres, "SYSTEM_USER", name)
    with ThreadPoolExecutor(4) as threads:
        made = [threads.submit(_system_user) for _ in range(4)]
    try:
        found = pwd.getpwnam(name)
        assert [each.result() for each in made] == [found] * 4
    finally:
        subprocess.run(["/usr/sbin/userdel", name], check=True)
    monkeypatch.setattr(postgres, "SYSTEM_USER", "no name for a user")
    with pytest.raises(PostgresError, match=r"can't be made: .*no name for a user"):
        _system_user()


@pytest.fixture
def deep(folder: Path) -> Iterator[Path]:
    """A folder whose path is too long for a socket (108 bytes on Linux, sun_path)."""
    made = folder / ("d" * 60) / ("e" * 60)
    made.mkdir(parents=True)
    for each in (made.parent, made):
        each.chmod(0o711)
    yield made
    shutil.rmtree(made.parent)


def test_a_path_that_is_too_long_for_a_socket(deep: Path) -> None:
    server = PostgresServer.at(deep)
    socket_folder = server.socket_folder
    try:
        assert socket_folder.parent == Path(tempfile.gettempdir())
        assert stat.S_IMODE(socket_folder.stat().st_mode) == 0o700
        assert PostgresServer.at(deep).socket_folder == socket_folder
        with server:
            assert server.sql("SELECT 1") == "1"
        socket_folder.chmod(0o777)
        with pytest.raises(PostgresError, match="is not private to us"):
            PostgresServer.at(deep)
        socket_folder.rmdir()
        socket_folder.symlink_to(deep)
        with pytest.raises(PostgresError, match="is not private to us"):
            PostgresServer.at(deep)
    finally:
        if socket_folder.is_symlink():
            socket_folder.unlink()
        else:
            socket_folder.rmdir()


@pytest.mark.parametrize("name", ["a b%20c", "a, b:c", 'the "lab\'s" Röntgen'])
async def test_any_path_for_the_data(folder: Path, name: str) -> None:
    """The path is a part of database URLs, which libpq, asyncpg and SQLAlchemy parse differently."""
    server = PostgresServer.at(folder / name)
    try:
        with server:
            server.ensure_database("lightbox_kit")
            url = server.url("lightbox_kit", user="lightbox_kit")
            assert server.sql("SELECT current_database()", database="lightbox_kit") == "lightbox_kit"
            connection = await asyncpg.connect(url)
            assert await connection.fetchval("SELECT current_user") == "lightbox_kit"
            await connection.close()
            database = Database(url)
            await database.check()
            await database.dispose()
    finally:
        shutil.rmtree(server.socket_folder)


@pytest.mark.skipif(not AS_ROOT, reason="only root can make a folder of another user")
def test_a_socket_folder_of_another_user_is_refused(deep: Path) -> None:
    socket_folder = PostgresServer.at(deep).socket_folder
    try:
        os.chown(socket_folder, 12345, 12345)
        with pytest.raises(PostgresError, match="is not private to us"):
            PostgresServer.at(deep)
    finally:
        socket_folder.rmdir()


@pytest.mark.skipif(not AS_ROOT, reason="only root needs a copy of the binaries")
def test_the_copied_binaries_run_as_the_system_user() -> None:
    """If the environment is in a private folder, such as a home directory, the server is run from a copy."""
    binaries = _copy_binaries(_wheel_binaries())
    assert binaries.is_relative_to(SYSTEM_STATE)
    user = _system_user()
    for program in ("postgres", "initdb", "psql"):
        done = subprocess.run(
            [binaries / program, "--version"],
            check=True,
            capture_output=True,
            text=True,
            cwd="/",
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
        )
        assert f"(PostgreSQL) {VERSION}." in done.stdout


def test_the_databases_of_compose(server: PostgresServer, tmp_path: Path) -> None:
    """Each role has its own password, which is in the arguments of no program: every user of the machine could read
    those."""
    passwords = {"AUTH": 'it\'s \\ :x a "secret"', "CORE_COLLECTION": secrets.token_urlsafe(24)}
    tools, seen = tmp_path / "bin", tmp_path / "arguments"
    tools.mkdir()
    for name in ("psql", "env", "sed", "sort", "tr", "echo"):
        program = server.binaries / name if name == "psql" else shutil.which(name)
        (tools / name).write_text(f'#!/bin/sh\necho "{name} $*" >> "{seen}"\nexec "{program}" "$@"\n')
        (tools / name).chmod(0o755)
    environment = {
        **{f"{prefix}_DATABASE_PASSWORD": password for prefix, password in passwords.items()},
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PGHOST": str(server.socket_folder),
        "PGUSER": "postgres",
    }
    script = ["/bin/sh", str(ROOT / "deploy" / "create-databases.sh")]
    for _ in range(2):  # it runs at every start
        done = subprocess.run(script, env=environment, capture_output=True, text=True, check=True)
        assert not any(password in done.stdout + done.stderr for password in passwords.values())
    arguments = seen.read_text()
    assert arguments.count("psql ") >= 2 * len(passwords)
    assert not any(password in arguments for password in passwords.values())
    query = "SELECT rolname, rolpassword FROM pg_authid WHERE rolname LIKE 'lightbox_%' ORDER BY rolname"
    rows = dict(line.split("|") for line in server.sql(query).splitlines())
    for prefix, password in passwords.items():
        assert _is_scram_of(password, rows[f"lightbox_{prefix.lower()}"])


def _is_scram_of(password: str, verifier: str) -> bool:
    """Whether a verifier as PostgreSQL stores it (RFC 5803) is that of a password."""
    _, iterations, salt, keys = re.split(r"[$:]", verifier, maxsplit=3)
    stored_key, _, _ = keys.partition(":")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return hashlib.sha256(client_key).digest() == base64.b64decode(stored_key)
