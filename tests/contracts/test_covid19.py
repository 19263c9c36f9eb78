"""The COVID-19 API as its clients know it, black box through the gateway."""

import re
from decimal import Decimal
from typing import Any

import httpx
import pytest
from support import pictures

EMPTY = {"ERROR": "file you send is empty !!!"}
NO_IMAGE = {"ERROR": "file you send is not an image !!!"}
NO_ENDPOINT = "Not a valid endpoint, you only have /alive or /predict"


@pytest.mark.parametrize("path", ["/alive", "/alive/"])
def test_alive(http: httpx.Client, path: str) -> None:
    answer = http.get(path)
    assert (answer.status_code, answer.json()) == (200, {"message": "Server is alive!"})


@pytest.mark.parametrize("path", ["/predict", "/predict/"])
@pytest.mark.parametrize("data", [pictures.png(300, 200), pictures.dicom(), pictures.encoded(pictures.GREY, "JPEG")])
def test_predict(http: httpx.Client, path: str, data: bytes) -> None:
    answer = http.post(path, files={"file": data})
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"result", "distribution"}
    assert list(body["distribution"]) == ["COVID-19", "NORMAL"]
    assert all(re.fullmatch(r"\d{1,3}\.\d\d%", share) for share in body["distribution"].values())
    shares = {label: Decimal(share.rstrip("%")) for label, share in body["distribution"].items()}
    assert sum(shares.values()) == 100
    assert shares[body["result"]] == max(shares.values())
    assert "no medical device" in answer.headers["lightbox-notice"]


def test_no_file_and_empty_files(http: httpx.Client) -> None:
    requests: list[dict[str, Any]] = [{"files": {"file": b""}}, {"files": {"other": b"x"}}, {"data": {"file": "x"}}]
    for request in [*requests, {"json": {}}, {}]:
        answer = http.post("/predict", **request)
        assert (answer.status_code, answer.json()) == (400, EMPTY), request


@pytest.mark.parametrize(
    "data",
    [
        b"I am a text file",
        pictures.png()[:-40],
        pictures.encoded(pictures.GREY, "JPEG")[:-100],
        pictures.dicom()[:-1000],
        pictures.dicom_without_pixels(),
        pictures.png_claiming(60_000, 60_000),
        pictures.gif(10_000),
    ],
)
def test_what_is_no_image(http: httpx.Client, data: bytes) -> None:
    answer = http.post("/predict", files={"file": ("named.png", data, "image/png")})
    assert (answer.status_code, answer.json()) == (400, NO_IMAGE)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/alive"), ("DELETE", "/alive/"), ("GET", "/predict"), ("PUT", "/predict/")]
)
def test_wrong_methods(http: httpx.Client, method: str, path: str) -> None:
    answer = http.request(method, path)
    assert (answer.status_code, answer.json()) == (405, {"ERROR": "Not a valid method"})


def test_unknown_paths(http: httpx.Client) -> None:
    below = http.get("/predict/more")
    assert (below.status_code, below.json()) == (404, {"ERROR": NO_ENDPOINT})
    root = http.get("/no-such-path")
    assert root.status_code == 404
    assert root.headers["content-type"].startswith("application/problem+json")
    assert root.json()["ERROR"] == NO_ENDPOINT
    assert {"type", "title", "status", "detail"} <= set(root.json())


def test_too_large(http: httpx.Client) -> None:
    answer = http.post("/predict", files={"file": b"\xff" * (21 * 1024 * 1024)})
    assert answer.status_code == 413
