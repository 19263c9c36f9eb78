"""What can go wrong between this client and a collection; the text of each is a sentence for whoever asked."""

from collections.abc import Mapping

_TITLE, _DETAIL = -1, -2  # RFC 9290 section 3


class CollectError(RuntimeError):
    """It can't be done."""


class Lost(CollectError):
    """There was no answer, or one that asks to try again: the same request is safe to repeat."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ReadTimeout(CollectError):
    """Nobody answers, although the question was repeated often enough."""


class NotAllowed(CollectError):
    """The server wants another key, or one at all."""


class Conflict(CollectError):
    """There is another picture of this device and timestamp."""


def problem_sentence(body: object, fallback: str) -> str:
    """The detail of problem details: RFC 9457 in JSON or CBOR with names, RFC 9290 with numbers."""
    if isinstance(body, Mapping):
        for key in ("detail", _DETAIL, "title", _TITLE):
            text = body.get(key)
            if isinstance(text, str) and text:
                return text
    return fallback
