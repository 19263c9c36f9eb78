"""`lightbox hub` against a running platform."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import SAMPLES
from support import pictures
from support.running import running_platform
from typer.testing import CliRunner, Result

from lightbox.commands.hub import app
from lightbox.hub.uploads import CHUNK_BYTES, upload_file
from lightbox.run.platform import Platform

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with running_platform() as running:
        yield running


@pytest.fixture(scope="module")
def headers(platform: Platform) -> dict[str, str]:
    """The header of the administrator's session."""
    password = (platform.data_dir / "admin-password").read_text().strip()
    answer = httpx.post(f"{platform.url}/authorization", json={"username": "admin", "password": password}, timeout=60)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture(scope="module")
def key(platform: Platform, headers: dict[str, str]) -> str:
    body = {"name": "importer", "scopes": ["hub"]}
    answer = httpx.post(f"{platform.url}/api/keys", json=body, headers=headers, timeout=60)
    return str(answer.json()["key"])


def hub(*arguments: str, key: str = "") -> Result:
    done = CliRunner().invoke(app, list(arguments), env={"LIGHTBOX_API_KEY": key, "NO_COLOR": "1"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def listed(command: str, platform: Platform, key: str) -> list[dict[str, Any]]:
    done = hub(command, platform.url, "--json", key=key)
    assert done.exit_code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, a text, a hidden file and a folder."""
    made = tmp_path / f"scans-{tmp_path.name}"
    (made / "more").mkdir(parents=True)
    for name in ("normal.png", "cardiomegaly.jpg", "pleural-effusion.dcm", "README.md"):
        shutil.copy(SAMPLES / name, made)
    (made / ".hidden.png").write_bytes(pictures.png())
    (made / "more" / "below.png").write_bytes(pictures.png())
    return made


def test_a_folder_is_imported_into_a_new_group(platform: Platform, key: str, folder: Path) -> None:
    before = {each["group"] for each in listed("groups", platform, key)}
    done = hub("import", platform.url, str(folder), "--group", "new", key=key)
    assert done.exit_code == 0, done.stderr
    (group,) = [each for each in listed("groups", platform, key) if each["group"] not in before]
    expected = f"3 uploaded, 0 were there already, 1 left out that are no pictures; 3 added to group {group['group']}\n"
    assert (done.stdout, group["pictures"]) == (expected, 3)
    (made,) = [each for each in listed("folders", platform, key) if each["name"] == folder.name]
    assert (made["files"], made["bytes"]) == (
        3,
        sum((folder / name).stat().st_size for name in ("normal.png", "cardiomegaly.jpg", "pleural-effusion.dcm")),
    )
    again = hub("import", platform.url, str(folder), key=key)
    assert again.stdout == "0 uploaded, 3 were there already, 1 left out that are no pictures\n"
    table = hub("folders", platform.url, key=key)
    assert folder.name in table.stdout
    assert "GiB are used" in table.stderr


def test_pictures_come_to_a_group_that_is_there(platform: Platform, key: str, folder: Path) -> None:
    hub("import", platform.url, str(folder), "--group", "new", "--name", f"first {folder.name}", key=key)
    group = listed("groups", platform, key)[-1]
    done = hub("import", platform.url, str(folder), "--group", str(group["group"]), key=key)
    assert f"3 added to group {group['group']}\n" in done.stdout
    assert listed("groups", platform, key)[-1]["pictures"] == 6


def test_what_fails_is_named(platform: Platform, key: str, folder: Path) -> None:
    whole = (folder / "normal.png").read_bytes()
    (folder / "broken.png").write_bytes(whole[: len(whole) // 2])
    done = hub("import", platform.url, str(folder), "--group", "new", key=key)
    assert done.exit_code == 1
    assert "broken.png: " in done.stderr
    assert "4 uploaded" in done.stdout
    assert "3 added to group" in done.stdout
    done = hub("import", platform.url, str(folder), "--group", "999999", key=key)
    assert done.exit_code == 1
    assert "0 added to group -" in done.stdout


def test_a_large_folder_comes_to_one_group(
    platform: Platform, key: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightbox.hub.importing.FILES_AT_ONCE", 2)
    done = hub("import", platform.url, str(folder), "--group", "new", key=key)
    group = listed("groups", platform, key)[-1]
    assert done.stdout.endswith(f"3 added to group {group['group']}\n")
    assert group["pictures"] == 3


def test_the_answer_to_the_last_chunk_is_lost(
    platform: Platform, key: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session has ended, and the file is there."""
    monkeypatch.setattr("lightbox.hub.uploads.FIRST_PAUSE_SECONDS", 0.01)
    whole = httpx.Client.put

    def losing(client: httpx.Client, *arguments: Any, **options: Any) -> httpx.Response:
        whole(client, *arguments, **options)
        raise httpx.ReadError("lost")

    monkeypatch.setattr(httpx.Client, "put", losing)
    done = hub("import", platform.url, str(folder), key=key)
    assert (done.exit_code, done.stdout[:32]) == (0, "3 uploaded, 0 were there already")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("http://127.0.0.1:1",), "The server does not answer"),
        (("ftp://lab.example",), "is no address of a gateway"),
        (("nonsense",), "is no address of a gateway"),
        (("http://",), "is no address of a gateway"),
    ],
)
def test_an_address_that_is_none(arguments: tuple[str, ...], sentence: str) -> None:
    done = hub("folders", *arguments)
    assert (done.exit_code, done.stdout) == (1, "")
    assert sentence in done.stderr


