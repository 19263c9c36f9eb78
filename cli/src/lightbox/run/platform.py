"""Runs the whole platform on one machine: a database server and every service, each in a process.

The database server is started before the services, and stopped after them. A process that ends unexpectedly is started
again.
"""

import os
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncpg
import httpx
from pydantic import ValidationError

from lightbox.run.coap import CoapSettings, udp_port_is_free
from lightbox.run.console import SETTING as CONSOLE_DIR
from lightbox.run.console import ConsoleBuild, console_dir
from lightbox.run.databases import ensure_databases, on_server
from lightbox.run.postgres import PostgresError, PostgresServer
from lightbox.run.process import Child, rotate_log
from lightbox.run.running_here import RunningMark
from lightbox.service_secrets import ServiceSecrets, load_or_create, service_secrets_setting
from lightbox_shared.commands.running import problems
from lightbox_shared.config import Settings
from lightbox_shared.installation import GATEWAY, SERVICE_NAMES, SERVICES
from lightbox_shared.process.startup import failure_line

READY_SECONDS: Final = 90.0
POLL_SECONDS: Final = 0.05
LOOPBACK: Final = "127.0.0.1"


class StartError(RuntimeError):
    """The platform can't start. The text is shown to the user."""


@dataclass
class Platform:
    """The processes of the platform: `start` them, `wait_ready`, call `restart_ended` regularly, and `stop` them.

    `say` is called with a line for the user when a process is started again.
    """

    settings: Settings = field(default_factory=Settings)
    say: Callable[[str], None] = print
    children: dict[str, Child] = field(default_factory=dict, init=False)
    postgres: PostgresServer | None = field(default=None, init=False)
    started_at: float = field(default=0.0, init=False)
    mark: RunningMark = field(default_factory=RunningMark, init=False)
    coap: CoapSettings | None = field(default=None, init=False)
    """The settings for CoAP. They are None until `start`."""
    console: ConsoleBuild = field(init=False)

    def __post_init__(self) -> None:
        self.console = ConsoleBuild(self.log_dir / "console.log")

    @property
    def url(self) -> str:
        """The URL of the gateway on this machine."""
        return self.settings.local_url("gateway")

    @property
    def data_dir(self) -> Path:
        """The folder of all data, as an absolute path."""
        return self.settings.data_dir.resolve()

    @property
    def log_dir(self) -> Path:
        """The folder of the log files, one for each process."""
        return self.data_dir / "log"

    def start(self) -> None:
        """Start the processes, without waiting until they are ready. Raises `StartError`."""
        try:
            self._start()
        except PostgresError as error:
            raise StartError(str(error)) from error
        except OSError as error:
            raise StartError(_file_problem(error, self.data_dir)) from error

    def _start(self) -> None:
        self.started_at = time.monotonic()
        self.coap = self._coap_settings()
        self._refuse_busy_ports()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        secrets = self._secrets()
        self.mark.set(self.data_dir, self.url)
        databases = self._start_database()
        for service in SERVICE_NAMES:
            own = secrets[service]
            environment = {
                **os.environ,
                "LIGHTBOX_DATA_DIR": str(self.data_dir),
                "LIGHTBOX_PORT": str(self.settings.port),
                "LIGHTBOX_CLIENT_SECRET": own.client_secret,
                "LIGHTBOX_SECRET_KEY": own.secret_key,
            }
            if service == GATEWAY:
                environment[CONSOLE_DIR] = console_dir()
            else:
                environment["LIGHTBOX_HOST"] = LOOPBACK  # only the gateway is reachable from other machines
            # A service knows only its own database, and not the URL of the server.
            environment.pop("DATABASE_URL", None)
            environment["LIGHTBOX_DATABASE_URL"] = databases[service]
            if self.postgres is not None:
                environment["LIGHTBOX_DATABASE_FOLDER"] = str(self.postgres.data)
            if service == "auth-service":
                environment["LIGHTBOX_SERVICE_SECRETS"] = service_secrets_setting(secrets)
            command = [sys.executable, "-m", "lightbox_shared.serve", service]
            self.children[service] = Child(service, command, environment, self.log_dir / f"{service}.log")
            self.children[service].start()

    def wait_ready(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Wait until every service is ready, or `stopped` returns True.

        Raises `StartError` if a service ends, or is not ready after `READY_SECONDS`. The text has its own explanation,
        or the end of its log.
        """
        waiting = dict(self.children)
        deadline = time.monotonic() + READY_SECONDS
        with httpx.Client(timeout=2.0) as http:
            while waiting and not stopped():
                for name in list(waiting):
                    if self._ready(http, name):
                        del waiting[name]
                not_ready = [child for child in waiting.values() if child.ended or time.monotonic() > deadline]
                if not_ready:
                    raise StartError(_why_not_ready(not_ready[0]))
                time.sleep(POLL_SECONDS)

    def build_console(self) -> None:
        """Start to build the console, if that is necessary. The platform is ready without it."""
        try:
            self.console.start()
        except OSError as error:
            self.say(f"The console can't be built: {error}")

    def restart_ended(self) -> None:
        """Start the processes again that have ended. Failures are passed to `say`, and tried again by a later call."""
        if self.postgres is not None:
            said = self.postgres.restart_if_ended()
            if said is not None:
                self.say(said)
        failure = self.console.ended()
        if failure is not None:
            self.say(failure)
        for child in self.children.values():
            try:
                code = child.restart_if_ended()
            except OSError as error:
                self.say(f"{child.name} can't be started: {error.strerror}. It is tried again.")
                continue
            if code is not None:
                self.say(f"{child.name} ended by itself (code {code}); starting it again, see {child.log_path}")

    def rotate_logs(self) -> None:
        """Keep the logs small (`lightbox.run.process.rotate_log`). A log that can't be rotated is passed by; the next
        call tries it again."""
        paths = [child.log_path for child in self.children.values()]
        if self.postgres is not None:
            paths.append(self.postgres.log_path)
        for path in paths:
            with suppress(OSError):
                rotate_log(path)

    def stop(self) -> None:
        """Stop the services, first the gateway so that no new request arrives, and then the database server."""
        self.console.stop()
        for child in self.children.values():
            child.terminate()
        for child in self.children.values():
            child.wait_stopped()
        self.children.clear()
        if self.postgres is not None:
            self.postgres.stop()
        self.mark.remove()

    def _secrets(self) -> dict[str, ServiceSecrets]:
        path = self.data_dir / "secrets.json"
        try:
            return load_or_create(path)
        except (ValueError, TypeError) as error:
            message = f"{path} is not a file of secrets ({type(error).__name__}): put back the one that was there."
            raise StartError(message) from None  # the error's text could contain a secret

    def _ready(self, http: httpx.Client, service: str) -> bool:
        try:
            return http.get(self.settings.local_url(service) + "/readyz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _start_database(self) -> dict[str, str]:
        """Start or check the database server. Returns the URL of each service's database, empty if it has none."""
        named = {service.name: service.database for service in SERVICES if service.has_database}
        if self.settings.database_url:
            try:
                ensure_databases(self.settings.database_url, list(named.values()))
            except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                raise StartError(f"The server that DATABASE_URL names can't be used: {error}") from error
            urls = {service: on_server(self.settings.database_url, name) for service, name in named.items()}
        else:
            self.postgres = PostgresServer.at(self.data_dir)
            self.postgres.start()
            for name in named.values():
                self.postgres.ensure_database(name)
            urls = {service: self.postgres.url(name, user=name) for service, name in named.items()}
        return {service.name: urls.get(service.name, "") for service in SERVICES}

    def _refuse_busy_ports(self) -> None:
        for service in SERVICE_NAMES:
            port = int(self.settings.local_url(service).rsplit(":", 1)[1])
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError as error:
                    message = f"Port {port} ({service}) is in use; is the platform running already? "
                    message += "LIGHTBOX_PORT moves the gateway, and the services follow it."
                    raise StartError(message) from error
        if self.coap is None or not self.coap.serves_coap:
            return
        port = self.coap.coap_udp_port
        if not udp_port_is_free(self.coap.coap_host, port):
            message = f"UDP port {port} (CoAP of core-collection-service) is in use; is the platform running already? "
            message += "LIGHTBOX_COAP_PORT moves it, LIGHTBOX_PORT moves everything, LIGHTBOX_COAP=false does without."
            raise StartError(message)

    def _coap_settings(self) -> CoapSettings:
        try:
            return CoapSettings(port=self.settings.port)
        except ValidationError as error:
            raise StartError(problems(error, prefix="LIGHTBOX_")) from None


def _file_problem(error: OSError, folder: Path) -> str:
    """A message for a file or folder that can't be used."""
    sentence = f"{error.filename or folder}: {error.strerror or type(error).__name__}."
    return f"{sentence} Everything is kept in {folder}; LIGHTBOX_DATA_DIR names another folder."


def _why_not_ready(child: Child) -> str:
    """The explanation in the last line of a service's log (`lightbox_shared.process.startup`), or else the end of the
    log."""
    last = tail(child.log_path, 1)
    if child.ended and last.startswith(failure_line(child.name, "")):
        return f"{last} (its log: {child.log_path})"
    return f"{child.name} does not start. The end of {child.log_path}:\n{tail(child.log_path)}"


def tail(path: Path, lines: int = 15) -> str:
    """Return the last lines of a text file, nothing if there is no file."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""
