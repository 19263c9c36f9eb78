"""A lab at work: a platform that has something to show on each page of the console."""

import base64
import re
from collections.abc import Iterable
from typing import Any, Final

import httpx

from benchmarks.annotation.ours import Account, administrator, doctors
from benchmarks.gallery.ours import fill, photograph
from benchmarks.harness import BenchmarkError
from lightbox.run.platform import Platform

GROUPS: Final = 30
READERS: Final = 2
DOCTOR: Final = "doctor-0"
"""The name of one of the readers, who has an open job."""


class Lab:
    """The address of each page, for a pattern of the console's router."""

    def __init__(self, platform: Platform) -> None:
        """Fill the platform. Raises `BenchmarkError` and `httpx.HTTPError`."""
        fill(platform, GROUPS)
        readers = doctors(platform, READERS)
        authorization = administrator(platform).authorization
        with httpx.Client(base_url=platform.url, timeout=120, headers={"Authorization": authorization}) as http:
            picture = photograph(1, 1024, 768)
            read = {"model": "chest-findings", "title": "bench"}
            prediction = _sent(http.post("/api/predictions", data=read, files={"file": picture}))
            encoded = base64.b64encode(picture).decode()
            device = {"deviceId": "camera-1", "timestamp": "2024-08-18T02:04:07Z", "imageData": encoded}
            _sent(http.post("/collections/images", json=device))
            client = {"name": "bench", "redirect_uris": ["https://rooms.example/back"], "scopes": ["openid"]}
            registered = _sent(http.post("/api/oauth/clients", json=client))["id"]
            share = _sent(http.post("/api/gallery/shares", json={"group": 1}))["link"]
            images = upload(http, [picture, photograph(2, 1024, 768)])
            assignment = assign(http, images, readers)
            job = _read_first(http, readers)
        self._addresses = {
            "/reading/:id": f"/reading/{prediction['id']}",
            "/labelling/jobs/:id": f"/labelling/jobs/{job}",
            "/labelling/images/:id": f"/labelling/images/{images[0]}",
            "/labelling/assignments/:id": f"/labelling/assignments/{assignment}",
            "/gallery/groups/:id": "/gallery/groups/1",
            "/gallery/pictures/:id": "/gallery/pictures/1",
            "/gallery/shared/:secret": f"/gallery/shared/{share.rpartition('/')[2]}",
            "/gallery/manage/:id": "/gallery/manage/1",
            "/administration/clients/:id": f"/administration/clients/{registered}",
            "/devices/:collection/:device": "/devices/images/camera-1",
            "/:nothing*": "/nothing",
        }

    def address(self, pattern: str) -> str:
        """The path of a page below `/console`. Raises `BenchmarkError` for one that is not known here."""
        address = self._addresses.get(re.sub(r":(\w+)\([^)]*\)", r":\1", pattern), pattern)
        if ":" in address:
            raise BenchmarkError(f"the page {pattern} has no address in {__name__}")
        return address


def upload(http: httpx.Client, pictures: Iterable[bytes]) -> list[int]:
    """Upload pictures to be labelled, as an administrator. Returns the ids of images. Raises `BenchmarkError`."""
    ids = []
    for number, data in enumerate(pictures):
        files = {"file": (f"eye-{number}.jpg", data, "image/jpeg")}
        ids += [int(each["id"]) for each in _sent(http.post("/api/uploads/medical-images", files=files))["data"]]
    return ids


def assign(http: httpx.Client, images: list[int], readers: list[Account]) -> int:
    """Give images to readers, each image to all of them. Returns the id of the assignment. Raises `BenchmarkError`."""
    ids = [each.id for each in readers]
    body = {"mode": "assigned", "readers": len(ids), "doctors": ids, "images": images}
    return int(_sent(http.post("/api/assignments", json=body))["id"])


def _read_first(http: httpx.Client, readers: list[Account]) -> int:
    """Each reader labels one image, in the same way. Returns the id of the next job of the first one."""
    following = 0
    for each in reversed(readers):
        headers = {"Authorization": each.authorization}
        job = _sent(http.post("/api/assignments/next", headers=headers))["job"]["job_id"]
        _sent(http.put(f"/api/jobs/{job}", json={"job_state": "201", "label_id": None}, headers=headers))
        label = _sent(http.post("/api/labels", json={"quality": True, "dr": False}, headers=headers))["label_id"]
        _sent(http.put(f"/api/jobs/{job}", json={"job_state": "202", "label_id": label}, headers=headers))
        following = _sent(http.post("/api/assignments/next", headers=headers))["job"]["job_id"]
    return following


def _sent(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise BenchmarkError(f"{answer.request.url} is answered by {answer.status_code}: {answer.text[:500]}")
    body: dict[str, Any] = answer.json()
    return body
