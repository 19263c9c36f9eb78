"""How much of whole pictures is in memory at a time."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
from PIL import Image
from sqlalchemy import event
from support.imagehub import Hub
from support.pictures import encoded

from imagehub_service.picture_files.whole import WholePictures
from imagehub_service.renditions.data_urls import PIECE_BYTES
from lightbox_shared.concurrency.bounded_threads import BoundedThreads
from lightbox_shared.database import Database


@contextmanager
def reads_of_blobs(database: Database) -> Iterator[list[str]]:
    """The statements that read blobs until the end of the context."""
    seen: list[str] = []

    def record(*about: object) -> None:
        if "FROM blobs" in str(about[2]):
            seen.append(str(about[2]))

    event.listen(database.engine.sync_engine, "before_cursor_execute", record)
    yield seen
    event.remove(database.engine.sync_engine, "before_cursor_execute", record)


async def test_files_wait_in_the_database_to_be_looked_through(hub: Hub) -> None:
    group = await hub.group()
    rows = [await hub.picture(group, encoded(Image.new("RGB", (90 + each, 60)), "JPEG")) for each in range(5)]
    threads = BoundedThreads(1, max_waiting=100, busy="busy")
    files = WholePictures(hub.database, hub.services.blobs, threads, at_once=1, keep_metadata=False)
    gate = threading.Event()
    with reads_of_blobs(hub.database) as seen:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(threads.run, gate.wait)
            for row in rows * 3:
                tasks.start_soon(files.layout, row)
            try:
                await anyio.sleep(0.5)
                assert len(seen) == 1  # of which the bytes are in memory
            finally:
                gate.set()
    assert len(seen) == len(rows)  # each once, however many have asked for it
    await files.close()


async def test_a_download_is_read_piece_by_piece(hub: Hub) -> None:
    """A client that does not read on holds one piece in memory, and not the picture."""
    noise = encoded(Image.effect_noise((1500, 1200), 90), "PNG")
    await hub.picture(await hub.group(), noise)
    path = "/image/download?group_id=1&image_id=1"
    await hub.http.get(path)  # now it is known where the metadata are
    with reads_of_blobs(hub.database) as seen:
        answer = await hub.http.get(path)
    assert len(seen) == -(-len(noise) // PIECE_BYTES) > 1
    assert base64.b64decode(answer.json()["image"]["image"].partition(",")[2], validate=True) == noise
