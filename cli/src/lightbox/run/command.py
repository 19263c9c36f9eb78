"""The command `lightbox run`: starts the platform, shows its addresses, and stops it on Ctrl-C."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from lightbox.run.console import console_dir
from lightbox.run.platform import Platform, StartError
from lightbox_shared.commands.running import problems
from lightbox_shared.storage.disk_usage import disk_usage

SUPERVISE_SECONDS = 0.2


class Terminal(Console):
    """A console that may be lost: the reader of a pipe is gone, or the disk of a file is full. The platform goes on."""

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 - they are those of Console
        """Print if that is possible."""
        with suppress(OSError):
            super().print(*objects, **options)

    def on_broken_pipe(self) -> None:
        """Do not end the process, as rich does by default."""


def banner(platform: Platform, seconds: float, open_to_strangers: Sequence[str] = ()) -> Panel:
    """Return the text that is shown when the platform is ready, `seconds` after its start. `open_to_strangers` says
    what anybody may do with it."""
    table = Table.grid(padding=(0, 2))
    if console_dir():
        table.add_row("Console", f"{platform.url}/console/")
    table.add_row("API", f"{platform.url}/docs")
    if public := platform.settings.public_url:
        table.add_row("Public", f"{public}: passkeys, links and cookies are for it alone (LIGHTBOX_PUBLIC_URL)")
    if platform.coap is not None and platform.coap.serves_coap:
        table.add_row("Devices", f"{platform.coap.coap_url} (CoAP, UDP)")
    table.add_row("State", f"{platform.url}/readyz")
    password = platform.data_dir / "admin-password"
    if password.exists():
        name = os.environ.get("LIGHTBOX_ADMIN_USERNAME") or "admin"
        table.add_row("Administrator", f"{name}, unless changed since the first start; the password: {password}")
    table.add_row("Logs", str(platform.log_dir))
    table.add_row("Data", str(platform.data_dir))
    if platform.postgres is not None and not platform.postgres.data.is_relative_to(platform.data_dir):
        table.add_row("Database", str(platform.postgres.data))
    usage = disk_usage(platform.data_dir if platform.postgres is None else platform.postgres.data)
    reserve = usage.reserve(platform.settings.disk_reserve_bytes)
    if usage.free < reserve:
        room = f"{usage.free / 1e9:.1f} GB are free, of {reserve / 1e9:.1f} GB that uploads leave: pictures are refused"
        table.add_row("Disk", f"{room} (LIGHTBOX_DISK_RESERVE_BYTES)")
    if open_to_strangers:
        table.add_row(
            "Open", "\n".join([*open_to_strangers, "LIGHTBOX_ENVIRONMENT=production closes what is not set."])
        )
    table.add_row("Stop", "Ctrl-C")
    note = "The bundled models are demonstrations on synthetic phantoms. They are no medical device."
    table.add_row("Note", note)
    return Panel(table, title=f"Lightbox is ready ({seconds:.1f} s)", expand=False)


@contextmanager
def naming_unknown_settings(console: Console) -> Iterator[None]:
    """Print, at the end of the context, which variables are named like settings and are none."""
    with _looking_up("lightbox.run.unknown_settings") as lookup:
        try:
            yield
        finally:
            for sentence in lookup.communicate()[0].splitlines():
                console.print(sentence, style="yellow", markup=False, highlight=False)


def what_is_open() -> list[str]:
    """Return what strangers may do with the platform, a sentence each."""
    with _looking_up("lightbox.run.what_is_open") as lookup:
        return lookup.communicate()[0].splitlines()


def _looking_up(module: str) -> "subprocess.Popen[str]":
    """Run a module that prints sentences.

    It is another process because the classes of settings import much of every service, and the memory of this process,
    which runs as long as the platform, should stay small.
    """
    return subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C must not end it
    )


def run() -> int:
    """Run the platform until SIGINT, SIGTERM or SIGHUP, and return the exit code."""
    console = Terminal(soft_wrap=True)
    stopping = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    try:
        platform = Platform(say=console.print)
    except ValidationError as error:
        console.print(problems(error, prefix="LIGHTBOX_"), style="red", markup=False, highlight=False)
        return 1
    problem = ""
    try:
        console.print("Starting Lightbox ...")
        with naming_unknown_settings(console):
            platform.start()
        platform.wait_ready(stopping.is_set)
        if not stopping.is_set():
            seconds = time.monotonic() - platform.started_at
            console.print(banner(platform, seconds, what_is_open()))
            platform.build_console()
        while not stopping.wait(SUPERVISE_SECONDS):
            platform.restart_ended()
            platform.rotate_logs()
    except StartError as error:
        problem = str(error)
    finally:
        if platform.children or platform.postgres:
            console.print("Stopping ...")
        platform.stop()
    if problem:
        console.print(problem, style="red", markup=False, highlight=False)
        return 1
    console.print("Stopped.")
    return 0
