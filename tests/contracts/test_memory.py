"""Small files that take much memory: 194 kB of PNG are a picture of 50 megapixels with transparency. Sixteen of them at
once, uploaded and looked at in every system, keep each process below a bound, which compose's limits are above."""

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx
import pytest
from conftest import ROOT
from PIL import Image
from support import pictures
from support.additions import image_list
from support.drives import UploadClient
from support.running import running_platform
from support.yelda_client import bearer

from core_collection_service.app import BATCH_MEMORY_BYTES
from core_collection_service.config import CoreSettings
from core_collection_service.pictures.thumbnails.service import CACHE_BYTES
from imagehub_service.app import DOWNLOADS_AHEAD
from imagehub_service.config import ImageHubSettings
from lightbox.run.platform import Platform
from lightbox_shared.config import Settings

AT_ONCE: Final = 16
MB: Final = 1024 * 1024
LARGE: Final = pictures.encoded(Image.new("RGBA", (8000, 6250), (1, 2, 3, 200)), "PNG")
BUDGET: Final = Settings().decoding_bytes
"""What all pictures that are decoded at once may take: two of these."""
BESIDE: Final = 400 * MB
"""What a process may take besides, all of its modules, models and caches included."""


@pytest.fixture(scope="module")
def busy() -> Iterator[Platform]:
    """A platform of its own, whose processes have done nothing else."""
    with running_platform(LIGHTBOX_RATE_OPEN="off") as platform:
        yield platform


def peak(platform: Platform, service: str) -> int:
    """The most memory that the process of a service had resident up to now, in bytes (proc(5), `VmHWM`)."""
    process = platform.children[service].process
    assert process is not None
    status = Path(f"/proc/{process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def at_once(work: Callable[[int], httpx.Response], success: int = 200) -> int:
    """Send so many requests at the same time; how many had success. The others must say when to try again."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(work, range(AT_ONCE)))
    assert {each.status_code for each in answers} <= {success, 503}, [each.text for each in answers]
    assert all("retry-after" in each.headers for each in answers if each.status_code == 503)
    return sum(each.status_code == success for each in answers)


@pytest.fixture
def http(busy: Platform) -> Iterator[httpx.Client]:
    password = (busy.data_dir / "admin-password").read_text().strip()
    with httpx.Client(base_url=busy.url, timeout=120) as client:
        answer = client.post("/authorization", json={"username": "admin", "password": password})
        client.cookies.clear()
        client.headers.update(bearer(answer.json()["access_token"]))
        yield client


def test_predictions(busy: Platform, http: httpx.Client) -> None:
    assert len(LARGE) < 300_000
    assert at_once(lambda _: http.post("/predict", files={"file": LARGE})) > 2
    sent = http.post("/api/chexray/upload/", files={"image": LARGE})
    assert at_once(lambda _: http.get(sent.json()["heatmap_image"])) == AT_ONCE  # made once
    assert peak(busy, "inference-service") < BUDGET + BESIDE


def test_labelling(busy: Platform, http: httpx.Client) -> None:
    uploads = "/uploads/medical-images"
    assert at_once(lambda _: http.post(f"{uploads}/", files={"file": LARGE}), 201) > 2
    url = http.post(f"{uploads}/", files={"file": LARGE}).json()["url"]
    assert at_once(lambda _: http.get(f"{uploads}/{url}?green_channel=true")) == AT_ONCE  # made once
    assert peak(busy, "annotation-service") < BUDGET + BESIDE


def test_collection(busy: Platform, http: httpx.Client) -> None:
    images = "/collections/images"

    def send(number: int) -> httpx.Response:
        taken = f"2026-11-28T08:00:{number:02}Z"
        return http.post(
            images, json={"deviceId": "camera", "timestamp": taken, "imageData": b64encode(LARGE).decode()}
        )

    assert at_once(send, 201) == AT_ONCE  # nothing is decoded
    href = send(0).json()["href"]
    assert at_once(lambda number: http.get(f"{href}?w={100 + number}")) > 2
    assert peak(busy, "core-collection-service") < BUDGET + BESIDE


def test_gallery(busy: Platform, http: httpx.Client) -> None:
    drive = "/admin/onedrive"
    http.get(f"{drive}/add-folder", params={"folder_name": "large"})
    folders = http.get(f"{drive}/folders").json()["folders"]
    (folder,) = (key for key, each in folders.items() if isinstance(each, dict) and each["folder_name"] == "large")
    files = []
    for number in range(4):
        params = {"folder_id": folder, "file_name": f"{number}.png"}
        session = http.get(f"{drive}/upload-session", params=params).json()["sessionUrl"]
        # Another picture each, by a byte behind its end.
        item = UploadClient(session, LARGE + bytes([number])).finish()
        files.append((f"{number}.png", str(item["id"])))
    added = http.post("/admin/add/image", json=image_list(*files, folder=folder))
    assert added.json()["hint"] == "image_added_in_database", added.text
    found = [each["id"] for each in http.get("/api/gallery/pictures").json()["pictures"]]
    assert len(found) == len(files)
    path = "/iiif/3/{}/{},0,1000,1000/200,/0/default.jpg"
    assert at_once(lambda number: http.get(path.format(found[number % len(found)], 100 * number))) > 2
    assert peak(busy, "imagehub-service") < BUDGET + BESIDE + 256 * MB  # of decoded pictures that are kept


def test_limits_of_compose_hold_the_budgets() -> None:
    """All of them used up at the same time, by the defaults."""
    shared, hub = Settings(), ImageHubSettings()
    caches = {
        "inference-service": 300 * MB,  # the bundled models in one and in several threads
        "annotation-service": 2 * shared.max_dicom_bytes,  # one that is checked, and one that is shown
        "imagehub-service": hub.decoded_picture_bytes
        + hub.page_cache_bytes
        + hub.rendition_cache_bytes
        + (hub.adding_threads + DOWNLOADS_AHEAD) * shared.max_dicom_bytes,
        "core-collection-service": CACHE_BYTES + CoreSettings().response_cache_bytes + BATCH_MEMORY_BYTES,
    }
    largest = shared.max_picture_pixels * 28  # of inks in 16 bits, by `lightbox_shared.images.decoding_memory`
    decoding = max(shared.decoding_bytes * 7 // 8, largest) + shared.decoding_bytes // 8
    compose = (ROOT / "docker-compose.yml").read_text()
    page = (ROOT / "docs" / "containers.md").read_text()
    units = {"m": MB, "g": 1024 * MB}
    for service, others in caches.items():
        found = re.search(rf"^  {service}:\n    <<: \*service\n    mem_limit: (\d+)([mg])$", compose, re.MULTILINE)
        assert found is not None, service
        limit = int(found[1]) * units[found[2]]
        of_idle_process = 200 * MB
        uploads = 0 if service == "annotation-service" else shared.max_upload_memory
        assert decoding + uploads + others + of_idle_process <= limit, service
        assert f"| `{service}` | {limit / 1024 / MB:g} GB |" in page
    assert len(re.findall(r"^    mem_limit: ", compose, re.MULTILINE)) == len(
        re.findall(r"^  [a-z-]+:\n    (?:<<|image)", compose, re.MULTILINE)
    )


def test_nothing_else_grows(busy: Platform) -> None:
    """After all of that; the two through which nothing is decoded."""
    for service in ("gateway", "auth-service"):
        assert peak(busy, service) < BESIDE
