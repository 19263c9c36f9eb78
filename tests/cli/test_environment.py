"""`lightbox env` and `make env`, which write the `.env` that Compose reads."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from lightbox_shared.installation import AUTH_SERVICE, SERVICES


def lightbox(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `lightbox env`."""
    command = [sys.executable, "-m", "lightbox.main", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def as_make_runs_it(python: str, folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run the module with the standard library only: without packages of an environment or of the user."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}/cli/src:{ROOT}/shared/src", **changes}
    command = [python, "-S", "-B", "-m", "lightbox.environment"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def variables_in(folder: Path) -> dict[str, str]:
    """The variables of the file."""
    lines = (folder / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_it_is_written_once_for_its_owner_alone(tmp_path: Path) -> None:
    done = lightbox("env", folder=tmp_path)
    assert done.returncode == 0
    path = tmp_path / ".env"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_text()
    written = dict(line.split("=", 1) for line in content.splitlines() if not line.startswith("#"))
    private = [value for name, value in written.items() if "PASSWORD" in name or "SECRET" in name]
    assert len(set(private)) == len(private)
    assert all(len(value) >= 24 and value not in done.stdout for value in private)
    entries = dict(entry.split(":") for entry in written["SERVICE_SECRETS"].split(","))
    # auth-service checks the secrets, and has none.
    assert entries == {
        each.name: written[f"{each.short_name.upper()}_CLIENT_SECRET"] for each in SERVICES if each.name != AUTH_SERVICE
    }
    again = lightbox("env", folder=tmp_path)
    assert (again.returncode, path.read_text()) == (0, content)
    assert "is there already and stays as it is" in again.stdout
    assert [each.name for each in tmp_path.iterdir()] == [".env"]


def test_one_of_an_older_version_is_completed(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    lightbox("env", folder=tmp_path)
    whole = path.read_text().splitlines()
    older = [line for line in whole if not line.startswith(("CORE_COLLECTION_", "LIGHTBOX_CO"))]
    older = [re.sub(",core-collection-service:[^,]*", "", line) for line in older] + ["MINE=1"]
    path.write_text("\n".join(older) + "\n")
    assert "Added" in lightbox("env", folder=tmp_path).stdout
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = path.read_text().splitlines()
    assert set(older) - set(lines) == {line for line in older if line.startswith("SERVICE_SECRETS=")}
    written = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    assert set(written) == {line.split("=", 1)[0] for line in whole if not line.startswith("#")} | {"MINE"}
    entries = dict(entry.split(":") for entry in written["SERVICE_SECRETS"].split(","))
    assert entries["core-collection-service"] == written["CORE_COLLECTION_CLIENT_SECRET"]
    assert entries["gateway"] == written["GATEWAY_CLIENT_SECRET"]
    lightbox("env", folder=tmp_path)
    assert path.read_text().splitlines() == lines


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_with_any_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        lightbox("env", folder=tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_another_file_stays(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MINE=1\n")
    assert lightbox("env", folder=tmp_path).returncode == 0
    assert (tmp_path / ".env").read_text() == "MINE=1\n"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(tmp_path / "elsewhere")
    lightbox("env", folder=tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_make_needs_no_environment(tmp_path: Path) -> None:
    assert "PYTHONPATH=cli/src:shared/src $(PYTHON) -m lightbox.environment" in (ROOT / "Makefile").read_text()
    done = as_make_runs_it(sys.executable, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Wrote .env" in done.stdout
    own = variables_in(tmp_path)
    (tmp_path / "other").mkdir()
    lightbox("env", folder=tmp_path / "other")
    assert list(variables_in(tmp_path / "other")) == list(own)


@pytest.mark.parametrize("version", ["3.9", "3.13"])
def test_with_the_python_of_the_machine(tmp_path: Path, version: str) -> None:
    python = shutil.which(f"python{version}")
    bare = {"PATH": os.environ["PATH"]}
    if python is None or subprocess.run([python, "-V"], env=bare, capture_output=True, check=False).returncode:
        pytest.skip(f"there is no Python {version} here")
    done = as_make_runs_it(python, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(variables_in(tmp_path)["POSTGRES_PASSWORD"]) >= 24


def test_a_folder_that_can_not_be_written_to() -> None:
    done = as_make_runs_it(sys.executable, Path("/sys"))
    assert done.returncode == 1
    assert re.fullmatch(r"\.env can't be written: [A-Z][a-z ]+\n", done.stderr)


def test_a_volume_that_was_made_with_another_file(tmp_path: Path) -> None:
    """A script `docker` answers like Docker if there is such a volume."""
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    asked = "volume ls --quiet --filter=label=com.docker.compose.project=mylab-2"
    asked += " --filter=label=com.docker.compose.volume=database"
    docker.write_text(f'#!/bin/sh\n[ "$*" = "{asked}" ] && echo mylab-2_database\n')
    docker.chmod(0o755)
    path = f"{docker.parent}{os.pathsep}{os.environ['PATH']}"
    for name, kept in (("_My Lab-2", True), ("another", False)):
        (tmp_path / name).mkdir()
        done = as_make_runs_it(sys.executable, tmp_path / name, PATH=path)
        assert (done.returncode, done.stderr) == (0, "")
        assert ("the volume mylab-2_database was made with another one" in done.stdout) == kept
        assert (tmp_path / name / ".env").exists()
