"""ImageHub's drive as its published web client uses it, black box through the gateway.

The scenarios are functions over a `DriveUnderTest`, so that they are the same for every drive.
"""

import base64
import itertools
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import anyio
import httpx
import pytest
from graph_server import faults
from support import pictures
from support.drives import CHUNK, UNIT, UploadClient, cut_upload, range_of, some_bytes
from support.onedrive import USER, GraphServer
from support.yelda_client import Headers, Make, bearer

from lightbox.run.platform import Platform

_numbers = itertools.count(1)


@dataclass
class DriveUnderTest:
    """A drive behind the gateway, and the administrator who uses it."""

    name: str
    http: httpx.Client
    admin: Headers

    def call(self, path: str, **params: str) -> dict[str, Any]:
        """The answer of a path below `/admin/onedrive/`, which must be 200."""
        answer = self.http.get(f"/admin/onedrive/{path}", params=params, headers=self.admin)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def folders(self) -> dict[str, Any]:
        """All folders by their ids."""
        found: dict[str, Any] = self.call("folders")["folders"]
        return {key: value for key, value in found.items() if key not in {"used_storage", "total_storage"}}

    def new_folder(self) -> str:
        """The id of a new folder with a name of its own."""
        name = f"folder {next(_numbers)}"
        body = self.call("add-folder", folder_name=name)
        assert body == {"code": 1, "hint": "folder_creation_operation_successful"}
        (found,) = (key for key, value in self.folders().items() if value["folder_name"] == name)
        return found

    def session(self, folder: str, name: str) -> str:
        """The address of a new upload session."""
        body = self.call("upload-session", folder_id=folder, file_name=name)
        assert (body["code"], body["hint"]) == (1, "got_session")
        return str(body["sessionUrl"])

    def upload(self, folder: str, name: str, data: bytes) -> dict[str, Any]:
        """Upload a file as the published client does; the item."""
        return UploadClient(self.session(folder, name), data).finish()


@pytest.fixture(scope="module")
def onedrive(onedrive_platform: Platform, graph: GraphServer) -> Iterator[DriveUnderTest]:
    """OneDrive, which the administrator has allowed the use of as the published client does it."""
    with httpx.Client(base_url=onedrive_platform.url, timeout=60) as http:
        password = (onedrive_platform.data_dir / "admin-password").read_text().strip()
        answer = http.post("/authorization", json={"username": "admin", "password": password})
        assert answer.status_code == 201, answer.text
        drive = DriveUnderTest("onedrive", http, bearer(answer.json()["access_token"]))
        allow(drive, graph)
        yield drive


def allow(drive: DriveUnderTest, graph: GraphServer) -> None:
    """Go to Microsoft's page, and back with a code, without `state`."""
    body = drive.call("connect")
    assert body.keys() == {"code", "hint", "detail", "url"}
    assert (body["code"], body["hint"]) == (0, "connection_failed")
    back = anyio.run(graph.visit, body["url"])
    answer = drive.http.post("/admin/auth/code", json={"auth_code": back["code"]}, headers=drive.admin)
    assert (answer.status_code, answer.json()) == (200, {"code": 1, "hint": "found_tokens"})


@pytest.fixture(params=["built-in", "onedrive"])
def drive(request: pytest.FixtureRequest) -> Iterator[DriveUnderTest]:
    if request.param == "onedrive":
        drive: DriveUnderTest = request.getfixturevalue("onedrive")
    else:
        drive = DriveUnderTest("built-in", request.getfixturevalue("http"), request.getfixturevalue("admin"))
    before = set(drive.folders())
    yield drive
    for folder in set(drive.folders()) - before:
        drive.call("delete-folder", folder_id=folder)


def test_the_drive_is_connected(drive: DriveUnderTest) -> None:
    assert drive.call("connect") == {"code": 1, "hint": "connection_successful"}


def test_the_consent_is_finished(http: httpx.Client, admin: Headers) -> None:
    """The built-in drive needs none."""
    drive = DriveUnderTest("built-in", http, admin)
    answer = drive.http.post("/admin/auth/code", json={"auth_code": "M.C507_BAY.2.U.0c8a6d1e"}, headers=drive.admin)
    assert (answer.status_code, answer.json()) == (200, {"code": 1, "hint": "found_tokens"})


