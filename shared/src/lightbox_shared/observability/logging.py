"""Structured logs without secrets: one JSON object a line.

The values of fields whose names suggest a secret are redacted in all log entries, also in those of other libraries.
Access log entries have the path without the query string, since some published clients send passwords in it.
"""

import logging
import re
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TextIO, cast

import structlog
from structlog.typing import EventDict, WrappedLogger

from lightbox_shared.observability.log_output import LogOutput

_NAMES: Final = r"pass(?:word|wd|phrase)|pwd|secret|token|authorization|cookie|api[_-]?key|credential"
_SECRET: Final = re.compile(_NAMES, re.IGNORECASE)
# Secrets that a library may write into a message: bearer tokens, JWTs, credentials in a URL, secrets in a query string,
# and `name=value` or `'name': 'value'` with such a name.
_SECRET_TEXT: Final = re.compile(
    r"(?:bearer|token|basic)\s+[\w\-.~+/=]{8,}|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*|(?<=://)[^/\s:@]*:[^/\s]+(?=@)"
    r"|(?<=[?&])(?:code|key|sig|signature)=[^&\s\"']+"
    rf"|(?:{_NAMES})[\w-]*[\"']?\s*[:=]\s*"
    r"(?:(?:b(?=[\"']))?(?:\"[^\"]*\"|'[^']*')|(?:bearer |token |basic )?[^\s,;&)}\]]+)",
    re.IGNORECASE,
)
# Every match of the pattern above contains one of these, and few other texts do. To look for them first is several
# times faster than to search by the pattern.
_SECRET_MARKERS: Final = (
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
    """A structlog processor that replaces the values of secret fields and secrets inside of texts, also nested ones."""
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
        case (str() | bytes() as name, each):  # a name and a value, as in the headers of ASGI
            return [_redact_value(name), _redact_member(name, each)]
        case list() | tuple() | set() | frozenset():
            return [_redact_value(each) for each in value]
        case _:
            return _redact_text(repr(value))  # the renderer would write its repr


def redacted(text: str) -> str:
    """A text without the secrets that it may have in it, for what is written elsewhere than into the log."""
    return _redact_text(text)


def _redact_text(text: str) -> str:
    lower = text.lower()
    for marker in _SECRET_MARKERS:
        if marker in lower:
            return _SECRET_TEXT.sub(REDACTED, text)
    return text


OUTPUT: Final = LogOutput()
"""Where all logs of this process are written."""


class _ServiceName:
    """A structlog processor that adds the name of the service, also for loggers that were created before it was set."""

    def __init__(self) -> None:
        self.name = ""

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"] = self.name
        return event


_service_name = _ServiceName()


def configure_logging(service: str, level: str, log_format: str) -> None:
    """Write the logs of structlog and of the standard library to standard output.

    `level` is a name such as `info`; `log_format` is `json` or `console`.
    """
    _service_name.name = service

    output = cast("TextIO", OUTPUT)
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

    def lost_lines(number: int) -> str:
        # Not by a logger, which holds a lock while it writes.
        event: Any = {"event": "lines of the log were lost", "lines": number}
        for processor in (structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)):
            event = processor(None, "warning", event)
        return str(renderer(None, "warning", _service_name(None, "warning", event))) + "\n"

    OUTPUT.lost_lines = lost_lines
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
    # At `info` these repeat the access log, some of them with the query string.
    for verbose in ("uvicorn.access", "httpx", "httpcore", "alembic", "pydicom", "PIL", "asyncio"):
        logging.getLogger(verbose).setLevel(logging.WARNING)


def log_what_is_open(sentences: Sequence[str]) -> None:
    """Write one line at the start of a service that says what strangers may do (`Settings.open_to_strangers`)."""
    if sentences:
        structlog.get_logger().warning("open to strangers", what=list(sentences))
