"""The settings of a service that stores something for clients without a credential."""

from typing import Annotated, Final

from pydantic import Field

from lightbox_shared.anonymous_storage.service import AnonymousLimits
from lightbox_shared.config import Settings

MB: Final = 1024 * 1024


class AnonymousStorageSettings(Settings):
    """How much clients without a credential may store, and for how long. 0 stands for no limit."""

    anonymous_pictures_per_day: Annotated[int, Field(ge=0)] = 200
    """Of one address (IPv6: its /64) in a day of UTC."""
    anonymous_bytes_per_day: Annotated[int, Field(ge=0)] = 200 * MB
    """Of one address (IPv6: its /64) in a day of UTC."""
    anonymous_total_bytes: Annotated[int, Field(ge=0)] = 2048 * MB
    """Of all addresses together, at any time."""
    anonymous_retention_days: Annotated[int, Field(ge=0, le=36_500)] = 7
    """How long it is kept."""

    @property
    def anonymous_limits(self) -> AnonymousLimits:
        """The limits of these settings."""
        return AnonymousLimits(
            pictures_per_day=self.anonymous_pictures_per_day or None,
            bytes_per_day=self.anonymous_bytes_per_day or None,
            total_bytes=self.anonymous_total_bytes or None,
        )
