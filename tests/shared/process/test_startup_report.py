"""A service whose start fails ends with one sentence on standard error."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.types import Message, Receive, Scope, Send
from support.databases import FreshDatabase
from support.onnx_models import write_model

from lightbox_shared.observability.logging import configure_logging
from lightbox_shared.process.startup import StartupError
from lightbox_shared.process.startup_report import ReportedStartup, startup_problem

SECRET = "sesame99" * 4


def started(service: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A process of the service, which is expected to end by itself; on a port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = min(probe.getsockname()[1], 64_000)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIGHTBOX_")}
    kept.pop("DATABASE_URL", None)
    command = [sys.executable, "-m", "lightbox_shared.serve", service]
    environment = {**kept, "LIGHTBOX_PORT": str(port), "LIGHTBOX_SECRET_KEY": SECRET, **settings}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def problem(done: subprocess.CompletedProcess[str], service: str) -> str:
    """The sentence. There is nothing else on standard error, and no traceback and no secret anywhere."""
    assert done.returncode == 1, done.stdout
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert SECRET not in done.stdout + done.stderr
    start = f"{service} can't start: "
    assert done.stderr.startswith(start)
    return done.stderr.removeprefix(start).removesuffix("\n")


def _unknown_key(folder: Path) -> None:
    write_model(folder, extra='thresold = "0.5"')


def _changed_graph(folder: Path) -> None:
    write_model(folder, sha256="0" * 64)


def _no_graph(folder: Path) -> None:
    (write_model(folder) / "model.onnx").unlink()


def _not_toml(folder: Path) -> None:
    (write_model(folder) / "model.toml").write_text("title =")


def _other_shape(folder: Path) -> None:
    description = write_model(folder, size=16) / "model.toml"
    description.write_text(description.read_text().replace("width = 16", "width = 24"))


@pytest.mark.parametrize(
    ("breakage", "sentence"),
    [
        (_unknown_key, "{folder}/model.toml: thresold: Extra inputs are not permitted"),
        (_changed_graph, "{folder}/model.onnx: has SHA-256 "),
        (_no_graph, "{folder}/model.onnx: No such file or directory"),
        (_not_toml, "{folder}/model.toml: Invalid value"),
        (_other_shape, "{folder}/model.onnx: takes ('batch', 1, 16, 16), and model.toml says (N, 1, 16, 24)"),
    ],
)
def test_a_broken_model(
    fresh_database: FreshDatabase, tmp_path: Path, breakage: Callable[[Path], None], sentence: str
) -> None:
    breakage(tmp_path)
    settings = {
        "LIGHTBOX_DATABASE_URL": fresh_database("inference_service"),
        "LIGHTBOX_MODEL_REPOSITORY": str(tmp_path),
        "LIGHTBOX_CHEXRAY_MODEL": "means",
    }
    said = problem(started("inference-service", **settings), "inference-service")
    assert said.startswith(sentence.format(folder=tmp_path / "means" / "1"))


def test_a_repository_that_is_not_there(fresh_database: FreshDatabase) -> None:
    settings = {"LIGHTBOX_DATABASE_URL": fresh_database("inference_service"), "LIGHTBOX_MODEL_REPOSITORY": "/nowhere"}
    said = problem(started("inference-service", **settings), "inference-service")
    assert said == "/nowhere: there is no such folder"


@pytest.mark.parametrize("service", ["auth-service", "core-collection-service"])
def test_a_database_that_does_not_answer(service: str) -> None:
    done = started(service, LIGHTBOX_DATABASE_URL=f"postgresql://u:{SECRET}@127.0.0.1:1/x")
    said = problem(done, service)
    assert said.startswith("The database can't be used: ")
    assert "refused" in said


def test_settings_that_are_missing() -> None:
    said = problem(started("auth-service", LIGHTBOX_SECRET_KEY="short"), "auth-service")
    assert "LIGHTBOX_SECRET_KEY must have at least 32 characters." in said
    assert "LIGHTBOX_DATABASE_URL (or DATABASE_URL) must name the PostgreSQL database." in said


def test_a_setting_that_is_wrong() -> None:
    done = started("gateway", LIGHTBOX_SERVICES="auth-service,sesame")
    assert problem(done, "gateway").startswith("LIGHTBOX_SERVICES names ['sesame']")


def test_an_address_that_is_not_ours() -> None:
    """RFC 5737: no machine has it."""
    done = started("gateway", LIGHTBOX_HOST="192.0.2.1")
    assert "of 192.0.2.1 can't be listened on." in problem(done, "gateway")


def test_devices_without_credentials(fresh_database: FreshDatabase) -> None:
    settings = {
        "LIGHTBOX_DATABASE_URL": fresh_database("core_collection_service"),
        "LIGHTBOX_COLLECTION_ACCESS": "keys",
        "LIGHTBOX_COAP": "true",
    }
    said = problem(started("core-collection-service", **settings), "core-collection-service")
    assert said.startswith("Where the collection takes keys, CoAP needs LIGHTBOX_COAP_CREDENTIALS")


class Application:
    """ASGI, as Starlette starts: it sends the traceback, and raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        await receive()
        if self.error is not None:
            await send({"type": "lifespan.startup.failed", "message": "Traceback (most recent call last) ..."})
            raise self.error
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise ConnectionError("at the end")


async def sent(app: ReportedStartup) -> list[Message]:
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        messages.append(message)

    await app({"type": "lifespan"}, receive, send)
    return messages


async def test_the_server_hears_the_sentence_alone() -> None:
    error = StartupError("This is why.")
    app = ReportedStartup(Application(ExceptionGroup("tasks", [ExceptionGroup("more", [error])])))
    assert await sent(app) == [{"type": "lifespan.startup.failed", "message": "This is why."}]
    assert app.failure is not None
    assert startup_problem(app.failure) == "This is why."


async def test_an_error_that_no_sentence_was_written_for(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging("kit", "info", "json")
    app = ReportedStartup(Application(KeyError(f"password={SECRET}")))
    assert await sent(app) == [{"type": "lifespan.startup.failed", "message": "KeyError: '[redacted]"}]
    logged = capfd.readouterr().out
    assert "Traceback" in logged
    assert SECRET not in logged


async def test_the_end_is_not_the_start() -> None:
    app = ReportedStartup(Application())
    with pytest.raises(ConnectionError, match="at the end"):
        await sent(app)
    assert app.failure is None
