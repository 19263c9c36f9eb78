"""`lightbox` where nothing can be written: what runs goes on, and commands say it in a sentence."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console
from support.full_disk import small_disk
from support.processes import until
from support.running import temporary_folder

from lightbox.collect.errors import CollectError
from lightbox.collect.files import save
from lightbox.run.command import Terminal, banner
from lightbox.run.platform import Platform
from lightbox.run.postgres import PostgresServer
from lightbox.run.process import Child, open_log
from lightbox_shared.config import Settings

MIB = 1024**2


def test_a_process_starts_without_its_log(tmp_path: Path) -> None:
    with small_disk(tmp_path, MIB, "nr_inodes=2"):
        (tmp_path / "last").touch()
        child = Child("x", (sys.executable, "-c", "print('x')"), {}, tmp_path / "x.log")
        child.start()
        assert child.process is not None
        assert child.process.wait() == 0
        assert not (tmp_path / "x.log").exists()


def test_other_reasons_are_told(tmp_path: Path) -> None:
    (tmp_path / "x.log").mkdir()
    with pytest.raises(IsADirectoryError):
        os.close(open_log(tmp_path / "x.log"))


def test_a_process_that_can_not_be_started_again_is_tried_later(tmp_path: Path) -> None:
    child = Child("x", (sys.executable, "-c", ""), {}, tmp_path / "x.log")
    child.start()
    assert until(lambda: child.restart_if_ended() == 0)
    child.command = ("/no/such/program",)
    failures = 0
    started = time.monotonic()
    while failures < 2:
        try:
            child.restart_if_ended()
        except OSError:
            failures += 1
    assert time.monotonic() - started > child._pause  # not again and again at once
    child.command = (sys.executable, "-c", "")
    assert until(lambda: child.restart_if_ended() is None and child.restarts == 1)
    child.wait_stopped()


@pytest.mark.parametrize("is_pipe", [True, False])
def test_the_platform_goes_on_without_a_terminal(is_pipe: bool) -> None:
    read, write = os.pipe()
    os.close(read)
    descriptor = write if is_pipe else os.open("/dev/full", os.O_WRONLY)
    stream = os.fdopen(descriptor, "w")
    terminal = Terminal(file=stream)
    terminal.print("one")
    terminal.print("two")
    with pytest.raises((SystemExit, OSError)):
        Console(file=stream).print("rich itself ends the process, or raises")
    with pytest.raises(OSError, match=r"space|pipe"):
        stream.close()


@pytest.mark.processes
def test_a_database_that_can_not_start_is_tried_ever_more_rarely() -> None:
    """As on a full disk (tests/faults/test_full_disk.py). Each reason is told once, and nothing that was committed is
    lost."""
    with temporary_folder() as folder:
        server = PostgresServer.at(folder)
        server.start()
        try:
            server.sql("CREATE TABLE kept AS SELECT generate_series(1, 1000)")
            broken = server.data / "postgresql.auto.conf"
            before = broken.read_bytes()
            broken.write_bytes(b"nonsense\n")
            assert server.process is not None
            server.process.kill()
            server.process.wait()
            told = []
            started = time.monotonic()
            while time.monotonic() - started < 3:
                told += [said] if (said := server.restart_if_ended()) else []
                time.sleep(0.02)
            assert len(told) == 1, told
            assert told[0].startswith("PostgreSQL ended by itself. PostgreSQL did not start: ")
            assert 2 <= server.log_path.read_text().count("contains errors") < 12
            broken.write_bytes(before)
            assert until(lambda: (server.restart_if_ended() or "").endswith("was started again."))
            assert server.sql("SELECT count(*) FROM kept") == "1000"
            server.process.send_signal(signal.SIGQUIT)
            server.process.wait()
            assert (server.restart_if_ended() or "").endswith("was started again.")  # at once: the pause is forgotten
        finally:
            server.stop()


def test_a_file_is_written_completely_or_not_at_all(tmp_path: Path) -> None:
    with small_disk(tmp_path, MIB):
        with pytest.raises(CollectError, match="No space left on device"):
            save(tmp_path / "x.png", bytes(2 * MIB))
        assert list(tmp_path.iterdir()) == []
        save(tmp_path / "x.png", bytes(MIB // 2))
        assert (tmp_path / "x.png").stat().st_size == MIB // 2


@pytest.mark.parametrize(("reserve", "is_told"), [(10**18, True), (0, False)])
def test_the_banner_says_that_pictures_are_refused(tmp_path: Path, reserve: int, is_told: bool) -> None:
    platform = Platform(Settings(data_dir=tmp_path, disk_reserve_bytes=reserve))
    console = Console(width=200)
    with console.capture() as capture:
        console.print(banner(platform, 1.0))
    assert ("pictures are refused" in capture.get()) == is_told


SCRIPT = """
import typer
from lightbox_shared.commands.terminal import say, write, write_bytes
app = typer.Typer()
@app.command()
def run(kind: str) -> None:
    say("progress")
    (write_bytes(b"x") if kind == "bytes" else write("x"))
app()
"""


@pytest.mark.parametrize("kind", ["text", "bytes"])
def test_commands_say_that_they_can_not_write(kind: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, kind], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
        assert done.returncode == 1
        assert done.stderr.splitlines() == ["progress", "The output can't be written: No space left on device."]
        silent = subprocess.run(
            [sys.executable, "-c", SCRIPT, kind], stdout=subprocess.PIPE, stderr=full, text=True, check=False
        )
        assert (silent.returncode, silent.stdout.strip()) == (0, "x")
