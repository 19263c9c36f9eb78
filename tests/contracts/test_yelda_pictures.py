"""Pictures, photos and suggestions through the gateway, with all services behind it."""

from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image as PillowImage
from support import pictures
from support.yelda_client import ADMIN_ID, PASSWORD, Headers, Make, refused, until

from lightbox.run.platform import Platform

UPLOADS = "/uploads/medical-images"
PREFIXES = pytest.mark.parametrize("prefix", ["", "/api"])
EYE = PillowImage.merge("RGB", [pictures.GREY, pictures.GREY.rotate(180), PillowImage.new("L", (64, 48), 7)])
LABEL = {"quality": True, "dr": True, "stage": "3", "comment": "眼底"}


@pytest.fixture
def browser(platform: Platform, make: Make) -> Iterator[httpx.Client]:
    """A doctor's browser: no header, nothing but the cookie of the sign-in."""
    _, name, _ = make(102)
    with httpx.Client(base_url=platform.url, timeout=60) as client:
        answer = client.post("/api/authorization/", json={"username": name, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        yield client


def upload(http: httpx.Client, admin: Headers, *named: tuple[str, bytes], prefix: str = "") -> dict[str, Any]:
    answer = http.post(f"{prefix}{UPLOADS}/", files=[("file", each) for each in named], headers=admin)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


@PREFIXES
def test_an_image_element_shows_it_by_cookie_alone(
    http: httpx.Client, browser: httpx.Client, admin: Headers, prefix: str
) -> None:
    eye, xray = pictures.encoded(EYE, "PNG"), pictures.dicom()
    body = upload(http, admin, ("眼.png", eye), ("x.dcm", xray), prefix=prefix)
    assert [each["filename"] for each in body["data"]] == ["眼.png", "x.dcm"]
    assert (body["label_id"], body["image_state"], body["source"]) == (None, 300, "upload")
    shown = [browser.get(f"{prefix}{UPLOADS}/{each['url']}") for each in body["data"]]
    assert [each.headers["content-type"] for each in shown] == ["image/png", "image/png"]
    assert shown[0].content == eye
    green = browser.get(f"{prefix}{UPLOADS}/{body['url']}?green_channel=true")
    assert PillowImage.open(BytesIO(green.content)).tobytes() == EYE.getchannel("G").tobytes()
    part = browser.get(f"{prefix}{UPLOADS}/{body['url']}/", headers={"Range": "bytes=0-7"})
    assert (part.status_code, part.content) == (206, b"\x89PNG\r\n\x1a\n")
    assert browser.get(f"{prefix}{UPLOADS}/{body['url']}?original=true").status_code == 403
    original = http.get(f"{prefix}{UPLOADS}/{body['data'][1]['url']}?original=true", headers=admin)
    assert original.content == xray
    assert http.get(f"{prefix}{UPLOADS}/{body['url']}").status_code == 401


@PREFIXES
def test_a_photo(http: httpx.Client, make: Make, prefix: str) -> None:
    account_id, _, doctor = make(102)
    default = http.get(f"{prefix}/accounts/{account_id}", headers=doctor).json()["photo"]
    assert http.get(f"{prefix}/uploads/photos/{default}/", headers=doctor).headers["content-type"] == "image/png"
    files = {"file": ("me.jpg", pictures.encoded(EYE, "JPEG"))}
    answer = http.post(f"{prefix}/uploads/photos/", files=files, headers=doctor)
    body = answer.json()
    assert (answer.status_code, body["message"]) == (201, "头像上传成功")
    assert http.get(f"{prefix}/accounts/{account_id}", headers=doctor).json()["photo"] == body["photo"]
    photo = http.get(f"{prefix}/uploads/photos/{body['photo']}/?t=1", headers=doctor)
    assert PillowImage.open(BytesIO(photo.content)).size == (256, 256)


def test_images_of_pictures_of_the_whole_platform(
    http: httpx.Client, platform: Platform, admin: Headers, make: Make
) -> None:
    _, _, doctor = make(102)
    data = pictures.png(70, 50)
    own, others = (
        http.post("/api/chexray/upload/", files={"image": ("x", data)}, headers=headers).json()
        for headers in (admin, doctor)
    )
    sent = {"files": {"file": ("a b.png", data)}, "headers": admin}
    named = http.post(f"{UPLOADS}/", **sent).json()  # type: ignore[arg-type]
    device = {"deviceId": "camera/1", "timestamp": "2026-04-17T10:00:00Z"}
    document = {**device, "imageData": b64encode(pictures.png(71, 50)).decode()}
    in_collection = http.post("/collections/images", json=document).json()["id"]
    link = others["image"].removeprefix(platform.url)
    query = str(httpx.QueryParams(device))
    for path, source in [
        (f"/api/chexray/media/{own['id']}", f"/api/chexray/media/{own['id']}"),
        (link, f"/api/chexray/media/{others['id']}"),
        (platform.url + link, f"/api/chexray/media/{others['id']}"),
        (f"/collections/images/{in_collection}", f"/collections/images/{in_collection}"),
        (f"/collections/images?{query}", "/collections/images?deviceId=camera%2F1&timestamp=2026-04-17T10%3A00%3A00Z"),
        (f"{UPLOADS}/{named['url']}", "upload"),
        ("/images/a%20b.png", "upload"),
    ]:
        answer = http.post("/images/", json={"file_path": path}, headers=admin)
        assert answer.status_code == 201, (path, answer.text)
        assert answer.json()["source"] == source
        shown = http.get(f"{UPLOADS}/{answer.json()['url']}", headers=doctor)
        assert shown.content in {data, pictures.png(71, 50)}
    for path in [
        link.partition("?")[0],
        "/images/none.png",
        "/collections/images/999999",
        "/images/../uploads/x",
        "https://example.org/images/a.png",
        "//example.org/a.png",
    ]:
        assert refused(http.post("/images/", json={"file_path": path}, headers=admin)).startswith("file_path: ")


def test_what_a_model_says_and_what_doctors_found(http: httpx.Client, admin: Headers, make: Make) -> None:
    (doctor_id, _, doctor), (_, _, other) = make(102), make(102)
    image_id = upload(http, admin, ("x.png", pictures.png()))["image_id"]
    path = f"/api/images/{image_id}/suggestions"
    asked = http.post(path, json={"model": "covid19"}, headers=admin)
    assert asked.status_code == 201, asked.text
    assert http.post(path, json={"model": "covid19/1"}, headers=admin).status_code == 200
    suggestion = asked.json()
    job = http.post("/jobs/", json={"image_id": image_id, "account_id": doctor_id}, headers=admin).json()
    assert [http.get(path, headers=each).status_code for each in (admin, doctor, other)] == [200, 403, 403]
    label_id = http.post("/labels/", json=LABEL, headers=doctor).json()["label_id"]
    for state in ("201", "202"):
        answer = http.put(f"/jobs/{job['job_id']}", json={"label_id": label_id, "job_state": state}, headers=doctor)
        assert answer.status_code == 200, answer.text
    assert http.get(f"/images/{image_id}", headers=admin).json()["state"] == "done"
    assert [http.get(path, headers=each).status_code for each in (doctor, other)] == [200, 403]
    record = f"/api/predictions/{suggestion['prediction_id']}"
    assert until(lambda: http.get(record, headers=admin).json()["label"] is not None, 15)
    told = http.get(record, headers=admin).json()
    assert told["scores"] == suggestion["scores"]
    assert told["label"]["fields"] == LABEL
    assert (told["label"]["source_id"], told["label"]["scheme"]) == (label_id, "ophthalmology/1")
    assert http.get(path, headers=admin).json()["suggestions"][0]["written_back_at"] is not None
    assert suggestion["created_by"] == ADMIN_ID


@PREFIXES
def test_an_upload_that_is_too_large(http: httpx.Client, admin: Headers, prefix: str) -> None:
    data = pictures.encoded(PillowImage.new("L", (5000, 4300)), "BMP")
    for path, headers in ((f"{prefix}{UPLOADS}/", admin), (f"{prefix}/uploads/photos/", admin)):
        answer = http.post(path, files={"file": ("x.bmp", data)}, headers=headers)
        assert (answer.status_code, "message" in answer.json()) == (413, True)


def test_services_alone_reach_the_internal_paths(http: httpx.Client, admin: Headers) -> None:
    for path in (
        "/internal/xrays/1/picture?account_id=2",
        "/internal/pictures/images/1",
        "/internal/predictions/1/label",
    ):
        assert http.get(path, headers=admin).status_code == 404
