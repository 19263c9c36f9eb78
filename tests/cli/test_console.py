"""Building the console of a checkout: `console/build.py`, with the real npm and Vite."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

pytestmark = pytest.mark.processes


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """The sources of the console in a folder of their own."""
    left_out = shutil.ignore_patterns("dist*", "node_modules", ".node", ".build.lock")
    return Path(shutil.copytree(ROOT / "console", tmp_path / "console", ignore=left_out))


def build(sources: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(sources / "build.py")]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300, check=False
    )


def test_build(sources: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    done = build(sources)
    assert done.returncode == 0, done.stdout + done.stderr
    index = sources / "dist" / "index.html"
    names = {each.name for each in (sources / "dist" / "assets").iterdir()}
    assert '<script type="module"' in index.read_text()
    assert any(name.startswith("index-") and name.endswith(".js.br") for name in names)
    assert not (sources / "dist.state").exists()
    made = index.stat().st_ino
    assert build(sources).returncode == 0
    assert index.stat().st_ino == made, "nothing has changed, so nothing is built"
    (sources / "src" / "App.vue").write_text("<template><p>another</template")
    broken = build(sources)
    assert broken.returncode == 1
    assert (sources / "dist.state").read_text() == broken.stderr.strip().splitlines()[-1]
    assert broken.stderr.strip().splitlines()[-1].startswith("vite build ended with 1: ")
    assert index.stat().st_ino == made, "what was built before stays"


@pytest.mark.parametrize(("packages", "stay"), [({"vite": {}, "vitest": {"dev": True}}, True), ({"vite": {}}, False)])
def test_the_tools_of_a_developer_stay(sources: Path, packages: dict[str, object], stay: bool) -> None:
    """Whether make or npm has installed them. A build installs afresh where there are none, or older ones."""
    spec = importlib.util.spec_from_file_location("console_build", sources / "build.py")
    assert spec is not None
    assert spec.loader is not None
    builder = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(builder)
    assert not builder.development_is_installed()
    installed = sources / "node_modules" / ".package-lock.json"
    installed.parent.mkdir()
    installed.write_text(json.dumps({"packages": packages}))
    assert builder.development_is_installed() is stay
    os.utime(installed, (0, 0))
    assert not builder.development_is_installed()


def test_why_it_can_not_be_built(sources: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    manifest = json.loads((sources / "package.json").read_text())
    manifest["dependencies"]["vue"] = "1.0.0"
    (sources / "package.json").write_text(json.dumps(manifest))
    done = build(sources)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("npm ci ended with 1: ")
    assert (sources / "dist.state").read_text() == line
