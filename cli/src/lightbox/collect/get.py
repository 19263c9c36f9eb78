"""`lightbox collect get`: download one picture and check its digest."""

from lightbox.collect.address import Address
from lightbox.collect.callbacks import StatusCallback
from lightbox.collect.connect import connect
from lightbox.collect.files import check_digest
from lightbox.collect.models import DownloadedPicture
from lightbox.collect.progress import progress_bars
from lightbox.collect.retry import with_retries


async def get_picture(
    address: Address, device_id: str, timestamp: str | None, *, key: str | None, on_status: StatusCallback
) -> DownloadedPicture:
    """The picture that a device took at `timestamp` (ISO 8601), or its newest one for None. Raises `CollectError`."""
    async with connect(address, key, on_status) as transport:
        with progress_bars() as bars, bars.bar(device_id) as on_progress:
            picture = await with_retries(lambda: transport.get(device_id, timestamp, on_progress))
    check_digest(picture.data, picture.sha256)
    return picture
