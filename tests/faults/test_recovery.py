"""Processes are killed under load: no answered upload is lost, and the platform recovers without help."""

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

import httpx
import pytest
from support import pictures
from support.tending import RECOVERY_SECONDS, kill_postgres, kill_service, tended_platform
from support.threads import running_threads

from lightbox.run.platform import Platform

CLIENTS = 4


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with tended_platform(LIGHTBOX_ANONYMOUS_PICTURES_PER_DAY="0") as tended:  # nobody approves its account
        yield tended


class Uploads:
    """Clients that upload until they are told to stop, and record the uploads that were answered with 201."""

    def __init__(self, platform: Platform) -> None:
        self._url = platform.url
        answer = httpx.post(
            f"{self._url}/api/chexray/signup/", json={"username": f"load-{time.monotonic_ns()}", "password": "pw"}
        )
        self.token = {"Authorization": f"Token {answer.json()['token']}"}
        self.kept: dict[int, tuple[str, bytes]] = {}
        self.failures: set[int] = set()
        self._stop = threading.Event()

    def _upload_on_and_on(self, client_number: int) -> None:
        with httpx.Client(base_url=self._url, headers=self.token, timeout=30) as http:
            number = 0
            while not self._stop.is_set():
                number += 1
                title, data = f"{client_number}-{number}", pictures.png(64 + client_number, 64 + number % 500)
                try:
                    answer = http.post("/api/chexray/upload/", data={"title": title}, files={"image": ("x.png", data)})
                except httpx.TransportError:
                    time.sleep(0.1)
                    continue
                if answer.status_code == 201:
                    self.kept[answer.json()["id"]] = (title, data)
                else:
                    self.failures.add(answer.status_code)
                    time.sleep(0.1)

    def running(self) -> AbstractContextManager[None]:
        return running_threads(self._upload_on_and_on, CLIENTS, self._stop)

    def wait_for_more(self, count: int) -> None:
        """Wait until `count` more uploads were answered with 201, so that the platform works."""
        goal, deadline = len(self.kept) + count, time.monotonic() + RECOVERY_SECONDS
        while len(self.kept) < goal:
            assert time.monotonic() < deadline, f"no recovery; failures seen: {self.failures}"
            time.sleep(0.05)

    def assert_all_are_there(self) -> None:
        with httpx.Client(base_url=self._url, headers=self.token, timeout=30) as http:
            history = http.get("/api/chexray/user/").json()["pastxrays"]
            assert set(self.kept) <= set(history)
            for xray_id, (title, data) in self.kept.items():
                body = http.post("/api/chexray/xray/", json={"xray_id": xray_id}).json()
                assert body["title"] == title
                assert httpx.get(body["image_url"]).content == data


def test_killing_inference_service_under_load(platform: Platform) -> None:
    uploads = Uploads(platform)
    with uploads.running():
        uploads.wait_for_more(20)
        for _ in range(2):
            kill_service(platform, "inference-service")
            uploads.wait_for_more(20)
    # Other uploads were answered with an error after which clients may try again.
    assert uploads.failures <= {502, 503, 504}
    uploads.assert_all_are_there()


def test_killing_postgresql_under_load(platform: Platform) -> None:
    uploads = Uploads(platform)
    with uploads.running():
        uploads.wait_for_more(20)
        kill_postgres(platform)
        uploads.wait_for_more(20)
    assert uploads.failures <= {502, 503, 504}
    uploads.assert_all_are_there()


def test_killing_auth_service_keeps_tokens_working(platform: Platform) -> None:
    uploads = Uploads(platform)
    with uploads.running():
        uploads.wait_for_more(5)
        kill_service(platform, "auth-service")
        uploads.wait_for_more(20)
    assert uploads.failures == set()
    deadline = time.monotonic() + RECOVERY_SECONDS
    while httpx.get(f"{platform.url}/readyz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    uploads.assert_all_are_there()
