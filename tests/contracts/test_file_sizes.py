"""One setting changes what gateway and services accept together, with real processes: photographs of 1 MB, radiographs
of 100 MB."""

from collections.abc import Iterator
from typing import Final

import cbor2
import httpx
import numpy as np
import pytest
from support import pictures
from support.running import new_account, running_platform

from lightbox_shared.requests.file_sizes import MB

RADIOGRAPH: Final = pictures.dicom(np.full((6500, 7500), 777, np.uint16))
"""97.5 MB."""


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    sizes = {"LIGHTBOX_MAX_PICTURE_BYTES": str(MB), "LIGHTBOX_MAX_DICOM_BYTES": str(100 * MB)}
    with (
        running_platform(LIGHTBOX_RATE_OPEN="off", **sizes) as platform,
        httpx.Client(base_url=platform.url, timeout=120) as client,
    ):
        yield client


def test_large_radiographs_and_small_photographs(http: httpx.Client) -> None:
    _, token = new_account(http)
    headers = {"Authorization": f"Token {token}"}
    largest = pictures.png().ljust(MB, b"\0")
    for data, status in ((RADIOGRAPH, 201), (largest, 201), (largest + b"\0", 413), (bytes(50 * MB), 413)):
        answer = http.post("/api/chexray/upload/", files={"image": data}, headers=headers)
        assert answer.status_code == status, answer.text
        if status == 413:
            assert answer.json() == {"image": "The file is larger than 1 MB."}
    document = {"deviceId": "x", "timestamp": "2026-11-28T00:00:00Z"}
    for data, status in ((RADIOGRAPH, 201), (largest[:-1], 409), (largest + b"\0", 413)):
        body = cbor2.dumps({**document, "imageData": data})
        answer = http.post("/collections/images", content=body, headers={"Content-Type": "application/cbor"})
        assert answer.status_code == status, answer.text
        if status == 413:
            assert answer.json()["detail"] == "imageData: The picture is larger than 1,048,576 bytes."


def test_what_no_file_can_be_is_refused_by_the_gateway(http: httpx.Client) -> None:
    answer = http.post("/predict", content=bytes(101 * MB), headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")
    assert answer.json()["detail"] == "The body is larger than the 104,923,136 bytes that are accepted here."
