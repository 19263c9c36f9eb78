"""Starting the service: its settings and the first accounts."""

import stat
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import ValidationError
from sqlalchemy import text
from support.asgi import client_of, running
from support.auth_service import ADMIN_PASSWORD, SECRET_KEY, MakeSettings
from support.databases import FreshDatabase

from auth_service.app import create_app
from auth_service.bootstrap import BootstrapFailed
from auth_service.config import AuthSettings
from lightbox_shared.database import Database

FILE = "admin-password"


@pytest.fixture
def database_url(fresh_database: FreshDatabase) -> str:
    """The address of a database on which the service was never started."""
    return fresh_database("auth_service")


async def _log_in(settings: AuthSettings, username: str, password: str) -> dict[str, Any]:
    async with running(create_app(settings)) as app, client_of(app) as client:
        answer = await client.post("/api/chexray/login", json={"username": username, "password": password})
        body: dict[str, Any] = answer.json()
        return body


async def test_the_first_accounts(database: Database) -> None:
    query = text("SELECT id, username, password_hash IS NULL AS locked, authority FROM accounts ORDER BY id")
    async with database.reading() as session:
        rows = [tuple(row) for row in await session.execute(query)]
    assert rows == [(1, "anonymous", True, 100), (2, "admin", False, 101)]


async def test_an_administrator_from_the_settings(make_settings: MakeSettings, tmp_path: Path) -> None:
    settings = make_settings(admin_username="Röntgen", admin_password=ADMIN_PASSWORD)
    assert (await _log_in(settings, "röntgen", ADMIN_PASSWORD))["userid"] == 2
    # After the first start these settings change nothing.
    changed = make_settings(admin_username="other", admin_password="another password")
    assert "userid" not in await _log_in(changed, "other", "another password")
    assert (await _log_in(changed, "röntgen", ADMIN_PASSWORD))["userid"] == 2
    assert not (tmp_path / FILE).exists()


async def test_a_generated_password(make_settings: MakeSettings, tmp_path: Path) -> None:
    settings = make_settings(admin_password=None, data_dir=tmp_path / "var")
    async with running(create_app(settings)):
        pass
    path = tmp_path / "var" / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_text()
    password = content.removesuffix("\n")
    assert content == f"{password}\n"
    assert len(password) >= 20
    assert (await _log_in(settings, "admin", password))["userid"] == 2
    assert path.read_text() == content


async def test_the_file_of_a_start_that_was_cut_short_is_used(make_settings: MakeSettings, tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_text("left behind\n")
    path.chmod(0o600)
    assert (await _log_in(make_settings(admin_password=None), "admin", "left behind"))["userid"] == 2


@pytest.mark.parametrize("trap", ["readable by others", "empty", "link", "folder"])
async def test_an_unsafe_file_stops_the_start(make_settings: MakeSettings, tmp_path: Path, trap: str) -> None:
    path = tmp_path / FILE
    match trap:
        case "readable by others":
            path.write_text("known to all\n")
            path.chmod(0o644)
        case "empty":
            path.touch(0o600)
        case "link":
            (tmp_path / "elsewhere").touch(0o600)
            path.symlink_to(tmp_path / "elsewhere")
        case _:
            path.mkdir(0o700)
    with pytest.raises(BootstrapFailed, match="remove it and start again"):
        async with running(create_app(make_settings(admin_password=None))):
            pass


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"admin_username": "two words"}, "LIGHTBOX_ADMIN_USERNAME: Enter a valid username"),
        ({"admin_username": "Anonymous"}, "LIGHTBOX_ADMIN_USERNAME: another account has the name 'Anonymous'"),
        ({"admin_password": "short", "environment": "production"}, "LIGHTBOX_ADMIN_PASSWORD: Ensure this field has at"),
    ],
)
async def test_an_impossible_administrator_stops_the_start(
    make_settings: MakeSettings, changes: dict[str, str], message: str
) -> None:
    with pytest.raises(BootstrapFailed, match=message):
        async with running(create_app(make_settings(**changes))):
            pass


@pytest.mark.real_hashes
async def test_replicas_that_start_together_make_one_administrator(make_settings: MakeSettings, tmp_path: Path) -> None:
    async def start() -> None:
        async with running(create_app(make_settings(admin_password=None))):
            pass

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(start)
    password = (tmp_path / FILE).read_text().strip()
    assert (await _log_in(make_settings(), "admin", password))["userid"] == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"secret_key": "too short to be one"}, "LIGHTBOX_SECRET_KEY must have at least 32 characters"),
        ({"secret_key": ""}, "LIGHTBOX_SECRET_KEY must have at least 32 characters"),
        ({"database_url": ""}, "must name the PostgreSQL database"),
        ({"service_secrets": "gateway"}, "Entry 1 is not `name:secret`"),
    ],
)
def test_settings_that_do_not_work(changes: dict[str, str], message: str) -> None:
    common = {"database_url": "postgresql:///x", "secret_key": SECRET_KEY}
    with pytest.raises(ValidationError, match=message) as raised:
        AuthSettings(**{**common, **changes})  # type: ignore[arg-type]
    assert "too short to be one" not in str(raised.value)


def test_settings_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DATABASE_URL": "postgresql:///x",
        "LIGHTBOX_SECRET_KEY": SECRET_KEY,
        "LIGHTBOX_SERVICE_SECRETS": "gateway:x",
        "LIGHTBOX_ADMIN_PASSWORD": "",  # what docker compose passes for a variable that is not set
        "LIGHTBOX_PASSWORD_MIN_LENGTH": "12",
    }.items():
        monkeypatch.setenv(name, value)
    settings = AuthSettings()
    assert (settings.database_url, settings.admin_username) == ("postgresql:///x", "admin")
    assert settings.admin_password is None
    assert settings.shortest_password == 12
    assert SECRET_KEY not in repr(settings)


async def test_nothing_secret_is_logged(make_settings: MakeSettings, capsys: pytest.CaptureFixture[str]) -> None:
    password = "the one that must not be seen"
    async with running(create_app(make_settings())) as app, client_of(app) as client:
        signed_up = await client.post("/api/chexray/signup", json={"username": "ada", "password": password})
        await client.post("/api/chexray/login", json={"username": "ada", "password": f"{password}!"})
    said = capsys.readouterr()
    assert "/api/chexray/login" in said.out
    for secret in (password, ADMIN_PASSWORD, signed_up.json()["token"], SECRET_KEY):
        assert secret not in said.out + said.err
