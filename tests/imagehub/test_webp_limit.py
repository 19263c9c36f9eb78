"""Pictures that are longer than a file in WebP can be."""

import pytest
from support import pictures
from support.imagehub import Hub


@pytest.mark.parametrize(
    ("width", "height", "query", "media_type"),
    [
        (8, 16_383, "w=8", "image/webp"),
        (8, 16_384, "w=8", "image/png"),  # more than a picture in WebP can have
        (40_000, 4, "h=4", "image/png"),
        (40_000, 4, "w=10000", "image/webp"),
    ],
)
async def test_what_is_too_large_for_webp_keeps_its_own_format(
    hub: Hub, width: int, height: int, query: str, media_type: str
) -> None:
    picture = await hub.picture(await hub.group(), pictures.png(width, height))
    for _ in range(2):  # once made, once from memory
        answer = await hub.http.get(f"/image/file/{picture.id}?{query}", headers={"Accept": "image/webp,*/*;q=0.8"})
        assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
        assert answer.headers["vary"] == "Accept"
