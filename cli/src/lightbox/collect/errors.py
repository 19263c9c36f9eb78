"""What can go wrong between this client and a collection. The text of each error is a sentence for the terminal."""

from collections.abc import Mapping

_TITLE, _DETAIL = -1, -2  # RFC 9290 section 3


class CollectError(RuntimeError):
    """The command can't be carried out."""


class TransientError(CollectError):
    """No response came, or one that asks to try again later. The same request may be sent again."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        """`retry_after` is the number of seconds that the server asks to wait."""
        super().__init__(message)
        self.retry_after = retry_after


class ReadTimeout(CollectError):
    """The server does not answer, although the message was retransmitted several times."""


class AccessDenied(CollectError):
    """The server asks for an API key (401) or refuses this one (403)."""


class Conflict(CollectError):
    """The collection has another picture of this device and time."""


def problem_sentence(body: object, fallback: str) -> str:
    """The detail of a problem document, else its title, else `fallback`.

    Reads RFC 9457 (members by name, in JSON or CBOR) and RFC 9290 (CBOR, members by number).
    """
    if isinstance(body, Mapping):
        for key in ("detail", _DETAIL, "title", _TITLE):
            text = body.get(key)
            if isinstance(text, str) and text:
                return text
    return fallback
