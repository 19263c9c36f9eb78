"""`lightbox demo` on an 80-column terminal: it says whose platform it writes into, and shows its answers whole."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from conftest import ROOT
from support.running import running_platform

from lightbox.demo.answers import DemoError
from lightbox.demo.command import whose
from lightbox.demo.people import new_doctors
from lightbox.run.platform import Platform
from lightbox.run.running_here import RunningMark, running_at


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with running_platform() as running:
        yield running


@pytest.fixture(scope="module")
def lab(platform: Platform) -> Iterator[httpx.Client]:
    """The lab's administrator, who has a picture wait in the queue for any doctor."""
    with httpx.Client(base_url=platform.url, timeout=60) as http:
        password = (platform.data_dir / "admin-password").read_text().strip()
        fields = {"username": "admin", "password": password}
        token = http.post("/authorization", json=fields).json()["access_token"]
        http.cookies.clear()
        http.headers["Authorization"] = f"Bearer {token}"
        picture = (ROOT / "samples" / "normal.png").read_bytes()
        http.post("/uploads/medical-images", files={"file": ("picture-1.png", picture)}).raise_for_status()
        http.post("/api/assignments", json={"mode": "queue", "state": "unassigned"}).raise_for_status()
        yield http


def waiting_in_queue(lab: httpx.Client) -> tuple[int, int, list[object]]:
    """The images of the lab's assignment, the readers that they still want, and its doctors."""
    queue = lab.get("/api/assignments/1").json()
    return queue["images"], queue["missing_readers"], queue["progress"]


@pytest.fixture(scope="module")
def shown(platform: Platform, lab: httpx.Client) -> str:
    """What the walk prints, with the settings that the platform was started with."""
    assert waiting_in_queue(lab) == (1, 1, [])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIGHTBOX_")}
    settings = {"LIGHTBOX_PORT": str(platform.settings.port), "LIGHTBOX_DATA_DIR": str(platform.data_dir)}
    done = subprocess.run(
        [sys.executable, "-m", "lightbox.main", "demo"],
        env={**kept, **settings, "COLUMNS": "80", "NO_COLOR": "1"},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_it_says_whose_platform_it_writes_into(platform: Platform, shown: str) -> None:
    first = shown.splitlines()[0]
    assert first.startswith(f"A platform runs at {platform.url}; its data are in {platform.data_dir}. Accounts demo-")


def test_of_another_folder(platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTBOX_DATA_DIR", str(tmp_path))
    assert f"; it is another one than that of {tmp_path}. " in whose(platform.url)
    monkeypatch.setenv("LIGHTBOX_DATA_DIR", str(platform.data_dir))
    assert f"; it is another one than that of {platform.data_dir}. " in whose("http://127.0.0.1:1")


def test_the_times_that_tell_rows_apart_are_whole(shown: str) -> None:
    posted = re.findall(r"│ (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) │", shown)
    assert len(set(posted)) == 3
    taken = re.findall(r"│ (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) │ image/", shown)
    assert len(set(taken)) == 4
    assert shown.count("…") == 1  # behind the part of an API key that is shown on purpose


def test_senml_is_shown_as_json(shown: str) -> None:
    pack = json.loads(shown.partition("as SenML:\n")[2].partition("\n─")[0])
    assert [record["n"].rpartition("/")[2] for record in pack] == [
        "pictures", "device", "timestamp", "href", "type", "size",
    ]  # fmt: skip


def test_three_doctors_label(shown: str) -> None:
    labelled = shown.partition("two readers each, one difference")[2]
    assert "Ada, Berta, Clara" in labelled
    assert labelled.count(" done ") == 3
    assert "effusion    │ 3      │ 0.67" in labelled
    assert re.search(r"an export of all labels, in csv: \d+ rows", labelled)


@pytest.mark.usefixtures("shown")
def test_it_leaves_the_queue_of_the_lab_alone(lab: httpx.Client) -> None:
    assert waiting_in_queue(lab) == (1, 1, [])
    assert lab.get("/jobs", params={"image_id": 1}).json()["data"] == []


@pytest.mark.usefixtures("shown")
def test_its_doctors_are_none_at_the_end(lab: httpx.Client) -> None:
    accounts = {each["nickname"]: each["authority"] for each in lab.get("/accounts").json()["data"]}
    names = ("Ada", "Berta", "Clara", "Dora", "Emil")
    assert [accounts[name] for name in names] == ["none"] * 5


def test_the_mark_of_a_platform(tmp_path: Path) -> None:
    """It goes with the process, and a second platform does not take it away."""
    assert running_at(tmp_path) is None
    mark, second = RunningMark(), RunningMark()
    mark.set(tmp_path, "http://127.0.0.1:8000")
    second.set(tmp_path, "http://127.0.0.1:9000")
    assert running_at(tmp_path) == "http://127.0.0.1:8000"
    second.remove()
    assert running_at(tmp_path) == "http://127.0.0.1:8000"
    mark.remove()
    assert running_at(tmp_path) is None
    mark.set(tmp_path, "http://127.0.0.1:80")
    assert running_at(tmp_path) == "http://127.0.0.1:80"
    mark.remove()


def test_doctors_are_let_go_also_where_one_can_not_be(platform: Platform, lab: httpx.Client) -> None:
    """What went wrong before is what is told, and the doctors that could be let go are none any more."""
    admin = {"Authorization": lab.headers["Authorization"]}
    with httpx.Client(base_url=platform.url, timeout=60) as http:
        context = new_doctors(http, admin, ["One", "Two", "Three"])
        doctors = context.__enter__()
        lab.delete(f"/accounts/{doctors[0].id}").raise_for_status()
        error = DemoError("as it was")
        assert not context.__exit__(DemoError, error, None)
    assert len(error.__notes__) == 1
    for doctor in doctors[1:]:
        assert lab.get(f"/accounts/{doctor.id}").json()["authority"] == "none"