def test_folders_as_the_client_reads_them(drive: DriveUnderTest) -> None:
    folder = drive.new_folder()
    empty = drive.new_folder()
    item = drive.upload(folder, "steps-in-instruction-execution-by-cpu.png", some_bytes(100))
    body = drive.call("folders")
    assert set(body) == {"code", "folders"}
    folders = body["folders"]
    assert isinstance(folders.pop("used_storage"), float)
    assert isinstance(folders.pop("total_storage"), float)
    for shown in folders.values():  # the client takes every other key for a folder
        assert set(shown) == {
            "folder_name", "folder_size", "creation_time", "modification_time", "is_folder", "files",
        }  # fmt: skip
        assert shown["is_folder"] is True
    assert folders[empty]["files"] == {}
    (file,) = folders[folder]["files"].values()
    assert set(folders[folder]["files"]) == {item["id"]}
    for key in ("creation_time", "modification_time"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", file.pop(key))
    name = "steps-in-instruction-execution-by-cpu.png"
    assert file == {"file_name": name, "file_size": 100, "is_folder": False}


def test_a_taken_name_gets_another_one(drive: DriveUnderTest) -> None:
    name = f"taken {next(_numbers)}"
    for _ in range(2):
        assert drive.call("add-folder", folder_name=name)["code"] == 1
    found = [each["folder_name"] for each in drive.folders().values() if each["folder_name"].startswith(name)]
    assert sorted(found) == [name, f"{name} 1"]


@pytest.mark.parametrize("name", ["a/b", "..", "x" * 400, "a:b", "?", "", " a"])
def test_bad_names(drive: DriveUnderTest, name: str) -> None:
    folder = drive.new_folder()
    before = drive.folders()
    for path, hint, params in [
        ("add-folder", "folder_creation_operation_failed", {"folder_name": name}),
        ("rename", "rename_operation_failed", {"item_id": folder, "new_name": name}),
        ("upload-session", "couldn't_get_session", {"folder_id": folder, "file_name": name}),
    ]:
        body = drive.call(path, **params)
        assert (body["code"], body["hint"]) == (0, hint)
    assert drive.folders() == before


def test_renaming_and_deleting(drive: DriveUnderTest) -> None:
    folder, other = drive.new_folder(), drive.new_folder()
    item = drive.upload(folder, "a.png", b"a")
    taken = drive.folders()[other]["folder_name"]
    done, failed = {"code": 1, "hint": "rename_operation_successful"}, (0, "rename_operation_failed")
    assert drive.call("rename", item_id=item["id"], new_name="🩻.png") == done
    assert drive.call("rename", item_id=folder, new_name=f"new {taken}") == done
    shown = drive.folders()[folder]
    assert shown["folder_name"] == f"new {taken}"
    assert [file["file_name"] for file in shown["files"].values()] == ["🩻.png"]
    for item_id, name in [(folder, taken.upper()), ("01" + "A" * 32, "a")]:
        body = drive.call("rename", item_id=item_id, new_name=name)
        assert (body["code"], body["hint"]) == failed
    for gone in (item["id"], folder):
        assert drive.call("delete-folder", folder_id=gone) == {
            "code": 1,
            "hint": "folder_deletion_operation_successful",
        }
        body = drive.call("delete-folder", folder_id=gone)
        assert (body["code"], body["hint"]) == (0, "folder_deletion_operation_failed")
    assert folder not in drive.folders()
    body = drive.call("upload-session", folder_id=folder, file_name="a.png")
    assert (body["code"], body["hint"]) == (0, "couldn't_get_session")


def test_an_upload_in_chunks(drive: DriveUnderTest) -> None:
    folder, data = drive.new_folder(), some_bytes(2 * CHUNK + 7)
    client = UploadClient(drive.session(folder, "a.png"), data)
    assert client.next_byte() == 0
    assert client.send(CHUNK).status_code in {400, 416}
    answer = client.send(0)
    assert (answer.status_code, answer.json()["nextExpectedRanges"]) == (202, [f"{CHUNK}-"])
    assert answer.json()["expirationDateTime"].endswith("Z")
    again = client.send(0)
    assert (again.status_code, again.json()["error"]["code"]) == (416, "invalidRange")
    assert client.next_byte() == CHUNK
    item = client.finish(CHUNK)
    assert (item["name"], item["size"], item["parentReference"]["id"]) == ("a.png", len(data), folder)
    assert httpx.get(client.url).status_code == 404
    assert [file["file_size"] for file in drive.folders()[folder]["files"].values()] == [len(data)]


def test_an_upload_that_is_given_up(drive: DriveUnderTest) -> None:
    folder = drive.new_folder()
    client = UploadClient(drive.session(folder, "a.png"), some_bytes(CHUNK + 1))
    client.send(0)
    assert httpx.delete(client.url).status_code == 204
    assert client.send(CHUNK).status_code == 404
    assert drive.folders()[folder]["files"] == {}


def test_two_clients_one_killed_in_the_middle(drive: DriveUnderTest) -> None:
    """Its connection is cut within a chunk; it asks where to go on. Both leave exactly one file."""
    folder = drive.new_folder()
    files = {f"{name}.png": some_bytes(3 * CHUNK + 11, seed) for seed, name in enumerate("ab")}
    killed, other = (UploadClient(drive.session(folder, name), data) for name, data in files.items())

    def be_killed_and_go_on() -> dict[str, Any]:
        assert killed.send(0).status_code == 202
        cut_upload(killed.url, killed.data, CHUNK, 2 * CHUNK, sent=CHUNK // 2)
        start = killed.next_byte()
        assert start == CHUNK
        return killed.finish(start)

    with ThreadPoolExecutor() as threads:
        items = [each.result() for each in [threads.submit(be_killed_and_go_on), threads.submit(other.finish)]]
    found = drive.folders()[folder]["files"]
    assert set(found) == {item["id"] for item in items}
    assert sorted(file["file_name"] for file in found.values()) == ["a.png", "b.png"]
    if drive.name == "built-in":
        digests = [item["file"]["hashes"]["sha256Hash"] for item in items]
        assert len(set(digests)) == 2


def test_pages_of_other_origins_may_upload(drive: DriveUnderTest) -> None:
    url = drive.session(drive.new_folder(), "a.png")
    origin = {"Origin": "http://localhost:3000"}
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-range,content-type"}
    preflight = httpx.options(url, headers={**origin, **asked})
    assert preflight.status_code in {200, 204}
    assert preflight.headers["access-control-allow-origin"] in {"*", origin["Origin"]}
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    for status, (start, end) in zip((202, 201), ((0, UNIT), (UNIT, UNIT + 1)), strict=True):
        answer = httpx.put(url, content=some_bytes(end - start), headers={**range_of(start, end, UNIT + 1), **origin})
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] in {"*", origin["Origin"]}


def test_a_consent_that_was_taken_back(onedrive: DriveUnderTest, graph: GraphServer) -> None:
    graph.identity.revoke(USER)
    failures = [
        ("connect", 0, "connection_failed", {}),
        ("folders", 0, "refresh_token_expired_need_manual_authorization", {}),
        ("add-folder", 0, "folder_creation_operation_failed", {"folder_name": "a"}),
        ("rename", 0, "rename_operation_failed", {"item_id": "01A", "new_name": "a"}),
        ("delete-folder", 0, "folder_deletion_operation_failed", {"folder_id": "01A"}),
        ("upload-session", 0, "couldn't_get_session", {"folder_id": "01A", "file_name": "a"}),
    ]
    for path, code, hint, params in failures:
        body = onedrive.call(path, **params)
        assert (body["code"], body["hint"]) == (code, hint)
        assert body["url"].startswith(f"{graph.url}/common/oauth2/v2.0/authorize?")
    answer = onedrive.http.post("/admin/auth/code", json={"auth_code": "M.C507_x"}, headers=onedrive.admin)
    assert (answer.json()["code"], answer.json()["hint"]) == (0, "found_tokens_failed")
    allow(onedrive, graph)
    assert onedrive.call("connect") == {"code": 1, "hint": "connection_successful"}


def test_what_onedrive_answers_can_not_be_read(onedrive: DriveUnderTest, graph: GraphServer) -> None:
    for answer in (faults.garbage(), faults.html(), faults.redirect(f"{graph.url}/v1.0/me/drive")):
        fault = graph.faults.add(answer, path="/v1.0/")
        body = onedrive.call("folders")
        assert (body["code"], body["hint"]) == (99, "data_extraction_failed_from_json")
        fault.times = 0


def test_onedrive_is_down(onedrive: DriveUnderTest, graph: GraphServer) -> None:
    folder = onedrive.new_folder()
    fault = graph.faults.add(faults.html(500), path="/v1.0/")
    answer = onedrive.http.get("/admin/onedrive/folders", headers=onedrive.admin)
    assert answer.json()["folders"][folder]["files"] == {}
    assert int(answer.headers["age"]) >= 0
    assert "as_of" in answer.json()
    assert onedrive.http.get("/admin/onedrive/connect", headers=onedrive.admin).status_code == 503
    fault.times = 0
    assert "as_of" not in onedrive.call("folders")


def test_a_picture_of_onedrive_gets_into_the_gallery(onedrive: DriveUnderTest) -> None:
    folder, data = onedrive.new_folder(), pictures.png()
    item = onedrive.upload(folder, "cpu.png", data)
    image = {"file_name": "cpu.png", "file_id": item["id"]}
    body = {"image_list": {folder: {"all_image_id": [image], "group": -1, "folder_name": "System"}}}
    answer = onedrive.http.post("/admin/add/image", json=body, headers=onedrive.admin)
    assert (answer.status_code, answer.json()["hint"]) == (200, "image_added_in_database")
    (group,) = onedrive.http.get("/admin/groups", headers=onedrive.admin).json()["data"]
    shown = onedrive.http.get("/image/download", params={"group_id": group, "image_id": 1}).json()
    assert base64.b64decode(shown["image"]["image"].partition(",")[2]) == data


def test_who_may_call(http: httpx.Client, make: Make) -> None:
    doctor = make()[2]
    paths: list[Callable[[Headers], httpx.Response]] = [
        lambda headers: http.get("/admin/onedrive/connect", headers=headers),
        lambda headers: http.get("/admin/onedrive/folders/", headers=headers),
        lambda headers: http.get("/admin/onedrive/add-folder?folder_name=x", headers=headers),
        lambda headers: http.post("/admin/auth/code", json={"auth_code": "x"}, headers=headers),
    ]
    for ask in paths:
        assert (ask({}).status_code, ask(doctor).status_code) == (401, 403)
        assert set(ask({}).json()) == set(ask(doctor).json()) == {"detail"}


def test_a_chunk_that_is_too_large(http: httpx.Client, admin: Headers) -> None:
    drive = DriveUnderTest("built-in", http, admin)
    url = drive.session(drive.new_folder(), "a.png")
    total = 61 * 1024 * 1024
    answer = httpx.put(url, content=bytes(total), headers=range_of(0, total, total), timeout=60)
    assert answer.status_code == 413
    assert answer.json()["error"]["innerError"]["code"] == "maxFragmentLengthExceeded"


def test_the_address_of_an_upload_is_in_no_log(http: httpx.Client, admin: Headers, platform: Platform) -> None:
    drive = DriveUnderTest("built-in", http, admin)
    url = drive.session(drive.new_folder(), "a.png")
    token = url.rpartition("/")[2]
    for path in (url, f"{url}/", f"{url}/more", f"{platform.url}/image//upload-sessions/{token}"):
        for method in ("GET", "PUT", "POST", "OPTIONS"):
            httpx.request(method, path, headers={"Content-Type": "application/json"})
    time.sleep(1)  # the gateway writes its lines in batches
    logs = {log.name: log.read_text(errors="replace") for log in platform.log_dir.iterdir()}
    assert all("/upload-sessions/[redacted]" in logs[f"{service}.log"] for service in ("gateway", "imagehub-service"))
    for service, text in logs.items():
        assert token not in text, service
