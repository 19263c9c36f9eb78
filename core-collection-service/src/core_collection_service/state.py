"""What the endpoints of this service work with, made once in the lifespan."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Request

from core_collection_service.pictures.errors import NoSuchCollection
from core_collection_service.pictures.memory import UploadMemory
from core_collection_service.pictures.service import Pictures
from lightbox_shared.database import Database


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the running service."""

    database: Database
    pictures: Pictures
    memory: UploadMemory
    collections: Mapping[str, str]
    """Name -> resource type."""
    public_url: str | None


def _services(request: Request) -> Services:
    services: Services = request.state.services
    return services


Components = Annotated[Services, Depends(_services)]


def _collection(services: Components, collection: Annotated[str, Path(max_length=100)]) -> str:
    if collection not in services.collections:
        raise NoSuchCollection
    return collection


Collection = Annotated[str, Depends(_collection)]
"""The name of a collection that is configured. Raises `NoSuchCollection`."""
