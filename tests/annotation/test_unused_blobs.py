"""Bytes are deleted when no picture and no green channel needs them, and not before."""

import anyio
import pytest
from PIL import Image
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from support import pictures
from support.annotation import Lab

from annotation_service.blob_references import BLOB_REFERENCES
from annotation_service.orm import BLOBS
from annotation_service.pictures.models import GreenChannel, Picture
from lightbox_shared.storage.unused_blobs import UnusedBlobs

UPLOADS = "/uploads/medical-images/"
COLOURED = pictures.encoded(Image.new("RGB", (64, 48), "orange"), "PNG")


@pytest.fixture
def unused(lab: Lab) -> UnusedBlobs:
    return UnusedBlobs(lab.database, lab.services.blobs, BLOB_REFERENCES)


async def stored(lab: Lab) -> set[bytes]:
    async with lab.database.reading() as session:
        return set((await session.scalars(select(BLOBS.c.sha256))).all())


async def upload(lab: Lab, data: bytes, headers: dict[str, str]) -> str:
    answer = await lab.http.post(UPLOADS, files={"file": ("eye.png", data)}, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["url"])


async def test_what_pictures_and_green_channels_need_stays(lab: Lab, unused: UnusedBlobs) -> None:
    headers = (await lab.admin()).headers
    dicom = pictures.dicom()
    url = await upload(lab, COLOURED, headers)
    shown = await lab.http.get(UPLOADS + url, params={"green_channel": "true"}, headers=headers)
    assert shown.status_code == 200
    await upload(lab, dicom, headers)
    needed = await stored(lab)
    assert len(needed) == 4  # two originals, a green channel and a preview
    async with lab.database.writing() as session:
        await lab.services.blobs.put(session, b"nobody's")
    assert (await unused.delete()).blobs == 1
    assert await stored(lab) == needed
    for digest in needed:
        with pytest.raises(IntegrityError):  # not even by hand
            async with lab.database.writing() as session:
                await session.execute(delete(BLOBS).where(BLOBS.c.sha256 == digest))


async def test_a_green_channel_goes_with_its_picture(lab: Lab, unused: UnusedBlobs) -> None:
    headers = (await lab.admin()).headers
    url = await upload(lab, COLOURED, headers)
    assert (await lab.http.get(UPLOADS + url, params={"green_channel": "true"}, headers=headers)).status_code == 200
    async with lab.database.writing() as session:
        picture = (await session.scalars(select(Picture))).one()
        await session.execute(update(Picture).values(sha256=await lab.services.blobs.put(session, b"else")))
    assert (await unused.delete()).blobs == 2
    async with lab.database.reading() as session:
        assert await session.get(GreenChannel, picture.sha256) is None


async def test_the_same_bytes_are_uploaded_while_they_are_removed(lab: Lab, unused: UnusedBlobs) -> None:
    headers = (await lab.admin()).headers
    data = pictures.png()
    urls: list[str] = []

    async def come() -> None:
        for _ in range(5):
            async with lab.database.writing() as session:  # left behind without a reference
                await lab.services.blobs.put(session, data)
            urls.append(await upload(lab, data, headers))

    async def sweep() -> None:
        while True:
            await unused.delete()

    async with anyio.create_task_group() as sweeping:
        sweeping.start_soon(sweep)
        async with anyio.create_task_group() as coming:
            for _ in range(3):
                coming.start_soon(come)
        sweeping.cancel_scope.cancel()
    assert len(urls) == 15
    for url in urls:
        assert (await lab.http.get(UPLOADS + url, headers=headers)).content == data
