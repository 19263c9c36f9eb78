"""Pictures as a client of the collection has them: to be sent, downloaded, and announced by the server."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, TypeVar

from lightbox.collect.errors import CollectError

Checked = TypeVar("Checked")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to be sent."""

    device_id: str
    taken_at: datetime
    data: bytes

    def to_cbor(self) -> bytes:
        """The document of an upload. The picture is a byte string, which is a quarter shorter than base64; the
        timestamp is text."""
        import cbor2  # noqa: PLC0415 - `lightbox --help` does without

        fields = {"deviceId": self.device_id, "timestamp": self.taken_at.isoformat(), "imageData": self.data}
        return cbor2.dumps(fields)


@dataclass(frozen=True, slots=True)
class DownloadedPicture:
    """A picture that the server has sent."""

    data: bytes
    media_type: str | None
    sha256: bytes | None = None
    """The SHA-256 digest that the server names, or its first bytes; None where it names none."""


@dataclass(frozen=True, slots=True)
class PictureEvent:
    """The announcement of a picture that the collection has received."""

    id: int
    """Greater than the ids of pictures that arrived earlier."""
    device_id: str
    timestamp: str
    href: str
    media_type: str | None
    size: int | None
    """In bytes."""
    sha256: bytes | None

    @classmethod
    def from_metadata(cls, body: Mapping[str, Any]) -> Self:
        """Read the collection's metadata of a picture. The short form, which leaves out a long `deviceId`, is accepted.

        Raises `CollectError` for a member that is missing or has another type.
        """
        try:
            digest = body.get("sha256")
            return cls(
                id=_number(body["id"]),
                device_id=_text(body.get("deviceId", "")),
                timestamp=_text(body["timestamp"]),
                href=_text(body["href"]),
                media_type=_optional(_text, body.get("mediaType")),
                size=_optional(_number, body.get("size")),
                sha256=bytes.fromhex(_text(digest)) if digest else None,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CollectError("The server announced a picture in a way that is not understood here.") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    value.encode()  # refuses lone surrogates, which JSON can name and no request can carry
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(value)
    return value


def _optional(check: Callable[[object], Checked], value: object) -> Checked | None:
    return None if value is None else check(value)
