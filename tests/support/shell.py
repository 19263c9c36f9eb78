"""A shell in a copy of the project, into which commands are typed as they are printed."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import bcrypt
import httpx
from conftest import ROOT

from lightbox_shared.process.ports import coap_port

COMMAND_SECONDS: Final = 120.0
START_SECONDS: Final = 600.0
PASSWORD: Final = "another-horse-7"
_LEFT_OUT: Final = shutil.ignore_patterns(".git", ".venv", ".env", "var", "__pycache__", ".*_cache", "node_modules")
_KEEPS_RUNNING: Final = re.compile(r"\bmake (?:run|up)\b(?!.*--detach)")
# With job control, or the command would not even hear of SIGINT. It is sent when the command says that it waits.
_INTERRUPTED: Final = """(
set -m
{{ {command}; }} & job=$!
until grep --quiet "Ctrl-C ends it" "{said}"; do kill -0 $job || exit 1; sleep 0.1; done
kill -INT -- -$job
wait $job
[ $? -eq 130 ]
)"""
_WANTS_A_TERMINAL: Final = re.compile(r"# asks|docker compose exec (?!-T)")


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a command."""

    status: int
    stdout: str
    stderr: str


def copy_of_the_project(folder: Path) -> Path:
    """The checkout without what is made in it, and with the environment of the tests."""
    copy = folder / "lightbox"
    shutil.copytree(ROOT, copy, ignore=_LEFT_OUT)
    (copy / ".venv").symlink_to(sys.prefix)
    return copy


def write_users(path: Path) -> None:
    """What docs/moving-in.md's export makes of another system's users."""
    hashed = bcrypt.hashpw(b"their-old-password", bcrypt.gensalt(4)).decode()
    path.write_text(f"username,password_hash,email\nmoved-in,{hashed},moved@lab.example\n")


@dataclass
class Shell:
    """bash in `folder`. Ports and the folder for temporary files are others than the printed ones, so that tests can
    run side by side; a failed HTTP request fails its command; `make` leaves the environment alone."""

    folder: Path
    scratch: Path
    port: int
    changes: Mapping[str, str] = field(default_factory=dict)
    _bash: subprocess.Popen[str] | None = field(default=None, init=False)
    _kept: list[subprocess.Popen[bytes]] = field(default_factory=list, init=False)

    def type(self, text: str) -> Done:
        """Type a command and wait for its end; one that keeps running is left running once the platform is ready."""
        if _KEEPS_RUNNING.search(text):
            return self._keep(text)
        if _WANTS_A_TERMINAL.search(text):
            return self._answer(text)
        assert self._bash is not None
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        files = {name: self.scratch / name for name in ("command", "stdout", "stderr")}
        files["command"].write_text(self.typed(text) + "\n")
        watchdog = threading.Timer(COMMAND_SECONDS, self._bash.kill)
        watchdog.start()
        try:
            names = {name: f'"{path}"' for name, path in files.items()}
            self._bash.stdin.write(". {command} </dev/null >{stdout} 2>{stderr}; echo $?\n".format(**names))
            self._bash.stdin.flush()
            status = self._bash.stdout.readline()
        finally:
            watchdog.cancel()
        said = (files["stdout"].read_text(errors="replace"), files["stderr"].read_text(errors="replace"))
        assert status, f"no end within {COMMAND_SECONDS:g} s, or the end of the shell: {text}\n{said}"
        return Done(int(status), *said)

    def add_program(self, name: str, script: str) -> None:
        """A program that is found before any other one of its name."""
        shims = self.scratch / "shims"
        shims.mkdir(exist_ok=True)
        (shims / name).write_text(f"#!/bin/sh\n{script}\n")
        (shims / name).chmod(0o755)

    def until_ready(self) -> bool:
        """Wait for the platform; whether it became ready."""
        return _until(self.is_ready, START_SECONDS)

    def interrupt(self) -> None:
        """Ctrl-C for what was left running."""
        while self._kept:
            process = self._kept.pop()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
                process.wait(120)

    @contextmanager
    def opened(self) -> Iterator["Shell"]:
        """The shell runs meanwhile."""
        environment = self._environment()
        command = ["bash", "--noprofile", "--norc"]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, stdin=pipe, stdout=pipe, cwd=self.folder, env=environment, text=True
        ) as self._bash:
            try:
                assert self._bash.stdin is not None
                self._bash.stdin.write("set -o pipefail\n")
                yield self
            finally:
                self.interrupt()
                self._bash.kill()

    def _keep(self, text: str) -> Done:
        self.interrupt()
        output = self.scratch / "kept"
        with output.open("wb") as file:
            command = ["bash", "-c", self.typed(text)]
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        self._kept.append(process)
        ready = _until(lambda: process.poll() is not None or self.is_ready(), START_SECONDS)
        return Done(0 if ready and process.poll() is None else process.poll() or -1, output.read_text(), "")

    def _answer(self, text: str) -> Done:
        """At a terminal, which `script` makes: `PASSWORD` for every question."""
        command = ["script", "--quiet", "--return", "--command", self.typed(text), str(self.scratch / "typescript")]
        said = b""
        with subprocess.Popen(
            command, cwd=self.folder, env=self._environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            watchdog = threading.Timer(COMMAND_SECONDS, process.kill)
            watchdog.start()
            try:
                while chunk := os.read(process.stdout.fileno(), 4096):
                    said += chunk
                    if chunk.endswith(b": "):
                        process.stdin.write(PASSWORD.encode() + b"\n")
                        process.stdin.flush()
            finally:
                watchdog.cancel()
        return Done(process.returncode, said.decode(errors="replace"), "")

    def is_ready(self) -> bool:
        """Whether the platform is."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5).is_success
        except httpx.TransportError:
            return False

    def typed(self, text: str) -> str:
        """The text with the ports and folders of this test."""
        text = re.sub(r"\b(127\.0\.0\.1|localhost):8000\b", rf"\1:{self.port}", text)
        text = re.sub(r"coap://127\.0\.0\.1(?!:)", f"coap://127.0.0.1:{coap_port(self.port)}", text)
        text = text.replace("/tmp/", f"{self.scratch}/")  # noqa: S108 - as it is printed
        if "until Ctrl-C" in text:
            text = _INTERRUPTED.format(command=text.partition("#")[0].strip(), said=self.scratch / "stderr")
        return text

    def _environment(self) -> dict[str, str]:
        self.add_program("make", f'exec {shutil.which("make")} -o .venv/run -o .venv/dev "$@"')
        (self.scratch / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("LIGHTBOX_", "MAKE", "MFLAGS"))
        }
        kept.pop("DATABASE_URL", None)
        own = {
            "PATH": f"{self.scratch / 'shims'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.scratch),
            "CURL_HOME": str(self.scratch),
            "LIGHTBOX_PORT": str(self.port),
            "LIGHTBOX_COAP_PORT": str(coap_port(self.port)),
            "NO_COLOR": "1",
            "COLUMNS": "80",
        }
        return {**kept, **own, **self.changes}


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
