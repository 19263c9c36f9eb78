"""Structured logs: one JSON object a line, never a secret.

Names of fields that may carry a secret are redacted here, once, whoever logs them; access lines carry the path
without its query string, because some published clients send passwords there. Third-party loggers go the same way.
"""

import logging
import re
import sys
from typing import Final, TextIO, cast

import structlog
from structlog.typing import EventDict, WrappedLogger

_SECRET: Final = re.compile(
    r"pass(word|wd|phrase)|secret|token|authorization|cookie|api_?key|credential", re.IGNORECASE
)
# What a library may put into a message by itself: bearer tokens, JWTs, and credentials inside an address.
_SECRET_TEXT: Final = re.compile(
    r"(?i)(bearer|token|basic)\s+[\w\-.~+/=]{8,}|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
    r"|(?<=[?&])(password|token|secret|code)=[^&\s]+"
)
REDACTED: Final = "[redacted]"


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the values of secret fields, and secrets inside texts, at every depth."""
    return {key: REDACTED if _SECRET.search(key) else _redact_value(value) for key, value in event.items()}


def _redact_value(value: object) -> object:
    if isinstance(value, str):
        return _SECRET_TEXT.sub(REDACTED, value)
    if isinstance(value, dict):
        return {k: REDACTED if _SECRET.search(str(k)) else _redact_value(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_redact_value(v) for v in value]
    return value


class _StandardOutput:
    """Standard output as it is when something is written: loggers are cached, and it may be replaced meanwhile."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


def configure_logging(service: str, level: str, log_format: str) -> None:
    """Send structlog and the standard library's loggers to standard output in one format."""

    def add_service(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    output = cast("TextIO", _StandardOutput())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_service,
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
