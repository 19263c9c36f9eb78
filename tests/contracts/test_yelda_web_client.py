"""docs/yelda-clients.md: a page of TheYelda's web client behind nginx and Caddy as they are configured there, in front
of the real platform."""

import itertools
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from conftest import ROOT
from support import pictures
from support.web_servers import listening
from support.yelda_client import PASSWORD, Headers, Make, cookie_of

from lightbox.run.platform import Platform

DOCUMENTED = (ROOT / "docs" / "yelda-clients.md").read_text()
SCRIPT = "document.title = 'TheYelda';"
INDEX = "<!doctype html><script src=/static/app.js></script>"

_numbers = itertools.count(1)


def block(language: str) -> str:
    (printed,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENTED, re.DOTALL)
    return str(printed)


def replaced(text: str, **changes: tuple[str, str]) -> str:
    """A configuration with other addresses; each of them stands in it."""
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    return text


def nginx(folder: Path, site: str) -> list[str]:
    """The command that serves the site."""
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path = folder / "nginx.conf"
    path.write_text(
        "daemon off; master_process off; error_log stderr;"
        f"pid {folder}/pid; events {{}} http {{ access_log off; {temporary}\n{site} }}"
    )
    return ["nginx", "-p", str(folder), "-c", str(path), "-e", "stderr"]


def caddy(folder: Path, site: str) -> list[str]:
    """The command that serves the site."""
    path = folder / "Caddyfile"
    path.write_text(f"{{\n admin off\n auto_https off\n}}\n{site}")
    return ["caddy", "run", "--config", str(path), "--adapter", "caddyfile"]


@pytest.fixture(params=["nginx", "nginx without the port", "caddy"])
def page(request: pytest.FixtureRequest, tmp_path: Path, free_port: int, platform: Platform) -> Iterator[httpx.Client]:
    """A browser on the client's page: it adds the origin of the page to what changes something."""
    program = str(request.param).split()[0]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    files = tmp_path / "yelda"
    (files / "static").mkdir(parents=True)
    (files / "index.html").write_text(INDEX)
    (files / "static" / "app.js").write_text(SCRIPT)
    gateway = ("127.0.0.1:8000", platform.url.removeprefix("http://"))
    addresses = {"gateway": gateway, "files": ("/srv/yelda", str(files))}
    if program == "nginx":
        site = replaced(block("nginx"), listen=("listen 80;", f"listen 127.0.0.1:{free_port};"), **addresses)
    else:
        site = replaced(block("caddyfile"), listen=("lab.example {", f"http://:{free_port} {{"), **addresses)
    if request.param == "nginx without the port":
        site = replaced(site, host=("$http_host", "$host"))

    def as_a_browser(sent: httpx.Request) -> None:
        # Not by an address of this machine, all of whose pages are trusted in development.
        sent.headers["Host"] = f"lab.local:{free_port}"
        if sent.method not in {"GET", "HEAD"}:
            sent.headers.setdefault("Origin", f"http://lab.local:{free_port}")

    command = nginx(tmp_path, site) if program == "nginx" else caddy(tmp_path, site)
    folders = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(tmp_path))
    with (
        listening(command, free_port, folders) as url,
        httpx.Client(base_url=url, timeout=60, event_hooks={"request": [as_a_browser]}) as http,
    ):
        yield http


def test_the_clients_files(page: httpx.Client) -> None:
    for path in ("/", "/index.html", "/login", "/jobs/7"):
        answer = page.get(path)
        assert (path, answer.status_code, answer.text) == (path, 200, INDEX)
    assert page.get("/static/app.js").text == SCRIPT


def test_a_page_of_the_client(page: httpx.Client, admin: Headers) -> None:
    """From registering to signing out, by the cookie alone."""
    name = f"page-{next(_numbers)}-{page.base_url.port}"
    made = page.post("/api/accounts/", json={"username": name, "password": PASSWORD})
    assert (made.status_code, made.json()["message"]) == (201, "用户创建成功")
    path = made.headers["location"]
    assert path == f"/api/accounts/{made.json()['account_id']}"
    waiting = page.post("/api/authorization/", json={"username": name, "password": PASSWORD})
    assert (waiting.status_code, waiting.json()["message"]) == (401, "用户审核未通过")
    assert page.put(path, json={"authority": 102}, headers=admin).status_code == 200

    signed_in = page.post("/api/authorization/", json={"username": name, "password": PASSWORD})
    assert (signed_in.status_code, signed_in.json()["authority"]) == (201, 102)
    assert cookie_of(signed_in)["secure"] == ""
    assert set(page.cookies) == {"lightbox_session"}
    assert page.get("/api/self/").json()["account_id"] == made.json()["account_id"]

    shown = page.get(path).json()
    assert (shown["authority"], shown["authority_name"], shown["photo"]) == (102, "doctor", "default.png")
    edited = page.put(path, json={**shown, "nickname": "Nick"})
    assert (edited.status_code, edited.json()["message"], edited.json()["nickname"]) == (200, "用户修改成功", "Nick")
    for foreign in ("http://evil.example", f"http://evil.example:{page.base_url.port}", "null"):
        refused = page.put(path, json={"nickname": "x"}, headers={"Origin": foreign})
        assert (foreign, refused.status_code, refused.json()["message"]) == (foreign, 403, "用户没有权限")

    picture = {"image": ("chest.png", pictures.png(), "image/png")}
    uploaded = page.post("/api/chexray/upload/", data={"title": "by cookie"}, files=picture)
    assert uploaded.status_code == 201, uploaded.text

    missing = page.get("/api/jobs//7")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    assert missing.json()["message"]
    ended = page.delete("/api/authorization/")
    assert (ended.status_code, ended.json()["message"]) == (200, "登出成功")
    assert set(page.cookies) == set()
    out = page.get("/api/self/")
    assert (out.status_code, out.json()) == (401, {"message": "用户未登录"})


def test_large_forms_reach_the_gateway(page: httpx.Client, make: Make) -> None:
    """What is too large is refused by the gateway, whose answer the clients understand, and not by the web server."""
    _, _, headers = make(102)
    files = {"file": ("large.png", bytes(100 * 1024 * 1024), "image/png")}
    answer = page.post("/api/uploads/medical-images", files=files, headers=headers)
    assert answer.status_code == 401  # only administrators may
    assert "message" in answer.json(), answer.text


def test_a_picture_is_uploaded_and_shown_by_the_cookie(page: httpx.Client, admin_password: str) -> None:
    """As the administrator's page does it, and then an `<img>` element."""
    signed_in = page.post("/api/authorization/", json={"username": "admin", "password": admin_password})
    assert signed_in.status_code == 201
    files = {"file": ("fundus.png", pictures.png(), "image/png")}
    made = page.post("/api/uploads/medical-images/", files=files)
    assert made.status_code == 201, made.text
    shown = page.get(f"/api/uploads/medical-images/{made.json()['url']}")
    assert (shown.status_code, shown.content) == (200, pictures.png())
    image = page.get(f"/api/images/{made.json()['image_id']}/").json()
    assert (image["state"], image["image_state"], image["label_id"]) == ("unassigned", 300, None)
    assert page.delete("/api/authorization/").status_code == 200
