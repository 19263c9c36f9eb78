"""imagehub-service starts on an empty database."""

from support.imagehub import Hub


async def test_a_picture_can_be_kept(hub: Hub) -> None:
    group = await hub.group()
    picture = await hub.picture(group)
    assert (group, picture.group_id, picture.image_id) == (1, 1, 1)
