"""The demo of ImageHub: a folder is made and filled, its pictures are shown in a group, and a visitor looks at them."""

import secrets
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from rich.console import Console

from lightbox.demo.answers import SAMPLES, DemoError, ok, table
from lightbox.demo.people import sign_in_as_administrator

PICTURES: Final = ("cardiomegaly.jpg", "normal.png", "pleural-effusion.dcm")
CHUNK_BYTES: Final = 327_680
"""The smallest chunk that an upload session takes before the last one."""


def walk(http: httpx.Client, console: Console) -> None:
    """Fill a folder, show its pictures, and look at them as a visitor. Raises `DemoError`.

    Folders take an administrator. If the password of none is at hand, that is printed and nothing is done; nor is it
    where OneDrive is the drive and waits for a consent.
    """
    admin = sign_in_as_administrator(http)
    if admin is None:
        console.print("The gallery's folders take an administrator: set LIGHTBOX_ADMIN_PASSWORD.")
        return
    connected = ok(http.get("/admin/onedrive/connect", headers=admin))
    if connected["code"] != 1:
        console.print(f"The drive waits for a consent: {connected['url']}", markup=False)
        return
    folder_id, name = new_folder(http, admin)
    sent = table(f"folder {name}", "file", "chunks", "bytes", unbroken=("file",))
    files = []
    for filename in PICTURES:
        data = (SAMPLES / filename).read_bytes()
        item, chunks = upload(http, admin, folder_id, filename, data)
        files.append({"file_name": item["name"], "file_id": item["id"]})
        sent.add_row(item["name"], str(chunks), f"{item['size']:,}")
    console.print(sent)
    group = add(http, admin, folder_id, name, files)
    _look(http, console, admin, group)


def new_folder(http: httpx.Client, admin: dict[str, str]) -> tuple[str, str]:
    """The id and the name of a new folder of the drive. Raises `DemoError`."""
    name = f"demo-{secrets.token_hex(4)}"
    _expect(ok(http.get("/admin/onedrive/add-folder", params={"folder_name": name}, headers=admin)), 1)
    folders = ok(http.get("/admin/onedrive/folders", headers=admin))["folders"]
    for folder_id, folder in folders.items():
        if isinstance(folder, dict) and folder["folder_name"] == name:
            return folder_id, name
    raise DemoError(f"The folder {name} was made, and is not in the list.")


def upload(
    http: httpx.Client, admin: dict[str, str], folder_id: str, filename: str, data: bytes
) -> tuple[dict[str, Any], int]:
    """Upload a file as a browser does, in chunks to an address that needs no token. Returns the item and the number of
    chunks. Raises `DemoError`."""
    query = {"folder_id": folder_id, "file_name": filename}
    address = _expect(ok(http.get("/admin/onedrive/upload-session", params=query, headers=admin)), 1)["sessionUrl"]
    starts = range(0, len(data), CHUNK_BYTES)
    item: dict[str, Any] = {}
    for start in starts:
        chunk = data[start : start + CHUNK_BYTES]
        span = f"bytes {start}-{start + len(chunk) - 1}/{len(data)}"
        item = ok(httpx.put(address, content=chunk, headers={"Content-Range": span}, timeout=60))
    return item, len(starts)


def add(
    http: httpx.Client, admin: dict[str, str], folder_id: str, folder_name: str, files: list[dict[str, str]]
) -> int:
    """Show files in a new group, and return its number. Raises `DemoError`."""
    before = set(ok(http.get("/admin/groups", headers=admin))["data"])
    entry = {"all_image_id": files, "group": -1, "folder_name": folder_name}
    _expect(ok(http.post("/admin/add/image", json={"image_list": {folder_id: entry}}, headers=admin)), 1)
    (group,) = set(ok(http.get("/admin/groups", headers=admin))["data"]) - before
    return int(group)


def _look(http: httpx.Client, console: Console, admin: dict[str, str], group: int) -> None:
    shown = table(
        f"group {group}, as visitors get it",
        "picture",
        "size",
        "180 x 115",
        "at 360 pixels",
        "by IIIF, 128 pixels, grey",
        unbroken=("picture",),
    )
    for each in ok(http.get("/image/group", params={"group": group}, headers=admin))["data"]:
        path = each["src"].partition("?")[0]
        webp = http.get(path, params={"w": 360}, headers={"Accept": "image/webp", **admin})
        tile = http.get(f"{urlsplit(each['iiif']).path}/square/!128,128/0/gray.png", headers=admin)
        for answer in (webp, tile):
            if not answer.is_success:
                raise DemoError(f"{answer.request.url.path}: {answer.status_code} {answer.text[:300]}")
        shown.add_row(
            each["imageName"],
            f"{each['width']} x {each['height']}",
            f"{len(each['image']):,} characters",
            f"{webp.headers['content-type']}, {len(webp.content):,} bytes",
            f"{tile.headers['content-type']}, {len(tile.content):,} bytes",
        )
    console.print(shown)


def _expect(body: dict[str, Any], code: int) -> dict[str, Any]:
    if body.get("code") != code:
        raise DemoError(f"The gallery answers {body}.")
    return body
