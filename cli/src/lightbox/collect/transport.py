"""What the commands need of a collection, whatever it is spoken over."""

import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, Self, TypeVar

from lightbox.collect.address import Address
from lightbox.collect.errors import CollectError

KEY_VARIABLE: Final = "LIGHTBOX_API_KEY"
LONGEST_KEY: Final = 4096

Advance = Callable[[int, int | None], None]
"""Gets how many bytes are done, of how many; None: not known."""


Say = Callable[[str], None]
"""Gets a sentence for whoever waits."""
Checked = TypeVar("Checked")


def unseen(_done: int, _total: int | None) -> None:
    """An `Advance` for nobody."""


def unheard(_line: str) -> None:
    """A `Say` for nobody."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to be sent."""

    device_id: str
    taken_at: datetime
    data: bytes

    def document(self) -> bytes:
        """As CBOR with a byte string, the shortest way to say it; the timestamp is text."""
        import cbor2  # noqa: PLC0415 - `lightbox --help` does without

        fields = {"deviceId": self.device_id, "timestamp": self.taken_at.isoformat(), "imageData": self.data}
        return cbor2.dumps(fields)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A picture as it came back. `sha256` is what the server says of it, or the first bytes of that; None where it says
    nothing."""

    data: bytes
    media_type: str | None
    sha256: bytes | None = None


@dataclass(frozen=True, slots=True)
class Arrived:
    """A picture that the collection has received."""

    id: int
    """Greater than those of pictures that arrived before."""
    device_id: str
    timestamp: str
    href: str
    media_type: str | None
    size: int | None
    sha256: bytes | None

    @classmethod
    def of_metadata(cls, body: Mapping[str, Any]) -> Self:
        """From the collection's metadata of a picture, or the short form of it that names no device with a long id.
        Raises `CollectError`."""
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
    value.encode()  # halves of surrogate pairs, which JSON can name, go into no request
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(value)
    return value


def _optional(check: Callable[[object], Checked], value: object) -> Checked | None:
    return None if value is None else check(value)


class Transport(Protocol):
    """A collection on a server. Everything here raises `Lost`, which may be repeated, and `CollectError`."""

    async def send(self, picture: Picture, advance: Advance) -> bool:
        """Returns when the picture is durable: True if it was stored, False if it was there. Raises `Conflict`."""

    async def get(self, device_id: str, timestamp: str | None, advance: Advance) -> Fetched:
        """The picture of a device at an instant; None: its newest."""

    async def fetch(self, href: str, advance: Advance) -> Fetched:
        """A picture by where the collection says that it is."""

    def watch(
        self, device_id: str | None, ready: Callable[[], None], say: Callable[[str], None]
    ) -> AsyncGenerator[Arrived, None]:
        """The pictures that arrive from when `ready` is called on; `say` hears of lost connections."""

    async def discover(self, query: str | None) -> str:
        """The links of the server (RFC 6690), those that the query lets pass."""


def connected(address: Address, key: str | None = None, say: Say = unheard) -> AbstractAsyncContextManager[Transport]:
    """A transport for this address; `say` hears what it waits for. Raises `CollectError` for a key that would go over
    the wire for all to see."""
    if address.is_coap:
        if key is not None:
            raise CollectError(
                f"An API key is never sent over coap://, which everybody on the way can read: use https://, or unset"
                f" {KEY_VARIABLE}."
            )
        from lightbox.collect.coap import CoapTransport  # noqa: PLC0415 - aiocoap takes its time to load

        return CoapTransport.open(address, say)
    from lightbox.collect.http import HttpTransport  # noqa: PLC0415 - as above

    return HttpTransport.open(address, key)


def read_key(path: Path | None) -> str | None:
    """The API key in a file, else that of the environment. Raises `CollectError`."""
    if path is None:
        key = os.environ.get(KEY_VARIABLE, "").strip()
        return _checked(key, KEY_VARIABLE) if key else None
    try:
        with path.open(encoding="ascii") as file:
            return _checked(file.read(LONGEST_KEY).strip(), path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a key"
        raise CollectError(f"{path}: {reason}.") from None


def _checked(key: str, where: Path | str) -> str:
    """What fits into a header (RFC 9110 section 5.5). What does not is never shown: it may be a key all the same."""
    if not key or len(key) >= LONGEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise CollectError(f"{where} has no API key in it, alone on one line.")
    return key
