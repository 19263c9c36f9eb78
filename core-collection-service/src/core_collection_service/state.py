"""What the endpoints of this service work with, made once in the lifespan."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Request

from core_collection_service.devices.service import Devices
from core_collection_service.events.feed import PictureFeed
from core_collection_service.events.streams import Streams
from core_collection_service.pictures.bodies import PACE, Pace
from core_collection_service.pictures.errors import NoSuchCollection
from core_collection_service.pictures.listing import Listings
from core_collection_service.pictures.memory_budget import MemoryBudget, UploadMemoryBudget
from core_collection_service.pictures.response_cache import ResponseCache
from core_collection_service.pictures.service import Pictures
from core_collection_service.pictures.thumbnails import Thumbnails
from lightbox_shared.database import Database


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the running service."""

    database: Database
    pictures: Pictures
    response_cache: ResponseCache
    thumbnails: Thumbnails
    listings: Listings
    devices: Devices
    feed: PictureFeed
    streams: Streams
    memory: UploadMemoryBudget
    batch_memory: MemoryBudget
    """For the bytes in batches, so that readers never keep uploads out."""
    collections: Mapping[str, str]
    """Name -> resource type."""
    public_url: str | None
    pace: Pace = PACE


async def services_of(request: Request) -> Services:
    """Those of the application that got the request."""
    services: Services = request.state.services
    return services


async def collection_of(request: Request, collection: Annotated[str, Path(max_length=100)]) -> str:
    """The name of a collection that is configured. Raises `NoSuchCollection`."""
    if collection not in (await services_of(request)).collections:
        raise NoSuchCollection
    return collection


ServicesDep = Annotated[Services, Depends(services_of)]
Collection = Annotated[str, Depends(collection_of)]
