"""`lightbox collect get`: a picture back, checked."""

from collections.abc import Callable

from lightbox.collect.address import Address
from lightbox.collect.files import check_digest
from lightbox.collect.progress import bars
from lightbox.collect.retry import with_retries
from lightbox.collect.transport import Fetched, connected


async def get_picture(
    address: Address, device_id: str, timestamp: str | None, *, key: str | None, say: Callable[[str], None]
) -> Fetched:
    """The picture of a device at an instant, None for its newest. Raises `CollectError`."""
    async with connected(address, key, say) as transport:
        with bars() as shown, shown.bar(device_id) as advance:
            found = await with_retries(lambda: transport.get(device_id, timestamp, advance), say)
    check_digest(found.data, found.sha256)
    return found
