"""What is asked of the list of devices, over HTTP and over CoAP, and the document that answers it."""

from typing import Any

from core_collection_service.devices.schemas import DeviceBody
from core_collection_service.pictures import list_queries
from core_collection_service.pictures.errors import NoSuchCollection
from core_collection_service.state import Services


async def document(request: list_queries.Queried, services: Services) -> dict[str, Any]:
    """A page of the devices of `collection`, or of all, by `limit` and `cursor`. Raises `NoSuchCollection` and
    `InvalidField`."""
    only = list_queries.parameter(request, "collection")
    if only is not None and only not in services.collections:
        raise NoSuchCollection
    collections = services.collections if only is None else [only]
    limit, cursor = list_queries.limit(request), list_queries.parameter(request, "cursor")
    page = await services.devices.page(collections, limit, cursor)
    return {"devices": [DeviceBody.of(each).model_dump() for each in page.rows], "next_cursor": page.next_cursor}
