"""Sending pictures to the collection in tests: documents, and settings with open access."""

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import cbor2
import httpx

from core_collection_service.access import Access
from core_collection_service.config import CoreSettings
from lightbox_shared.auth.jwks import KeySet
from lightbox_shared.auth.tokens import TokenVerifier
from support import pictures
from support.asgi import WithState
from support.gateway import ISSUER, Key

DEVICE: Final = "12345"
TIMESTAMP: Final = "2024-08-18T02:04:07Z"
IMAGES: Final = "/collections/images"
AT: Final[Mapping[str, str]] = {"deviceId": DEVICE, "timestamp": TIMESTAMP}
"""The query for the picture that `document` describes by default."""


class MakeCoreSettings(Protocol):
    """Makes settings of the service."""

    def __call__(self, **changes: Any) -> CoreSettings: ...


def core_settings_at(database_url: str, folder: Path) -> MakeCoreSettings:
    """A function that makes settings: by default with this database, open access, and without CoAP."""

    def make(**changes: Any) -> CoreSettings:
        common: dict[str, Any] = {
            "database_url": database_url,
            "data_dir": folder,
            "collection_access": Access.OPEN,
            "coap": False,
        }
        return CoreSettings(**{**common, **changes})

    return make


def document(data: bytes | None = None, device: str = DEVICE, timestamp: str = TIMESTAMP) -> dict[str, str]:
    """The document that a device sends in JSON, by default with a small PNG."""
    picture = pictures.png() if data is None else data
    return {"deviceId": device, "timestamp": timestamp, "imageData": b64encode(picture).decode()}


def cbor_document(data: bytes | None = None, device: str = DEVICE, timestamp: str = TIMESTAMP) -> bytes:
    """The document that a device sends in CBOR, with the picture as a byte string."""
    picture = pictures.png() if data is None else data
    return cbor2.dumps({"deviceId": device, "timestamp": timestamp, "imageData": picture})


async def send(
    client: httpx.AsyncClient, data: bytes | None = None, device: str = DEVICE, timestamp: str = TIMESTAMP
) -> dict[str, Any]:
    """Send a picture that is new, and return its metadata."""
    answer = await client.post(IMAGES, json=document(data, device, timestamp))
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def trusting(core: WithState, key: Key) -> WithState:
    """The same service, which accepts the tokens that this key signs."""

    async def fetch() -> dict[str, object]:
        return {"keys": [key.jwk]}

    return WithState(core.app, {**core.state, "tokens": TokenVerifier(KeySet(fetch), issuer=ISSUER)})
