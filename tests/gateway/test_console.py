"""The console, as the gateway serves it from a folder."""

import gzip
from pathlib import Path

import httpx
import pytest
from support.gateway import Start

from gateway.console import POLICY

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"}
INDEX = b"<!doctype html><title>the console</title>"
SCRIPT = b"console.log('the console');" * 50


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A console of two files, one of which is there in gzip too."""
    built = tmp_path / "dist"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_bytes(INDEX)
    (built / "assets" / "index-C7MjyMSJ.js").write_bytes(SCRIPT)
    (built / "assets" / "index-C7MjyMSJ.js.gz").write_bytes(gzip.compress(SCRIPT))
    (tmp_path / "secret.txt").write_text("not of the console")
    (built / ".sources").write_text("0" * 64)
    return built


@pytest.fixture
def http(start: Start, folder: Path) -> httpx.Client:
    return start(console_dir=folder).http


@pytest.mark.parametrize(
    "path",
    [
        "/console",
        "/console/",
        "/console/reading",
        "/console/reading/7",
        "/console/a/b/c",
        "/console/devices/images/192.168.0.7",
        "/console/devices/images/cam.1",
        "/console/devices/assets/x.js",
        "/console/devices/images/http%3A%2F%2Fcam",
        "/console/index.html/more.js",
    ],
)
def test_every_page_is_the_index(http: httpx.Client, path: str) -> None:
    answer = http.get(path)
    assert (answer.status_code, answer.content) == (200, INDEX)
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert http.head(path).status_code == 200
    assert http.post(path).status_code == 405


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip", "gzip"), ("br, gzip", "gzip"), ("identity", None), ("gzip;q=0", None), ("GZIP;q=0.5", "gzip")],
)
def test_files_are_immutable_and_compressed_in_advance(http: httpx.Client, accepted: str, coding: str | None) -> None:
    answer = http.get("/console/assets/index-C7MjyMSJ.js", headers={"Accept-Encoding": accepted})
    assert (answer.status_code, answer.content) == (200, SCRIPT)
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "Accept-Encoding" in answer.headers.get_list("vary")


@pytest.mark.parametrize(
    "path",
    [
        "/console/assets/index-other.js",
        "/console/favicon.ico",
        "/console/assets/index-other",
        "/console/assets/more/index-C7MjyMSJ.js",
        f"/console/assets/{'a' * 300}.js",
        "/console/..%2Fsecret.txt",
        "/console/%2e%2e/secret.txt",
        "/console/assets%5Cindex-C7MjyMSJ.js",
    ],
)
def test_nothing_else_is_served(http: httpx.Client, path: str) -> None:
    answer = http.get(path)
    assert answer.status_code in {400, 404}
    assert b"not of the console" not in answer.content


def test_hidden_files_are_not_served(http: httpx.Client) -> None:
    assert http.get("/console/.sources").content == INDEX


def test_browsers_are_sent_from_the_root_to_the_console(start: Start, folder: Path) -> None:
    http = start(console_dir=folder).http
    answer = http.get("/", headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (307, "/console/")
    assert "Accept" in answer.headers.get_list("vary")
    for accept in ("application/json", "*/*", "application/hal+json"):
        assert "location" not in http.get("/", headers={"Accept": accept}).headers


def test_without_a_console(start: Start) -> None:
    http = start().http
    assert http.get("/console/").status_code == 404
    assert http.get("/", headers=BROWSER).headers["location"] == "/docs"


def test_while_it_is_built(start: Start, tmp_path: Path) -> None:
    http = start(console_dir=tmp_path / "dist").http
    state = tmp_path / "dist.state"
    assert "make console" in http.get("/console/").text
    state.write_text("building")
    answer = http.get("/console/")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "is being built" in answer.text
    state.write_text("npm ci ended with 1: <no> such host")
    answer = http.get("/console/reading")
    assert answer.status_code == 503
    assert "npm ci ended with 1: &lt;no&gt; such host" in answer.text
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "index.html").write_bytes(INDEX)
    assert http.get("/console/").content == INDEX
