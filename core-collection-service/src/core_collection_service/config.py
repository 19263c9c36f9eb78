"""The settings of core-collection-service beside those of every service."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from core_collection_service.access import Access
from lightbox_shared.anonymous_storage.settings import MB, AnonymousStorageSettings
from lightbox_shared.config import CommaSeparated, renamed, split_commas
from lightbox_shared.process.ports import coap_port

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62})")
_RESOURCE_TYPE: Final = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*")
"""Relation types (RFC 6690 section 2) that need no escapes between quotes."""
_RESERVED_NAMES: Final = frozenset({"devices"})


def _collections(value: object) -> object:
    """Names with their resource types, out of the text of the setting. Raises `ValueError`."""
    parts = split_commas(value)
    if not isinstance(parts, tuple):
        return value
    named = {}
    for part in parts:
        name, separator, resource_type = part.partition(":")
        if not separator:
            raise ValueError("each collection is a name and a resource type, name:rt")
        if name in named:
            raise ValueError(f"the collection {name} stands twice")
        named[name] = resource_type
    return named


class CoreSettings(AnonymousStorageSettings):
    """Which collections there are, how they are guarded, and how CoAP is served."""

    model_config = SettingsConfigDict(env_ignore_empty=True)

    collections: Annotated[Mapping[str, str], NoDecode] = {"images": "simple.act"}
    """Name -> resource type (`rt`, RFC 6690 section 3.1), as `images:simple.act,thermal:camera.thermal`."""
    collection_access: Access | None = None
    """`open` or `keys`; by default open in development and keys in production."""
    response_cache_bytes: Annotated[
        int, Field(ge=0, validation_alias=renamed("response_cache_bytes", "hot_picture_bytes"))
    ] = 64 * 1024 * 1024
    """Bytes of answers with pictures that are kept in memory and given again; 0 for none."""
    # Devices send more, and more often, than visitors of a page.
    anonymous_pictures_per_day: Annotated[int, Field(ge=0)] = 10_000
    anonymous_bytes_per_day: Annotated[int, Field(ge=0)] = 2_048 * MB
    anonymous_total_bytes: Annotated[int, Field(ge=0)] = 10_240 * MB

    preparing_threads: Annotated[int, Field(ge=1, le=64)] = 2
    """How many large pictures that arrive are read, hashed and compressed at the same time."""
    reading_threads: Annotated[int, Field(ge=1, le=64)] = 2
    """How many large pictures are decompressed at the same time for those who read them."""
    thumbnail_threads: Annotated[int, Field(ge=1, le=64)] = 2
    """How many thumbnails are made at the same time."""

    coap: bool | None = None
    """Whether CoAP is served; by default in development, unless the collection takes keys, and not in production."""
    coap_host: str = "localhost"
    """The address that CoAP listens on, IPv4 or IPv6; `localhost` for both loopback addresses, `::` for every address
    of both families."""
    coap_port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """By default 5683, moved as far as `port` is moved from 8000."""
    coap_credentials: Path | None = None
    """A folder with one folder for each device that authenticates itself by OSCORE; required where the collection takes
    keys."""
    coap_multicast: CommaSeparated = ()
    """Network interfaces on which discovery by multicast is answered; `coap_host` has to be `::` then."""

    @field_validator("coap_multicast", mode="before")
    @classmethod
    def _split_interfaces(cls, value: object) -> object:
        return split_commas(value)

    @model_validator(mode="after")
    def _check_multicast(self) -> Self:
        if self.coap_multicast and self.coap_host != "::":
            raise ValueError("LIGHTBOX_COAP_MULTICAST needs LIGHTBOX_COAP_HOST=::, or no message to a group arrives")
        return self

    @field_validator("collections", mode="before")
    @classmethod
    def _split_collections(cls, value: object) -> object:
        return _collections(value)

    @field_validator("collections")
    @classmethod
    def _check_collections(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        if not value:
            raise ValueError("there has to be a collection")
        for name, resource_type in value.items():
            if not _NAME.fullmatch(name) or name in _RESERVED_NAMES:
                raise ValueError("names are of lower-case letters, digits and hyphens; devices is taken")
            if not _RESOURCE_TYPE.fullmatch(resource_type):
                raise ValueError("a resource type has printable ASCII characters without quotes")
        return value

    @property
    def access(self) -> Access:
        """How the collections are guarded; by default as `collection_access` says."""
        return self.collection_access or (Access.KEYS if self.in_production else Access.OPEN)

    @property
    def serves_coap(self) -> bool:
        """Whether CoAP is served; by default where devices need no credentials for it."""
        return not self.in_production and self.access is Access.OPEN if self.coap is None else self.coap

    @property
    def coap_udp_port(self) -> int:
        """The UDP port of CoAP."""
        return self.coap_port or coap_port(self.port)

    def open_to_strangers(self) -> tuple[str, ...]:
        """Sending and reading pictures."""
        if self.access is not Access.OPEN:
            return ()
        over = "HTTP and CoAP" if self.serves_coap else "HTTP"
        return (
            f"Anybody may send pictures to the collections and read them, over {over} (LIGHTBOX_COLLECTION_ACCESS).",
        )
