"""The commands `storage ...` of a service that has blobs and visitors without an account."""

import json
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from sqlalchemy import text
from support import pictures
from support.asgi import client_of
from support.commands import Terminal
from support.databases import FreshDatabase
from support.gateway import Key
from support.inference import MODEL, SECRET_KEY, account_headers, running_inference

from inference_service.config import InferenceSettings
from lightbox_shared.anonymous_storage.service import ROW_BYTES
from lightbox_shared.commands.main import commands_of
from lightbox_shared.commands.storage import GROUP, services_with_storage
from lightbox_shared.database import Database
from lightbox_shared.installation import SERVICES

PNG = pictures.png()
COMMANDS = commands_of("inference-service")
OF_ACCOUNTS = (("/api/chexray/upload", "image", {"title": ""}), ("/api/predictions", "file", {"model": MODEL}))


@pytest.fixture
async def settings(fresh_database: FreshDatabase, tmp_path: Path, key: Key) -> InferenceSettings:
    """Of a service with an old picture and a new one without an account, one of an account that two models have read,
    and a blob without a reference."""
    url = fresh_database("inference_service")
    async with running_inference(url, tmp_path, key) as app, client_of(app) as http:
        database: Database = app.state["database"]
        for data in (PNG, PNG + b"\n"):
            answer = await http.post("/api/chexray/anonupload", data={"title": ""}, files={"image": ("x", data)})
            assert answer.status_code == 201
        for path, field, fields in OF_ACCOUNTS:
            answer = await http.post(
                path, data=fields, files={field: ("x", PNG + b"own")}, headers=account_headers(key, 7)
            )
            assert answer.status_code == 201
        async with database.writing() as session:
            await session.execute(text("UPDATE xrays SET posted_at = posted_at - interval '8 days' WHERE id = 1"))
            await session.execute(
                text("UPDATE predictions SET created_at = created_at - interval '8 days' WHERE id = 1")
            )
            await app.state["services"].blobs.put(session, b"nobody's")
    return InferenceSettings(database_url=url, secret_key=SECRET_KEY)  # type: ignore[arg-type]


async def test_it_is_shown_and_cleaned(settings: InferenceSettings) -> None:
    terminal, app = Terminal(settings), COMMANDS
    done = await terminal.run(app, "storage", "--json", LIGHTBOX_DATA_DIR="/")
    shown = json.loads(done.stdout)
    tables = shown.pop("tables")
    assert {"xrays", "predictions", "blobs", "anonymous_total"} <= tables.keys()
    assert shown.pop("tables_bytes") == sum(tables.values())
    assert shown.pop("free_disk_bytes") > 0
    assert shown == {
        "service": "inference-service",
        "pictures": 4,
        "blob_bytes": 3 * len(PNG) + len(b"\nown") + len(b"nobody's"),
        "unused_blobs": 1,
        "unused_bytes": len(b"nobody's"),
        "anonymous_pictures": 2,
        "anonymous_bytes": 2 * (len(PNG) + ROW_BYTES) + 1,
    }
    lines = (await terminal.ok(app, "storage")).splitlines()
    assert lines[0].split("  ")[0] == "service"
    assert lines[1].split()[0] == "inference-service"
    assert lines[1].split()[2:] == [str(each) for name, each in shown.items() if name != "service"]
    assert lines[2].startswith("Free disk where the database is: ")

    cleaned = (await terminal.ok(app, "storage", "clean", "--json")).splitlines()
    assert json.loads(cleaned[-1]) == {
        "service": "inference-service",
        "expired": 2,  # an X-ray and its prediction
        "unused_blobs": 2,
        "unused_bytes": len(PNG) + len(b"nobody's"),
    }
    left = json.loads(await terminal.ok(app, "storage", "--json"))
    assert (left["pictures"], left["blob_bytes"], left["unused_blobs"]) == (3, 2 * len(PNG) + len(b"\nown"), 0)
    assert (left["anonymous_pictures"], left["anonymous_bytes"]) == (1, len(PNG) + 1 + ROW_BYTES)
    again = (await terminal.ok(app, "storage", "clean")).splitlines()
    assert [line.split() for line in again[-1:]] == [["inference-service", "0", "0", "0"]]


async def test_objects_are_not_left_behind(settings: InferenceSettings, tmp_path: Path) -> None:
    """Without the object store in which bytes are, nothing is deleted."""
    database = Database(settings.database_url)
    async with database.writing() as session:
        await session.execute(text("UPDATE blobs SET data = NULL"))
    await database.dispose()
    terminal, app = Terminal(settings), COMMANDS
    refused = await terminal.run(app, "storage", "clean")
    assert refused.exit_code == 1
    assert (
        refused.stderr.strip() == "Some blobs are in an object store: set LIGHTBOX_BLOB_STORE_URL as for the service."
    )
    store = {"LIGHTBOX_BLOB_STORE_URL": f"file://{tmp_path}/store"}
    done = await terminal.run(app, "storage", "clean", "--json", **store)
    assert json.loads(done.stdout.splitlines()[-1])["unused_blobs"] == 2


async def test_another_service_is_not_there(settings: InferenceSettings) -> None:
    done = await Terminal(settings).run(COMMANDS, "storage", "--service", "imagehub-service")
    assert done.exit_code == 2
    assert "there is inference-service" in " ".join(done.stderr.split())


def test_every_service_with_a_database_says_how_it_stores() -> None:
    assert services_with_storage() == [each.name for each in SERVICES if each.has_database]
    for each in entry_points(group=GROUP):
        storage = each.load()()
        assert storage.settings.__module__ == each.module.partition(".")[0] + ".config"
