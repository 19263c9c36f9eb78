"""The commands `collections ...`."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from support.commands import Terminal
from support.databases import FreshDatabase

from auth_service.audit.verification import verify
from core_collection_service.commands.collections import app
from core_collection_service.config import CoreSettings
from core_collection_service.pictures.models import NewPicture
from core_collection_service.pictures.submit.writer import PictureWriter
from lightbox_shared.commands import GROUP
from lightbox_shared.database import Database

SIZE = 1000


@pytest.fixture
def settings(fresh_database: FreshDatabase) -> CoreSettings:
    url = fresh_database("core_collection_service")
    return CoreSettings(database_url=url, secret_key="s" * 32, coap=False)  # type: ignore[arg-type]


@pytest.fixture
def trail_url(fresh_database: FreshDatabase) -> str:
    """The database of auth-service, which has the audit trail."""
    return fresh_database("auth_service")


@pytest.fixture
def terminal(settings: CoreSettings, trail_url: str) -> Terminal:
    return Terminal(settings, {"core-collection-service": settings.database_url, "auth-service": trail_url})


async def keep(settings: CoreSettings, *devices: str) -> None:
    """Keep a picture of each device, taken a minute after the one before."""
    database = Database(settings.database_url)
    async with PictureWriter(database).running() as writer:
        for number, device in enumerate(devices):
            row = NewPicture(
                collection="images",
                device_id=device,
                taken_at=datetime(2024, 8, 18, tzinfo=UTC) + timedelta(minutes=number),
                media_type="image/png",
                width=20,
                height=20,
                size=SIZE,
                sha256=bytes(32),
                encoding=None,
                stored_size=SIZE,
                data=b"picture",
                object_key=None,
            )
            await writer.write(row)
    await database.dispose()


async def test_devices_are_listed(settings: CoreSettings, terminal: Terminal) -> None:
    await keep(settings, "12345", "12345", "a camera", "zoë")
    shown = (await terminal.ok(app, "devices")).splitlines()
    assert [line.split("  ")[0] for line in shown] == ["device", "12345", "a camera", "zoë"]
    lines = [json.loads(line) for line in (await terminal.ok(app, "devices", "--json")).splitlines()]
    assert (lines[0]["device"], lines[0]["pictures"], lines[0]["bytes"]) == ("12345", 2, 2 * SIZE)
    assert lines[0]["last_taken"] == "2024-08-18T00:01:00Z"
    done = await terminal.run(app, "devices", "--limit", "1")
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 2)
    assert "--limit" in done.stderr
    assert "There is no such collection; there is images." in await terminal.refused(
        app, "devices", "--collection", "x"
    )


async def test_rules_are_set_listed_applied_and_removed(settings: CoreSettings, terminal: Terminal) -> None:
    await keep(settings, "12345", "12345", "12345", "67890")
    await terminal.ok(app, "retention", "set", "--days", "30", "--bytes", "10GB")
    await terminal.ok(app, "retention", "set", "--device", "12345", "--bytes", f"{2 * SIZE}B")
    listed = (await terminal.ok(app, "retention", "list")).splitlines()
    assert [line.split() for line in listed[1:]] == [
        ["images", "(every", "other)", "30", "10000000000"],
        ["images", "12345", "-", str(2 * SIZE)],
    ]
    announced = await terminal.ok(app, "retention", "apply", "--dry-run")
    assert announced.endswith(f"Pictures that would be deleted: 1; bytes: {SIZE}.\n")
    done = await terminal.ok(app, "retention", "apply")
    assert [line.split() for line in done.splitlines()[1:2]] == [["images", "12345", "1", str(SIZE)]]
    assert done.endswith(f"Pictures deleted: 1; bytes: {SIZE}.\n")
    assert (await terminal.ok(app, "retention", "apply")).endswith("Pictures deleted: 0; bytes: 0.\n")
    await terminal.ok(app, "retention", "remove", "--device", "12345")
    await terminal.ok(app, "retention", "set", "--forever")
    assert (await terminal.ok(app, "retention", "list")).splitlines()[1].split()[3:] == ["-", "-"]
    await terminal.ok(app, "retention", "remove")
    assert await terminal.refused(app, "retention", "remove") == "There is no such rule."


async def audited(trail_url: str) -> list[dict[str, Any]]:
    """The entries of the audit trail, whose chain is whole."""
    database = Database(trail_url)
    try:
        async with database.writing() as session:
            assert (await verify(session)).problems == []
            rows = await session.scalars(text("SELECT entry FROM audit_entries ORDER BY sequence"))
            return [json.loads(entry) for entry in rows]
    finally:
        await database.dispose()


async def test_changes_of_rules_are_in_the_audit_trail(terminal: Terminal, trail_url: str) -> None:
    await terminal.ok(app, "retention", "set", "--days", "30", "--bytes", "10GB")
    await terminal.ok(app, "retention", "set", "--days", "30", "--bytes", "10GB")  # it is there already
    await terminal.ok(app, "retention", "set", "--device", "12345", "--forever")
    await terminal.ok(app, "retention", "list")
    await terminal.ok(app, "retention", "apply")
    await terminal.ok(app, "retention", "remove")
    await terminal.refused(app, "retention", "remove")
    entries = await audited(trail_url)
    assert {(each["actor"], each["account_id"], each["address"]) for each in entries} == {("command-line", None, None)}
    common = {"collection": "images", "service": "core-collection-service"}
    limits = {"days": 30, "bytes": 10_000_000_000}
    assert [(each["action"], each["details"]) for each in entries] == [
        ("retention-rule-changed", {**common, **limits, "device": None}),
        ("retention-rule-changed", {**common, "days": None, "bytes": None, "device": "12345"}),
        (
            "retention-rule-deleted",
            {**common, "device": None, **{f"{name}_before": value for name, value in limits.items()}},
        ),
    ]


async def test_a_change_that_the_audit_trail_does_not_take_is_not_made(
    settings: CoreSettings, fresh_database: FreshDatabase
) -> None:
    url = fresh_database("auth_service")
    terminal = Terminal(settings, {"core-collection-service": settings.database_url, "auth-service": url})
    await terminal.ok(app, "retention", "set", "--days", "30")
    database = Database(url)
    async with database.autocommit() as connection:
        await connection.execute(text("ALTER TABLE audit_entries RENAME TO gone"))
    await database.dispose()
    for command in (("set", "--days", "1"), ("remove",)):
        assert "The database can't be used" in await terminal.refused(app, "retention", *command)
    assert (await terminal.ok(app, "retention", "list")).splitlines()[1].split()[3:] == ["30", "-"]


async def test_in_a_container_the_service_takes_the_entry(settings: CoreSettings) -> None:
    """There is no other database there, and here nothing answers at the address of the service."""
    terminal = Terminal(settings)
    done = await terminal.run(app, "retention", "set", "--days", "1", LIGHTBOX_AUTH_SERVICE_URL="http://127.0.0.1:9")
    assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1)
    assert len((await terminal.ok(app, "retention", "list")).splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Give --days, --bytes or both, or else --forever."),
        (("--days", "1", "--forever"), "Give --days, --bytes or both, or else --forever."),
        (("--days", "0"), "greater than or equal to 1"),
        (("--bytes", "ten"), "--bytes is a number"),
        (("--bytes", "0B"), "--bytes is at least 1"),
        (("--bytes", "10"), "write 10GB or so, or 10B"),
        (("--bytes", "9999999TB"), "--bytes is at least 1 and below"),
        (("--days", "1", "--device", ""), "deviceId: It may not be empty."),
        (("--days", "1", "--device", "a\nb"), "deviceId: Control characters are not allowed."),
        (("--days", "1", "--collection", "x"), "There is no such collection; there is images."),
    ],
)
async def test_an_invalid_rule_is_refused(terminal: Terminal, arguments: tuple[str, ...], sentence: str) -> None:
    done = await terminal.run(app, "retention", "set", *arguments)
    assert done.exit_code in {1, 2}
    assert sentence in " ".join(done.stderr.replace("│", " ").split())
    assert len((await terminal.ok(app, "retention", "list")).splitlines()) == 1


def test_the_commands_are_announced() -> None:
    announced = {
        each.name: each.load()
        for each in entry_points(group=GROUP)
        if each.module.startswith("core_collection_service.")
    }
    assert announced == {"collections": app}


@pytest.mark.processes
def test_by_itself_it_needs_nothing_but_the_database(settings: CoreSettings, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "core_collection_service", "collections", "devices"]
    environment = {"LIGHTBOX_DATABASE_URL": settings.database_url, "PATH": ""}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("device ")
