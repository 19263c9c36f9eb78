"""HEAD is answered wherever GET is, with the head of GET's answer (RFC 9110 section 9.1): through the gateway, for
every path of the platform's own description, and for those that are not in it."""

import re

import httpx
import pytest
from support import pictures
from support.yelda_client import Headers

from lightbox.run.platform import Platform

# What a GET is answered with is never the same twice, or goes on for ever.
MOVING = {"/metrics", "/collections/{collection}/events"}
UNDESCRIBED = ["/docs", "/docs/swagger-ui.css", "/openapi.json", "/healthz", "/readyz", "/nothing", "/internal/x"]
OF_AN_ANSWER = {"date", "x-request-id", "etag", "last-modified", "ratelimit"}


# ImageHub's client changes its drive by GET, and HEAD may change nothing (RFC 9110 section 9.2.1).
CHANGING = {f"/admin/onedrive/{name}" for name in ("add-folder", "rename", "delete-folder", "upload-session")}


def described(http: httpx.Client, admin: Headers) -> list[str]:
    """Every path with a GET, with something that exists in the place of each parameter, or something that may not."""
    sent, model = {"file": ("x.png", pictures.png(64, 64))}, {"model": "chest-findings"}
    prediction = http.post("/api/predictions", data=model, files=sent, headers=admin).json()["id"]
    paths: dict[str, dict[str, object]] = http.get("/openapi.json").json()["paths"]
    got = [path for path, operations in paths.items() if "get" in operations and path not in MOVING | CHANGING]
    known = {"collection": "images", "name": "chest-findings", "version": "1", "prediction_id": str(prediction)}
    return [re.sub(r"\{(\w+)\}", lambda found: known.get(found[1], "1"), path) for path in got]


def same_head(http: httpx.Client, path: str, headers: dict[str, str]) -> int:
    """Compares both, and returns the status."""
    got, asked = http.get(path, headers=headers), http.head(path, headers=headers)
    assert asked.status_code == got.status_code, path
    assert asked.content == b"", path
    told, expected = (
        {name: value for name, value in each.headers.items() if name not in OF_AN_ANSWER} for each in (asked, got)
    )
    if "content-length" not in told:  # it may be left out where it is not known without the body (section 8.6)
        expected.pop("content-length", None)
    if "transfer-encoding" not in told:  # nor is a response without a body in chunks (RFC 9112 section 6.1)
        expected.pop("transfer-encoding", None)
    assert told == expected, path
    return got.status_code


@pytest.mark.parametrize("signed_in", [True, False])
def test_every_path_of_the_document(http: httpx.Client, admin: Headers, signed_in: bool) -> None:
    paths = described(http, admin)
    assert {"/alive", "/self", "/api/models", "/.well-known/jwks.json", "/collections"} <= set(paths)
    statuses = {path: same_head(http, path, admin if signed_in else {}) for path in paths}
    assert 405 not in statuses.values(), statuses
    if signed_in:
        answered = [path for path, status in statuses.items() if status == 200]
        assert len(answered) > len(paths) / 2, statuses


@pytest.mark.parametrize("path", sorted(CHANGING))
def test_what_a_get_changes(http: httpx.Client, admin: Headers, path: str) -> None:
    asked = http.head(path, params={"folder_name": "by HEAD"}, headers=admin)
    assert (asked.status_code, asked.headers["allow"]) == (405, "GET")
    assert "by HEAD" not in http.get("/admin/onedrive/folders", headers=admin).text


@pytest.mark.parametrize("path", UNDESCRIBED)
def test_what_is_not_in_the_document(http: httpx.Client, path: str) -> None:
    same_head(http, path, {})


def test_a_link_to_a_picture(http: httpx.Client) -> None:
    sent = {"image": ("x.png", pictures.png(64, 64))}
    link = http.post("/api/chexray/anonupload/", data={"title": "x"}, files=sent).json()["image"]
    assert same_head(http, link, {}) == 200


def test_what_changes_all_the_time_is_answered_too(http: httpx.Client, admin: Headers) -> None:
    for path in ("/metrics", "/collections/images/events"):
        asked = http.head(path, headers=admin)
        assert (asked.status_code, asked.content) == (200, b""), path


def test_the_connection_is_good_for_more(platform: Platform) -> None:
    with httpx.Client(base_url=platform.url, limits=httpx.Limits(max_connections=1)) as http:
        for _ in range(3):
            assert http.head("/alive").status_code == 200
            assert http.get("/alive").status_code == 200
