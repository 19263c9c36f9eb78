"""What the endpoints of this service work with, made once in the lifespan."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from core_collection_service.access import Access
from core_collection_service.devices.service import Devices
from core_collection_service.events.feed import PictureFeed
from core_collection_service.pictures.delete.service import Deletions
from core_collection_service.pictures.lists.service import PictureLists
from core_collection_service.pictures.read.service import Pictures
from core_collection_service.pictures.storage.service import PictureStorage
from core_collection_service.pictures.submit.service import Submissions
from core_collection_service.pictures.thumbnails.service import Thumbnails
from core_collection_service.retention.rules import RetentionRules
from lightbox_shared.concurrency.memory_budget import MemoryBudget, UploadMemoryBudget
from lightbox_shared.requests.data_rate import DEFAULT_DATA_RATE, MinimumDataRate
from lightbox_shared.responses.cache import ResponseCache
from lightbox_shared.responses.streams import OpenStreams
from lightbox_shared.service import lifespan_services
from lightbox_shared.storage.disk_space import DiskSpace


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the running service."""

    access: Access
    collections: Mapping[str, str]
    """Name of a collection -> its resource type (`rt`, RFC 6690 section 3.1)."""
    submissions: Submissions
    pictures: Pictures
    storage: PictureStorage
    disk_space: DiskSpace
    lists: PictureLists
    thumbnails: Thumbnails
    deletions: Deletions
    response_cache: ResponseCache[str]
    """Each answer shows a picture of the device whose id is its subject."""
    devices: Devices
    retention_rules: RetentionRules
    feed: PictureFeed
    open_streams: OpenStreams
    upload_memory: UploadMemoryBudget
    batch_memory: MemoryBudget
    """For the bytes of pictures in batches. It is apart from `upload_memory`, so that readers never refuse uploads."""
    minimum_data_rate: MinimumDataRate = DEFAULT_DATA_RATE
    """How fast the body of an upload over HTTP has to arrive."""


ServicesDep = Annotated[Services, Depends(lifespan_services)]
