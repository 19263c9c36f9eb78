"""A log that can't be written breaks nothing, and says later how many lines are missing."""

import fcntl
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog
from fastapi import APIRouter
from support.asgi import client_of, running
from support.full_disk import fill, small_disk
from support.kit import MakeApp

from gateway.access_log import AccessLog
from lightbox_shared.errors import Conflict
from lightbox_shared.observability.log_output import LogOutput
from lightbox_shared.observability.logging import OUTPUT, configure_logging

MIB = 1024**2


@contextmanager
def standard_output(descriptor: int) -> Iterator[None]:
    """Standard output as a process has it."""
    with pytest.MonkeyPatch.context() as patch, os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        patch.setattr(sys, "stdout", stream)
        yield


@pytest.fixture(autouse=True)
def nothing_is_lost() -> Iterator[None]:
    OUTPUT.lost = 0
    yield
    OUTPUT.lost = 0


def appending(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def test_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "service.log"
    with small_disk(tmp_path, MIB), standard_output(appending(path)):
        configure_logging("kit", "info", "json")
        log = structlog.get_logger()
        log.info("before")
        ballast = fill(tmp_path)
        for number in range(300):  # of which the first ones fit into what is left of the last block
            log.info("full", number=number, padding="x" * 100)
            logging.getLogger("a library").warning("full")
        lost = OUTPUT.lost
        assert 300 < lost < 600
        ballast.unlink()
        log.info("after")
        log.info("later")
        assert OUTPUT.lost == 0
        lines = path.read_text().splitlines()
    torn = [line for line in lines if not line.endswith("}")]
    assert len(torn) <= 1
    entries = [json.loads(line) for line in lines if line not in torn]
    assert [each["event"] for each in entries[-3:]] == ["after", "lines of the log were lost", "later"]
    assert (entries[-2]["lines"], entries[-2]["level"], entries[-2]["service"]) == (lost, "warning", "kit")


def test_a_device_that_is_always_full() -> None:
    with standard_output(os.open("/dev/full", os.O_WRONLY)):
        configure_logging("kit", "info", "json")
        for _ in range(3):
            structlog.get_logger().info("x")
        assert OUTPUT.lost == 3


def test_a_reader_that_is_gone() -> None:
    read, write = os.pipe()
    with standard_output(write):
        configure_logging("kit", "info", "json")
        os.close(read)
        structlog.get_logger().info("x")
        logging.getLogger("a library").warning("x")
        assert OUTPUT.lost == 2


def test_a_reader_that_stands_still() -> None:
    """It costs one short pause, not one for each line; and when it goes on, so does the log."""
    read, write = os.pipe()
    fcntl.fcntl(read, fcntl.F_SETPIPE_SZ, 8192)
    with standard_output(write):
        configure_logging("kit", "info", "json")
        log = structlog.get_logger()
        started = time.monotonic()
        for number in range(2000):
            log.info("x", number=number)
        assert OUTPUT.lost > 1000
        assert time.monotonic() - started < 20  # 200 s if each line waited
        lost = OUTPUT.lost
        os.read(read, 1 << 20)
        log.info("after")
        assert OUTPUT.lost == 0
        last = os.read(read, 1 << 20).decode().splitlines()
        assert json.loads(last[-1])["lines"] == lost
    os.close(read)


def test_lines_are_longer_than_a_pipe_takes_at_once() -> None:
    read, write = os.pipe()
    text = "\N{LATIN SMALL LETTER E WITH ACUTE}" * 100_000
    found: list[bytes] = []

    def receive() -> None:
        while part := os.read(read, 5000):
            found.append(part)

    reader = threading.Thread(target=receive)
    reader.start()
    output = LogOutput()
    with standard_output(write):
        output.write(f"{text}\n")
    reader.join()
    os.close(read)
    assert output.lost == 0
    assert b"".join(found).decode() == f"{text}\n"


def test_half_a_character_is_written_as_its_number(capfd: pytest.CaptureFixture[str]) -> None:
    """JSON of a client can contain a lone surrogate."""
    LogOutput().write("\ud800\n")
    assert capfd.readouterr().out == "\\ud800\n"


@pytest.mark.parametrize("closed", [True, False])
def test_without_a_standard_output(closed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    stream.close()
    monkeypatch.setattr(sys, "stdout", stream if closed else None)
    output = LogOutput()
    output.write("x\ny\n")
    assert output.lost == 2


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_answers_stay_as_they_are(make_app: MakeApp, log_format: str) -> None:
    """An error, a success, and an unexpected error whose traceback is logged."""
    router = APIRouter()

    @router.get("/refused")
    async def refused() -> None:
        structlog.get_logger().warning("refused")
        raise Conflict

    @router.get("/works")
    async def works() -> str:
        logging.getLogger("a library").warning("works")
        return "yes"

    @router.get("/fails")
    async def fails() -> None:
        raise RuntimeError

    with standard_output(os.open("/dev/full", os.O_WRONLY)):
        async with running(make_app(router, log_format=log_format)) as app, client_of(app) as client:
            found = [await client.get(path) for path in ("/refused", "/works", "/fails", "/nothing")]
    assert [each.status_code for each in found] == [409, 200, 500, 404]
    assert found[2].json()["detail"] == "Internal server error."
    assert OUTPUT.lost >= 6


async def test_the_gateways_access_log() -> None:
    log = AccessLog(log_format="json", log_level="info")
    with standard_output(os.open("/dev/full", os.O_WRONLY)):
        for _ in range(1200):
            log.write(method="GET", path="/", status=200, seconds=0.1, upstream="x", request_id="1", trace_id="2")
        log.flush()
    assert OUTPUT.lost == 1200
