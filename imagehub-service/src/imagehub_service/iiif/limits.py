"""The largest picture that is answered in one piece. Larger ones are looked at in tiles."""

from typing import Final

from imagehub_service.renditions.rendering import WEBP_MAX_SIDE

MAX_SIDE: Final = WEBP_MAX_SIDE
"""Pixels."""
MAX_AREA: Final = 4096 * 4096
"""Pixels."""
TILE_SIDE: Final = 512
"""Pixels."""
EXTRA_FORMATS: Final = ("webp",)
"""Formats, qualities and features beyond level 2 of the compliance document."""
EXTRA_QUALITIES: Final = ("bitonal",)
EXTRA_FEATURES: Final = ("mirroring", "sizeUpscaling")
