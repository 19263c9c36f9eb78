"""Programs that work with OpenAPI documents, for the tests that are marked `api`. They are installed once, into the
user's cache: they are neither part of the project nor of its environment."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from conftest import ROOT

HERE: Final = ROOT / "tests" / "api"
SECONDS: Final = 900.0


def python_programs() -> Path:
    """The folder of the programs that tests/api/requirements.txt names, in an environment of their own."""
    requirements = HERE / "requirements.txt"
    folder = cached_folder("python", requirements)
    install_once(
        folder,
        [sys.executable, "-m", "venv", str(folder)],
        [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)],
    )
    return folder / "bin"


def node_packages() -> Path:
    """The `node_modules` of what tests/api/package.json names. Skips the test where there is no Node."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    manifest = HERE / "package.json"
    folder = cached_folder("node", manifest)
    shutil.copy(manifest, folder)
    install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
    install_once(folder, [*install, "--prefix", str(folder)])
    return folder / "node_modules"


def run(command: Sequence[str | Path], folder: Path, **environment: str) -> str:
    """What a program writes. Fails the test with all of it where the program fails."""
    done = subprocess.run(
        [str(each) for each in command],
        cwd=folder,
        env={**_own_environment(), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def cached_folder(kind: str, manifest: Path) -> Path:
    """One for each content of the manifest."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256(manifest.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache / "lightbox-tests" / f"{kind}-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def install_once(folder: Path, *commands: list[str]) -> None:
    """Install, unless it was done before; other processes of the tests wait."""
    done = folder / ".installed"
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            for command in commands:
                run(command, folder)
            done.touch()


def _own_environment() -> dict[str, str]:
    """Without what is set for the tests' own process."""
    return {name: value for name, value in os.environ.items() if name not in {"SSL_CERT_DIR", "PYTHONPATH"}}
