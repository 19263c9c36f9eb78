"""Bytes are deleted when neither a file of the drive nor a picture of the gallery needs them, and not before."""

import asyncio

import anyio
import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from support import pictures
from support.drives import UNIT, Drive, some_bytes
from support.imagehub import Hub

from imagehub_service.blob_references import BLOB_REFERENCES
from imagehub_service.gallery.pictures.models import Picture
from imagehub_service.orm import BLOBS
from lightbox_shared.storage.unused_blobs import BATCH, UnusedBlobs


@pytest.fixture
def drive(hub: Hub) -> Drive:
    return Drive(hub)


@pytest.fixture
def unused(hub: Hub) -> UnusedBlobs:
    return UnusedBlobs(hub.database, hub.services.blobs, BLOB_REFERENCES)


async def stored(hub: Hub) -> set[bytes]:
    async with hub.database.reading() as session:
        return set((await session.scalars(select(BLOBS.c.sha256))).all())


async def test_files_and_pictures_need_their_bytes(hub: Hub, drive: Drive, unused: UnusedBlobs) -> None:
    folder, group = await drive.add_folder(), await hub.group()
    shared, alone = pictures.png(), some_bytes(10)
    first = await drive.upload(folder, shared)
    second = await drive.upload(folder, alone)
    both = await hub.picture(group, shared)
    with_preview = await hub.picture(group, pictures.dicom())
    assert with_preview.preview_sha256 is not None
    everything = await stored(hub)
    assert len(everything) == 4
    assert (await unused.delete()).blobs == 0
    await drive.call("delete-folder", folder_id=first["id"])
    assert (await unused.delete()).blobs == 0  # the picture needs it
    await drive.call("delete-folder", folder_id=folder)
    assert (await unused.delete()).blobs == 1
    assert second["id"]
    assert await stored(hub) == {both.sha256, with_preview.sha256, with_preview.preview_sha256}
    async with hub.database.writing() as session:
        await session.execute(delete(Picture))
    assert (await unused.delete()).blobs == 3
    assert await stored(hub) == set()


async def test_more_than_a_batch(hub: Hub, unused: UnusedBlobs) -> None:
    async with hub.database.writing() as session:
        for number in range(2 * BATCH + 1):
            await hub.services.blobs.put(session, str(number).encode())
    assert (await unused.delete()).blobs == 2 * BATCH + 1


async def test_bytes_in_use_can_not_be_deleted_by_hand(hub: Hub, drive: Drive) -> None:
    await drive.upload(await drive.add_folder(), b"x")
    await hub.picture(await hub.group(), pictures.dicom())
    for digest in await stored(hub):
        with pytest.raises(IntegrityError):
            async with hub.database.writing() as session:
                await session.execute(delete(BLOBS).where(BLOBS.c.sha256 == digest))


async def test_the_same_bytes_come_and_go_at_once(drive: Drive, unused: UnusedBlobs) -> None:
    """Uploads and deletions of the same bytes, and the sweeper, side by side: each file that is there can be read."""
    folder = await drive.add_folder()
    data = [some_bytes(UNIT, seed) for seed in range(2)]

    async def come_and_go(number: int) -> None:
        for _ in range(4):
            item = await drive.upload(folder, data[number % 2], f"{number}.png")
            assert await drive.stored(item["id"]) == data[number % 2]
            await drive.call("delete-folder", folder_id=item["id"])
        await drive.upload(folder, data[number % 2], f"{number}.png")

    async def sweep() -> None:
        while True:
            await unused.delete()
            await asyncio.sleep(0)

    async with anyio.create_task_group() as sweeping:
        sweeping.start_soon(sweep)
        async with anyio.create_task_group() as tasks:
            for number in range(4):
                tasks.start_soon(come_and_go, number)
        sweeping.cancel_scope.cancel()
    files = (await drive.folders())[folder]["files"]
    assert sorted(file["file_name"] for file in files.values()) == [f"{number}.png" for number in range(4)]
    for item, file in files.items():
        assert await drive.stored(item) == data[int(file["file_name"][0]) % 2]
