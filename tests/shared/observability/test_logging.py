"""Log entries are one JSON object a line, without secrets, also nested ones and those of other libraries."""

import json
import logging
from typing import Any

import pytest
import structlog
from structlog.typing import FilteringBoundLogger

from lightbox_shared.observability.logging import REDACTED, configure_logging

SECRET = "hunter2-Swordfish.0"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhY2NvdW50OjIifQ.c2lnbmF0dXJl"


class Lines:
    """The log entries that were written since the last call. Each line must be a JSON object."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def text(self) -> str:
        said = self._capsys.readouterr()
        assert said.err == ""
        for line in said.out.splitlines():
            assert isinstance(json.loads(line), dict)
        return said.out

    def one(self) -> dict[str, Any]:
        (line,) = self.text().removesuffix("\n").split("\n")
        entry: dict[str, Any] = json.loads(line)
        return entry


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    configure_logging("kit", "info", "json")
    return Lines(capsys)


@pytest.fixture
def log() -> FilteringBoundLogger:
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger


NAMES = (
    "password",
    "new_password",
    "PASSWD",
    "pwd",
    "passphrase",
    "client_secret",
    "token",
    "access_token",
    "Authorization",
    "cookie",
    "set-cookie",
    "api_key",
    "apikey",
    "X-Api-Key",
    "credentials",
)


@pytest.mark.parametrize("name", NAMES)
def test_fields_with_such_names(lines: Lines, log: FilteringBoundLogger, name: str) -> None:
    log.info("at the top", **{name: SECRET})
    log.info("inside", request={"headers": {name: SECRET}, "all": [{name: [SECRET]}, ({name: {"x": SECRET}},)]})
    log.info("pairs", headers=[(name.lower().encode(), SECRET.encode()), (name, SECRET)])
    assert SECRET not in lines.text()


TEXTS = (
    f"Authorization: Bearer {SECRET}",
    f"sent Token {SECRET}",
    f"BEARER {SECRET} was refused",
    f"no such session: {JWT}",
    f"GET /login?user=ada&password={SECRET} HTTP/1.1",
    f"GET /x?access_token={SECRET}",
    f"GET /media/1?key={SECRET}&x=1",
    f"could not connect to postgresql://lightbox:{SECRET}@db:5432/x",
    f"could not connect to postgresql://lightbox:p@{SECRET}@db:5432/x",
    f"redis://:{SECRET}@cache:6379/0",
    f"{{'username': 'ada', 'password': '{SECRET}'}}",
    f'{{"username": "ada", "password": "{SECRET} with spaces {SECRET}"}}',
    f"password={SECRET}",
    f"wrong password: {SECRET}",
    f"Cookie: lightbox_session={SECRET}",
    f"Headers({{'authorization': 'Token {SECRET}', 'x-api-key': '{SECRET}'}})",
)
"""Messages such as libraries write, each with the secret in it that must be redacted."""


@pytest.mark.parametrize("text", TEXTS)
def test_secrets_inside_texts(lines: Lines, log: FilteringBoundLogger, text: str) -> None:
    log.info(text)
    log.info("value", error=text, deeper=[{"x": (text,)}], thing=ValueError(text))
    logging.getLogger("some.library").warning("%s", text)
    logging.getLogger("some.library").warning(text)
    written = lines.text()
    assert SECRET not in written
    assert JWT not in written
    assert REDACTED in written


@pytest.mark.parametrize("text", TEXTS)
def test_secrets_inside_exceptions(lines: Lines, log: FilteringBoundLogger, text: str) -> None:
    def fail() -> None:
        try:
            raise KeyError(text)
        except KeyError as error:
            raise RuntimeError(text) from error

    try:
        fail()
    except RuntimeError as error:
        log.exception("structlog")
        log.warning("by hand", exc_info=error)
        logging.getLogger("some.library").exception("stdlib")
    written = lines.text()
    assert written.count('"exception": "Traceback') == 3
    assert SECRET not in written
    assert JWT not in written


def test_a_library_that_logs_at_debug_stays_quiet(lines: Lines) -> None:
    logging.getLogger("httpx").info("HTTP Request: GET http://x/?q=1")
    logging.getLogger("uvicorn.access").info("GET /?q=1")
    logging.getLogger("some.library").debug("detail")
    assert lines.text() == ""


def test_the_shape_of_a_line(lines: Lines, log: FilteringBoundLogger) -> None:
    structlog.contextvars.bind_contextvars(request_id="r-1")
    log.info("kept", path="/x", number=3, share=0.5, nothing=None, yes=True, many=[1, "two"], text="Röntgen\n2")
    line = lines.one()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "kept", "level": "info", "service": "kit", "request_id": "r-1", "path": "/x", "number": 3,
        "share": 0.5, "nothing": None, "yes": True, "many": [1, "two"], "text": "Röntgen\n2",
    }  # fmt: skip


def test_a_line_of_the_standard_library_has_the_same_shape(lines: Lines) -> None:
    logging.getLogger("some.library").warning("%d\nlines", 2)
    line = lines.one()
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "2\nlines", "level": "warning", "service": "kit"}


def test_text_that_is_no_unicode(lines: Lines, log: FilteringBoundLogger) -> None:
    log.info("half a pair", name="\ud83d and Röntgen")
    assert lines.one()["name"] == "\ud83d and Röntgen"


def test_what_is_no_secret_stays_readable(lines: Lines, log: FilteringBoundLogger) -> None:
    for text in ("GET /api/x?page=2&limit=50", "http://db:5432/x", "the passage is free", "key is unknown", "2 tokens"):
        log.info(text)
        assert lines.one()["event"] == text


def test_the_console_format_hides_the_same(capsys: pytest.CaptureFixture[str], log: FilteringBoundLogger) -> None:
    configure_logging("kit", "debug", "console")
    log.debug("signed in", password=SECRET, url=f"redis://:{SECRET}@cache")
    logging.getLogger("some.library").debug("Bearer %s", SECRET)
    said = capsys.readouterr().out
    assert "signed in" in said
    assert SECRET not in said
