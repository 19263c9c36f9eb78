"""A start that fails ends with one sentence, which says what is wrong and where."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.running import free_port_block, temporary_folder


def shown_by_run(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """`lightbox run`, which is expected to end by itself."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIGHTBOX_")}
    kept.pop("DATABASE_URL", None)
    environment = {**kept, "NO_COLOR": "1", "LIGHTBOX_PORT": str(free_port_block()), **settings}
    command = [sys.executable, "-m", "lightbox.main", "run"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def last_line(folder: Path, **settings: str) -> str:
    """What it says last, when it does not start."""
    done = shown_by_run(folder, **settings)
    assert (done.returncode, done.stderr) == (1, "")
    assert "Traceback" not in done.stdout
    return done.stdout.splitlines()[-1]


def test_a_folder_that_may_not_be_made(tmp_path: Path) -> None:
    """Not even root makes folders in /sys."""
    said = last_line(tmp_path, LIGHTBOX_DATA_DIR="/sys/lightbox")
    assert said.startswith("/sys/lightbox: ")
    assert said.endswith("Everything is kept in /sys/lightbox; LIGHTBOX_DATA_DIR names another folder.")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to(tmp_path: Path) -> None:
    data = tmp_path / "var"
    data.mkdir(mode=0o500)
    said = last_line(tmp_path, LIGHTBOX_DATA_DIR=str(data))
    assert said.startswith(f"{data}/")
    assert said.endswith(f": Permission denied. Everything is kept in {data}; LIGHTBOX_DATA_DIR names another folder.")


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    data = tmp_path / "var"
    data.write_text("")
    said = last_line(tmp_path)
    assert said == f"{data}: File exists. Everything is kept in {data}; LIGHTBOX_DATA_DIR names another folder."


@pytest.mark.parametrize(("content", "kind"), [("sesame99", "JSONDecodeError"), ('["sesame99"]', "TypeError")])
def test_secrets_that_are_none(tmp_path: Path, content: str, kind: str) -> None:
    path = tmp_path / "var" / "secrets.json"
    path.parent.mkdir()
    path.write_text(content)
    assert last_line(tmp_path) == f"{path} is not a file of secrets ({kind}): put back the one that was there."


def test_a_misspelt_setting_is_named_before(tmp_path: Path) -> None:
    settings = {"LIGHTBOX_COAP_PROT": "5700", "DATABASE_URL": "postgresql://u@127.0.0.1:1/x"}
    said = last_line(tmp_path, **settings)
    assert said.startswith("The server that DATABASE_URL names can't be used: ")
    shown = shown_by_run(tmp_path, **settings).stdout.splitlines()
    named = "LIGHTBOX_COAP_PROT is not a setting and changes nothing. Did you mean LIGHTBOX_COAP_PORT?"
    assert shown.index(named) < shown.index(said)


def test_data_of_another_version_of_the_database() -> None:
    with temporary_folder() as folder:
        data = folder / "var" / "postgres"
        data.mkdir(parents=True, mode=0o700)
        (data / "PG_VERSION").write_text("9\n")
        said = last_line(folder)
        assert said.startswith("PostgreSQL did not start: ")
        assert said.endswith(f"(its log: {folder}/var/log/postgres.log)")
        logged = (folder / "var" / "log" / "postgres.log").read_text()
        assert said.removeprefix("PostgreSQL did not start: ").partition(" (its log")[0] in logged
