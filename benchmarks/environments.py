"""Environments of their own for peers whose packages are not among those of Lightbox."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import VAR, BenchmarkError


@dataclass(frozen=True, slots=True)
class PeerEnvironment:
    """A virtual environment of a peer below `benchmarks/var`, with the packages of a file of requirements."""

    peer: str
    requirements: Path

    @property
    def folder(self) -> Path:
        """The folder of the environment."""
        return VAR / self.peer.lower().replace(" ", "-")

    def program(self, name: str) -> str:
        """The path of one of its programs."""
        return str(self.folder / "bin" / name)

    def install(self) -> None:
        """Create the environment, unless there is one with these requirements. Raises `BenchmarkError`."""
        mark = self.folder / self.requirements.name
        required = self.requirements.read_bytes()
        if mark.exists() and mark.read_bytes() == required:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        pip = [self.program("python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
        venv = [sys.executable, "-m", "venv", str(self.folder)]
        for command in (venv, [*pip, "install", "-r", str(self.requirements)]):
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                last = (done.stderr.strip() or done.stdout.strip()).rpartition("\n")[2]
                raise BenchmarkError(f"{self.peer} can't be installed: {last}")
        mark.write_bytes(required)
