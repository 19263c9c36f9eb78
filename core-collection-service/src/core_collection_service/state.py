"""What the endpoints of this service work with, made once in the lifespan."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Request

from core_collection_service.devices.service import Devices
from core_collection_service.events.feed import PictureFeed
from core_collection_service.events.streams import Streams
from core_collection_service.pictures.errors import NoSuchCollection
from core_collection_service.pictures.listing import Listings
from core_collection_service.pictures.memory import UploadMemory
from core_collection_service.pictures.service import Pictures
from core_collection_service.pictures.thumbnails import Thumbnails
from lightbox_shared.database import Database


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the running service."""

    database: Database
    pictures: Pictures
    thumbnails: Thumbnails
    listings: Listings
    devices: Devices
    feed: PictureFeed
    streams: Streams
    memory: UploadMemory
    collections: Mapping[str, str]
    """Name -> resource type."""
    public_url: str | None


async def _services(request: Request) -> Services:
    services: Services = request.state.services
    return services


Components = Annotated[Services, Depends(_services)]


async def _collection(request: Request, collection: Annotated[str, Path(max_length=100)]) -> str:
    services: Services = request.state.services  # not as a dependency: each costs as much as reading a timestamp
    if collection not in services.collections:
        raise NoSuchCollection
    return collection


Collection = Annotated[str, Depends(_collection)]
"""The name of a collection that is configured. Raises `NoSuchCollection`."""
