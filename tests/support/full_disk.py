"""A small disk that can be filled, and clients that write down what was acknowledged on it."""

import itertools
import os
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import cbor2
import httpx
import pytest
from PIL import Image

from lightbox.run.platform import Platform

FORMS: Final[dict[str, str]] = {"problem": "application/problem+json", "json": "application/json"}
CONCISE: Final = "application/concise-problem-details+cbor"
BLOCK: Final = 64 * 1024


@contextmanager
def small_disk(folder: Path, size: int, *options: str) -> Iterator[Path]:
    """A file system in memory of `size` bytes, mounted at `folder` with further mount options. Skips the test where
    that is not allowed."""
    if os.geteuid():
        pytest.skip("only root may mount a file system")
    command = [shutil.which("mount") or "mount", "-t", "tmpfs", "-o", ",".join((f"size={size}", "mode=0755", *options))]
    mounted = subprocess.run([*command, "tmpfs", folder], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run([shutil.which("umount") or "umount", "--lazy", folder], check=True)


def free_bytes(folder: Path) -> int:
    """The bytes that can be written there."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def fill(folder: Path) -> Path:
    """Fill the disk to its last byte by a file, which is returned."""
    ballast = folder / f"ballast-{os.urandom(4).hex()}"
    with ballast.open("xb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(BLOCK))
    return ballast


def noise(side: int = 2000) -> bytes:
    """A PNG that can't be compressed, of `side` * `side` bytes; no other one is like it."""
    buffer = BytesIO()
    Image.frombytes("L", (side, side), os.urandom(side * side)).save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


@dataclass
class Clients:
    """One client of each system. Every answer is checked for its form; what was acknowledged can be asked for again."""

    platform: Platform
    http: httpx.Client
    token: dict[str, str] = field(default_factory=dict)
    admin: dict[str, str] = field(default_factory=dict)
    folder_id: str = ""
    kept: list[tuple[Callable[[], httpx.Response], bytes]] = field(default_factory=list)
    """Requests, each with the bytes that have to come back."""
    statuses: set[int] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    @contextmanager
    def of(cls, platform: Platform) -> Iterator["Clients"]:
        with httpx.Client(base_url=platform.url, timeout=60) as http:
            clients = cls(platform, http)
            clients._prepare()
            yield clients

    def _prepare(self) -> None:
        password = (self.platform.data_dir / "admin-password").read_text().strip()
        found = self.http.post("/authorization", json={"username": "admin", "password": password})
        self.admin = {"Authorization": f"Bearer {found.json()['access_token']}"}
        self.http.cookies.clear()
        self.token = {"Authorization": f"Token {self.sign_up().json()['token']}"}
        self.http.get("/admin/onedrive/add-folder", params={"folder_name": "full"}, headers=self.admin)
        folders = self.http.get("/admin/onedrive/folders", headers=self.admin).json()["folders"]
        (self.folder_id,) = (key for key, each in folders.items() if isinstance(each, dict))

    def _checked(self, answer: httpx.Response, form: str, member: str | int) -> httpx.Response:
        """The answer. A refusal has to be 507, or 503 with `Retry-After`, and has to say why in the system's form."""
        self.statuses.add(answer.status_code)
        if answer.is_success:
            return answer
        assert answer.status_code in {503, 507}, (answer.request.url, answer.status_code, answer.text)
        assert int(answer.headers["retry-after"]) > 0
        own = answer.headers["content-type"]
        # What the gateway says itself, where a service can't be reached, is problem details everywhere.
        assert own == form or (answer.status_code == 503 and own == FORMS["problem"]), (answer.request.url, own)
        body = cbor2.loads(answer.content) if own == CONCISE else answer.json()
        if own == FORMS["problem"]:
            assert (body["title"], body["status"]) == (answer.reason_phrase, answer.status_code)
            member = "detail"
        sentence = body["error"]["message"] if member == "graph" else body[member]
        assert sentence.endswith("."), body
        return answer

    def sign_up(self) -> httpx.Response:
        person = {"username": f"person-{next(self._numbers)}", "password": "pw", "password2": "pw"}
        answer = self.http.post("/api/chexray/signup/", json=person)
        return self._checked(answer, FORMS["json"], "detail")

    def chexray(self, data: bytes) -> int:
        files, title = {"image": ("x.png", data)}, {"title": f"x-{next(self._numbers)}"}
        answer = self.http.post("/api/chexray/upload/", data=title, files=files, headers=self.token)
        if self._checked(answer, FORMS["json"], "detail").is_success:
            url = answer.json()["image_url"]
            self.kept.append((lambda: self.http.get(url), data))
        return answer.status_code

    def anonymous(self, data: bytes) -> int:
        answer = self.http.post("/api/chexray/anonupload/", data={"title": "x"}, files={"image": ("x.png", data)})
        if self._checked(answer, FORMS["json"], "detail").is_success:
            url = answer.json()["image_url"]
            self.kept.append((lambda: self.http.get(url), data))
        return answer.status_code

    def prediction(self, data: bytes) -> int:
        fields, files = {"model": "chest-findings"}, {"file": ("x.png", data)}
        answer = self.http.post("/api/predictions", data=fields, files=files, headers=self.token)
        return self._checked(answer, FORMS["problem"], "detail").status_code

    def covid(self, data: bytes) -> int:
        answer = self.http.post("/predict", files={"file": ("x.png", data)})
        return self._checked(answer, FORMS["json"], "ERROR").status_code

    def device(self, data: bytes, *, in_cbor: bool = False) -> int:
        key = {"deviceId": f"device-{next(self._numbers)}", "timestamp": "2026-11-28T10:00:00Z"}
        document: dict[str, Any] = {**key, "imageData": data}
        if in_cbor:
            headers = {"Content-Type": "application/cbor", "Accept": "application/cbor"}
            answer = self.http.post("/collections/images", content=cbor2.dumps(document), headers=headers)
            self._checked(answer, CONCISE, -2)
        else:
            document["imageData"] = b64encode(data).decode()
            answer = self.http.post("/collections/images", json=document)
            self._checked(answer, FORMS["problem"], "detail")
        if answer.is_success:
            self.kept.append((lambda: self.http.get("/collections/images", params=key), data))
        return answer.status_code

    def device_in_cbor(self, data: bytes) -> int:
        return self.device(data, in_cbor=True)

    def labelling(self, data: bytes) -> int:
        files = {"file": ("x.png", data)}
        answer = self.http.post("/uploads/medical-images", files=files, headers=self.admin)
        if self._checked(answer, FORMS["json"], "message").is_success:
            url = f"/uploads/medical-images/{answer.json()['url']}?original=true"
            self.kept.append((lambda: self.http.get(url, headers=self.admin), data))
        return answer.status_code

    def drive(self, data: bytes) -> int:
        name = f"{next(self._numbers)}.png"
        query = {"folder_id": self.folder_id, "file_name": name}
        opened = self.http.get("/admin/onedrive/upload-session", params=query, headers=self.admin)
        if not self._checked(opened, FORMS["json"], "detail").is_success:
            return opened.status_code
        span = {"Content-Range": f"bytes 0-{len(data) - 1}/{len(data)}"}
        answer = self.http.put(opened.json()["sessionUrl"], content=data, headers=span)
        return self._checked(answer, FORMS["json"], "graph").status_code

    @property
    def uploads(self) -> tuple[Callable[[bytes], int], ...]:
        """An upload of each system."""
        return (
            self.chexray,
            self.anonymous,
            self.prediction,
            self.device,
            self.device_in_cbor,
            self.labelling,
            self.drive,
        )

    def assert_all_are_there(self) -> None:
        """Everything that was acknowledged comes back, byte by byte."""
        assert self.kept
        for request, data in self.kept:
            answer = request()
            assert answer.status_code == 200, (answer.request.url, answer.text)
            assert answer.content == data, answer.request.url