def test_without_a_key_or_with_another_one(platform: Platform, headers: dict[str, str], tmp_path: Path) -> None:
    body = {"name": "other", "scopes": ["predict"]}
    other = httpx.post(f"{platform.url}/api/keys", json=body, headers=headers, timeout=60).json()["key"]
    for each in ("", other, "lbx_nonsense"):
        done = hub("folders", platform.url, key=each)
        assert (done.exit_code, done.stdout) == (1, "")
        assert "scope hub" in done.stderr
    assert hub("import", platform.url, str(tmp_path), key=other).exit_code == 1


def test_a_group_is_a_number_or_new(platform: Platform, key: str, folder: Path) -> None:
    for text in ("-1", "0", "x", "٣", str(2**63)):
        assert hub("import", platform.url, str(folder), "--group", text, key=key).exit_code == 2


def test_a_lost_chunk_is_sent_again(
    platform: Platform, headers: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer to each chunk is lost, so that the session has the bytes and the client does not know it."""
    monkeypatch.setattr("lightbox.hub.uploads.FIRST_PAUSE_SECONDS", 0.01)
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(range(256)) * (2 * CHUNK_BYTES // 256 + 10))
    name = tmp_path.name
    httpx.get(f"{platform.url}/admin/onedrive/add-folder", params={"folder_name": name}, headers=headers, timeout=60)
    listing = httpx.get(f"{platform.url}/admin/onedrive/folders", headers=headers, timeout=60).json()["folders"]
    (folder_id,) = [each for each, row in listing.items() if isinstance(row, dict) and row["folder_name"] == name]
    query = {"folder_id": folder_id, "file_name": "large.bin"}
    session = httpx.get(f"{platform.url}/admin/onedrive/upload-session", params=query, headers=headers, timeout=60)
    seen: set[str] = set()

    class Losing(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = super().handle_request(request)
            span = request.headers.get("content-range")
            if span is not None and span not in seen and not span.startswith(f"bytes {2 * CHUNK_BYTES}-"):
                seen.add(span)
                answer.read()
                raise httpx.ReadError("lost", request=request)
            return answer

    done: list[int] = []
    with httpx.Client(transport=Losing(), timeout=60) as http:
        item = upload_file(http, session.json()["sessionUrl"], path, lambda at, _total: done.append(at))
    listing = httpx.get(f"{platform.url}/admin/onedrive/folders", headers=headers, timeout=60).json()["folders"]
    assert listing[folder_id]["files"][item]["file_size"] == path.stat().st_size
    assert done == sorted(done)
    assert len(seen) == 2
