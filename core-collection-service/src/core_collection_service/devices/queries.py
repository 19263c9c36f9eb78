"""A request for the list of devices, over HTTP or over CoAP, and the document that answers it."""

from typing import Any

from core_collection_service.devices.schemas import DevicePage
from core_collection_service.errors import NoSuchCollection
from core_collection_service.parameters import COLLECTION, CURSOR, HasQuery, read_limit
from core_collection_service.state import Services


async def device_document(request: HasQuery, services: Services) -> dict[str, Any]:
    """A page of the devices of `collection`, or of all collections, by `limit` and `cursor`. Raises `NoSuchCollection`
    and `InvalidField`."""
    only = COLLECTION.read(request)
    if only is not None and only not in services.collections:
        raise NoSuchCollection
    collections = services.collections if only is None else [only]
    page = await services.devices.page(collections, read_limit(request), CURSOR.read(request))
    return DevicePage.of(page).model_dump()
