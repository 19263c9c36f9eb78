"""What strangers may do is said where the platform is started, and once in the log of each service."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI
from support.asgi import running

from core_collection_service.config import CoreSettings
from gateway.app import create_app
from gateway.config import GatewaySettings
from gateway.routes import Routes
from lightbox.run.what_is_open import sentences
from lightbox_shared.app import build_app
from lightbox_shared.config import Environment

OPENED = {
    "LIGHTBOX_SELF_REGISTRATION": "true",
    "LIGHTBOX_PASSWORD_MIN_LENGTH": "7",
    "LIGHTBOX_COLLECTION_ACCESS": "open",
    "LIGHTBOX_GALLERY_VISIBILITY": "public",
    "LIGHTBOX_ALLOWED_ORIGINS": "*",
}
CLOSED = {
    "LIGHTBOX_SELF_REGISTRATION": "false",
    "LIGHTBOX_PASSWORD_MIN_LENGTH": "8",
    "LIGHTBOX_COLLECTION_ACCESS": "keys",
    "LIGHTBOX_GALLERY_VISIBILITY": "accounts",
    "LIGHTBOX_ALLOWED_ORIGINS": "https://lab.example",
}


def test_in_development_and_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sentence names the setting that closes it, and production closes all."""
    opened = sentences()
    assert [name for name in OPENED if not any(f"({name})" in each for each in opened)] == []
    assert len(opened) == len(OPENED)
    monkeypatch.setenv("LIGHTBOX_ENVIRONMENT", "production")
    assert sentences() == []


@pytest.mark.parametrize("name", OPENED)
@pytest.mark.parametrize("environment", Environment)
def test_each_setting_counts(monkeypatch: pytest.MonkeyPatch, environment: Environment, name: str) -> None:
    monkeypatch.setenv("LIGHTBOX_ENVIRONMENT", environment)
    for value, is_open in ((OPENED[name], True), (CLOSED[name], False)):
        monkeypatch.setenv(name, value)
        assert any(name in each for each in sentences()) is is_open


def test_the_process_that_the_runner_asks() -> None:
    command = [sys.executable, "-m", "lightbox.run.what_is_open"]
    environment = {"LIGHTBOX_GALLERY_VISIBILITY": "not a visibility", "LIGHTBOX_COAP": "false"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == len(OPENED) - 1
    assert "over HTTP (" in done.stdout


def told(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [each["what"] for each in lines if each["event"] == "open to strangers"]


@pytest.mark.parametrize(("environment", "times"), [(Environment.DEVELOPMENT, 1), (Environment.PRODUCTION, 0)])
def test_the_log_of_the_gateway(capsys: pytest.CaptureFixture[str], environment: Environment, times: int) -> None:
    settings = GatewaySettings(environment=environment, auth_service_url="http://127.0.0.1:1")
    gateway = create_app(settings, Routes())

    async def open_and_close() -> None:
        async with gateway.open():
            pass

    asyncio.run(open_and_close())
    assert told(capsys) == [list(settings.open_to_strangers())] * times


@pytest.mark.parametrize(("environment", "times"), [(Environment.DEVELOPMENT, 1), (Environment.PRODUCTION, 0)])
def test_the_log_of_a_service(capsys: pytest.CaptureFixture[str], environment: Environment, times: int) -> None:
    settings = CoreSettings(environment=environment)

    @asynccontextmanager
    async def nothing(_app: FastAPI) -> AsyncIterator[dict[str, object]]:
        yield {}

    app = build_app(name="core", description="", settings=settings, lifespan=nothing, routers=(), checks={})

    async def open_and_close() -> None:
        async with running(app):
            pass

    asyncio.run(open_and_close())
    assert told(capsys) == [list(settings.open_to_strangers())] * times
