"""Large files through the gateway: a radiograph of a detector of today is read by every system, and a photograph of the
same size is refused in the form and with the sentence of each."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any, Final

import cbor2
import httpx
import numpy as np
import pytest
from support import pictures
from support.additions import image_list
from support.drives import UploadClient
from support.running import SignUp
from support.yelda_client import Headers, said

ROWS, COLUMNS = 3750, 4000
RADIOGRAPH: Final = pictures.dicom(pictures.ramp(COLUMNS, ROWS, 4095), bits=12)
PHOTOGRAPH: Final = b"\xff\xd8\xff\xe0" + bytes(len(RADIOGRAPH))
TAKEN: Final = "2026-11-28T08:00:00Z"
TOO_LARGE: Final = "The file is larger than 20 MB."


@pytest.fixture
def token(sign_up: SignUp) -> Headers:
    _, token = sign_up()
    return {"Authorization": f"Token {token}"}


def test_it_is_as_large_as_such_files_are() -> None:
    assert 30_000_000 < len(RADIOGRAPH) < 31_000_000
    assert np.prod((ROWS, COLUMNS)) < 50_000_000


def test_chexray(http: httpx.Client, token: Headers) -> None:
    for path, headers in (("upload", token), ("anonupload", {})):
        answer = http.post(f"/api/chexray/{path}/", files={"image": ("x.dcm", RADIOGRAPH)}, headers=headers)
        assert answer.status_code == 201, answer.text
        assert http.get(answer.json()["image"]).headers["content-type"] == "image/png"
        refused = http.post(f"/api/chexray/{path}/", files={"image": ("x.jpg", PHOTOGRAPH)}, headers=headers)
        assert (refused.status_code, refused.json()) == (413, {"image": TOO_LARGE})


def test_covid19_and_predictions(http: httpx.Client, token: Headers) -> None:
    answer = http.post("/predict", files={"file": ("x.dcm", RADIOGRAPH)})
    assert (answer.status_code, set(answer.json())) == (200, {"result", "distribution"})
    refused = http.post("/predict", files={"file": ("x.jpg", PHOTOGRAPH)})
    assert (refused.status_code, refused.json()) == (413, {"ERROR": TOO_LARGE})
    sent: dict[str, Any] = {"data": {"model": "chest-findings"}, "headers": token}
    answer = http.post("/api/predictions", files={"file": ("x.dcm", RADIOGRAPH)}, **sent)
    assert answer.status_code == 201, answer.text
    refused = http.post("/api/predictions", files={"file": ("x.jpg", PHOTOGRAPH)}, **sent)
    assert (refused.status_code, refused.json()["errors"][0]["detail"]) == (413, TOO_LARGE)


def test_yelda(http: httpx.Client, admin: Headers) -> None:
    uploads = "/uploads/medical-images"
    answer = http.post(f"{uploads}/", files={"file": ("x.dcm", RADIOGRAPH)}, headers=admin)
    assert answer.status_code == 201, answer.text
    url = answer.json()["url"]
    assert http.get(f"{uploads}/{url}?original=true", headers=admin).content == RADIOGRAPH
    refused = http.post(f"{uploads}/", files={"file": ("x.jpg", PHOTOGRAPH)}, headers=admin)
    assert said(refused) == (413, "A file is larger than 20 MB.")


@pytest.mark.parametrize("form", ["application/json", "application/cbor"])
def test_core(http: httpx.Client, form: str) -> None:
    def body(device: str, data: bytes) -> bytes:
        document = {"deviceId": device, "timestamp": TAKEN}
        if form == "application/cbor":
            return cbor2.dumps({**document, "imageData": data})
        return httpx.Request("POST", "http://x", json={**document, "imageData": b64encode(data).decode()}).content

    headers = {"Content-Type": form}
    answer = http.post("/collections/images", content=body(f"detector {form}", RADIOGRAPH), headers=headers)
    assert (answer.status_code, answer.json()["size"]) == (201, len(RADIOGRAPH))
    assert http.get(answer.json()["href"]).content == RADIOGRAPH
    refused = http.post("/collections/images", content=body("camera", PHOTOGRAPH), headers=headers)
    sentence = "imageData: The picture is larger than 20,971,520 bytes."
    assert (refused.status_code, refused.json()["detail"]) == (413, sentence)


@pytest.fixture
def folder(http: httpx.Client, admin: Headers) -> Iterator[str]:
    """The id of a folder of the drive."""
    drive = "/admin/onedrive"
    http.get(f"{drive}/add-folder", params={"folder_name": "large files"}, headers=admin)
    folders = http.get(f"{drive}/folders", headers=admin).json()["folders"]
    (found,) = (key for key, each in folders.items() if isinstance(each, dict) and each["folder_name"] == "large files")
    yield found
    http.get(f"{drive}/delete-folder", params={"folder_id": found}, headers=admin)


def test_imagehub(http: httpx.Client, admin: Headers, folder: str) -> None:
    """Its drive takes files of 100 MB; what is too large to be shown is skipped, with the reason."""
    files = []
    for name, data in (("x.dcm", RADIOGRAPH), ("x.jpg", PHOTOGRAPH)):
        params = {"folder_id": folder, "file_name": name}
        session = http.get("/admin/onedrive/upload-session", params=params, headers=admin).json()
        files.append((name, str(UploadClient(session["sessionUrl"], data).finish()["id"])))
    answer = http.post("/admin/add/image", json=image_list(*files, folder=folder), headers=admin)
    assert answer.status_code == 200, answer.text
    addition = http.get(f"/api/gallery/additions/{answer.json()['addition']}", headers=admin).json()
    assert (addition["added"], addition["failed"]) == (1, 1)
    refused = [(each["file_name"], each["detail"]) for each in addition["errors"]]
    assert refused == [("x.jpg", "The file is larger than 20,971,520 bytes.")]
