"""Logs stay small while the processes that write them run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import until

from lightbox.run import process
from lightbox.run.platform import Platform
from lightbox.run.process import Child, rotate_log
from lightbox_shared.config import Settings

LIMIT = 10_000
WRITER = """
import sys
for number in sys.stdin:
    print("line", number.strip(), flush=True)
"""


@pytest.fixture(autouse=True)
def small_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LOG_BYTES", LIMIT)


def test_a_process_goes_on_writing(tmp_path: Path) -> None:
    log, older = tmp_path / "service.log", tmp_path / "service.log.1"
    descriptor = process.open_log(log)
    command = [sys.executable, "-c", WRITER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=descriptor, text=True) as writer:
        os.close(descriptor)
        assert writer.stdin is not None

        def write(first: int, last: int) -> None:
            assert writer.stdin is not None
            writer.stdin.writelines(f"{number}\n" for number in range(first, last + 1))
            writer.stdin.flush()
            assert until(lambda: log.read_text().endswith(f"line {last}\n"))

        write(1, 10)
        rotate_log(log)
        assert not older.exists()
        write(11, 2000)
        assert log.stat().st_size > LIMIT
        rotate_log(log)
        assert log.stat().st_size == 0
        write(2001, 2010)
        rotate_log(log)
        writer.stdin.close()
    lines = (older.read_text() + log.read_text()).splitlines()
    assert lines == [f"line {number}" for number in range(1, 2011)]
    assert b"\0" not in log.read_bytes()  # as there would be if the process went on where it was
    assert older.stat().st_mode & 0o007 == 0


def test_without_room_for_a_copy_it_is_emptied_all_the_same(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    log.write_bytes(b"x" * (LIMIT + 1))
    (tmp_path / "service.log.1").symlink_to("/dev/full")
    rotate_log(log)
    assert log.stat().st_size == 0
    assert not (tmp_path / "service.log.1").exists()


def test_without_a_log_nothing_happens(tmp_path: Path) -> None:
    rotate_log(tmp_path / "service.log")
    assert list(tmp_path.iterdir()) == []


def test_those_of_all_processes(tmp_path: Path) -> None:
    """One that can't be rotated does not keep the others from it."""
    platform = Platform(Settings(data_dir=tmp_path))
    for name in ("one", "two", "three"):
        platform.children[name] = Child(name, (), {}, platform.log_dir / f"{name}.log")
    platform.log_dir.mkdir()
    for name in ("one", "three"):
        (platform.log_dir / f"{name}.log").write_bytes(b"x" * (LIMIT + 1))
    (platform.log_dir / "two.log").mkdir()
    os.truncate(platform.log_dir / "one.log", LIMIT + 2)
    platform.rotate_logs()
    sizes = {each.name: each.stat().st_size for each in platform.log_dir.iterdir() if each.is_file()}
    assert sizes == {"one.log": 0, "one.log.1": LIMIT + 2, "three.log": 0, "three.log.1": LIMIT + 1}
