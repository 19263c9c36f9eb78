"""What every transport (HTTP, CoAP) offers to the commands."""

from collections.abc import AsyncGenerator, Callable
from typing import Protocol

from lightbox.collect.callbacks import ProgressCallback, StatusCallback
from lightbox.collect.models import DownloadedPicture, Picture, PictureEvent


class Transport(Protocol):
    """A collection on a server.

    Every method raises `TransientError` where the request may be sent again, and `CollectError` where it may not.
    """

    async def send(self, picture: Picture, on_progress: ProgressCallback) -> bool:
        """Upload a picture, and return once the server has stored it durably.

        Returns whether it is new; False if the server had the same picture already. Raises `Conflict` if the server
        has another picture of this device and time.
        """

    async def get(self, device_id: str, timestamp: str | None, on_progress: ProgressCallback) -> DownloadedPicture:
        """Download the picture that a device took at `timestamp` (ISO 8601), or its newest one for None."""

    async def fetch(self, href: str, on_progress: ProgressCallback) -> DownloadedPicture:
        """Download a picture by the path and query that the server has announced (`PictureEvent.href`)."""

    def watch(
        self, device_id: str | None, on_ready: Callable[[], None], on_status: StatusCallback
    ) -> AsyncGenerator[PictureEvent, None]:
        """Yield the pictures that arrive from now on, of one device or of all for None; never ends by itself.

        `on_ready` is called once the server has been subscribed to, `on_status` when a subscription is lost and made
        again.
        """

    async def discover(self, query: str | None) -> str:
        """The links of `/.well-known/core` (RFC 6690), filtered by a query such as `rt=simple.act`."""
