"""Structured logs: one JSON object a line, never a secret.

Names of fields that may carry a secret are redacted here, once, whoever logs them; access lines carry the path
without its query string, because some published clients send passwords there. Third-party loggers go the same way.
"""

import logging
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, TextIO, cast

import structlog
from structlog.typing import EventDict, WrappedLogger

_NAMES: Final = r"pass(?:word|wd|phrase)|pwd|secret|token|authorization|cookie|api[_-]?key|credential"
_SECRET: Final = re.compile(_NAMES, re.IGNORECASE)
# What a library may put into a message by itself: bearer tokens, JWTs, credentials inside an address, secrets in a
# query string, and `name=value` or `'name': 'value'` with such a name.
_SECRET_TEXT: Final = re.compile(
    r"(?:bearer|token|basic)\s+[\w\-.~+/=]{8,}|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*|(?<=://)[^/\s:@]*:[^/\s]+(?=@)"
    r"|(?<=[?&])(?:code|key|sig|signature)=[^&\s\"']+"
    rf"|(?:{_NAMES})[\w-]*[\"']?\s*[:=]\s*"
    r"(?:(?:b(?=[\"']))?(?:\"[^\"]*\"|'[^']*')|(?:bearer |token |basic )?[^\s,;&)}\]]+)",
    re.IGNORECASE,
)
# Every secret text has one of these; nearly no other text has, and to look for them first is several times faster.
_SIGNS: Final = (
    "pass",
    "pwd",
    "secret",
    "token",
    "authoriz",
    "cookie",
    "key",
    "credential",
    "bearer",
    "basic",
    "eyj",
    "://",
    "?",
    "&",
)
REDACTED: Final = "[redacted]"


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the values of secret fields, and secrets inside texts, at every depth."""
    return {key: value if key.startswith("_") else _redact_member(key, value) for key, value in event.items()}


def _redact_member(name: object, value: object) -> object:
    return REDACTED if _names_a_secret(str(name)) else _redact_value(value)


@lru_cache(1024)
def _names_a_secret(name: str) -> bool:
    return _SECRET.search(name) is not None


def _redact_value(value: object) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return _redact_text(value)
        case Mapping():
            return {name: _redact_member(name, each) for name, each in value.items()}
        case (str() | bytes() as name, each):  # a pair, as ASGI has headers
            return [_redact_value(name), _redact_member(name, each)]
        case list() | tuple() | set() | frozenset():
            return [_redact_value(each) for each in value]
        case _:
            return _redact_text(repr(value))  # what the renderer would show of it


def _redact_text(text: str) -> str:
    lower = text.lower()
    for sign in _SIGNS:
        if sign in lower:
            return _SECRET_TEXT.sub(REDACTED, text)
    return text


class _StandardOutput:
    """Standard output as it is when something is written: loggers are cached, and it may be replaced meanwhile."""

    def write(self, text: str) -> int:
        try:
            return sys.stdout.write(text)
        except UnicodeEncodeError:  # half of a surrogate pair, out of somebody's JSON
            return sys.stdout.write(text.encode(errors="backslashreplace").decode())

    def flush(self) -> None:
        sys.stdout.flush()


class _ServiceName:
    """Adds the name of the service; loggers that were made earlier in this process learn a new one too."""

    def __init__(self) -> None:
        self.name = ""

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"] = self.name
        return event


_service_name = _ServiceName()


def configure_logging(service: str, level: str, log_format: str) -> None:
    """Send structlog and the standard library's loggers to standard output in one format."""
    _service_name.name = service

    output = cast("TextIO", _StandardOutput())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _service_name,
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=output),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # These say at `info` what our own access line says already, or say it with the query string.
    for chatty in ("uvicorn.access", "httpx", "httpcore", "alembic", "pydicom", "PIL", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
