"""The rules of submissions, the same over HTTP and CoAP: what is accepted, and when it counts as kept."""

from collections.abc import Callable
from functools import partial

from core_collection_service.pictures.errors import AnotherPicture, PictureTooLarge
from core_collection_service.pictures.models import NewPicture, PictureKey
from core_collection_service.pictures.storage.service import QUICK_BYTES, PictureStorage
from core_collection_service.pictures.submit.limits import PictureLimits
from core_collection_service.pictures.submit.metrics import SubmissionMetrics
from core_collection_service.pictures.submit.preparation import PreparedPicture, is_quick, prepare_picture
from core_collection_service.pictures.submit.schemas import read_submission
from core_collection_service.pictures.submit.writer import PictureWriter, Written
from core_collection_service.protocol.documents import Format
from core_collection_service.protocol.documents import is_quick as is_quick_to_read
from lightbox_shared.anonymous_storage.errors import QUOTA_REFUSALS
from lightbox_shared.anonymous_storage.service import AnonymousStorage, Reservation


class Submissions:
    """Accepts pictures. Safe to use from many tasks of one event loop.

    The `writer` owns the transactions: several submissions share one.
    """

    def __init__(
        self,
        writer: PictureWriter,
        storage: PictureStorage,
        limits: PictureLimits,
        metrics: SubmissionMetrics,
        anonymous: AnonymousStorage,
    ) -> None:
        self.limits = limits
        self._anonymous = anonymous
        self._writer = writer
        self._storage = storage
        self._metrics = metrics

    async def submit_document(
        self,
        collection: str,
        document: bytes,
        form: Format,
        check_device: Callable[[str], None],
        stranger_address: str | None = None,
    ) -> Written:
        """Keep the picture in a document; `check_device` gets the device id and raises if the caller may not send as
        this device. Raises `BadRequest`, and what `submit_picture` raises."""
        quick = len(document) <= 2 * QUICK_BYTES and is_quick_to_read(document, form)
        sent = await self._storage.prepare(partial(read_submission, document, form, self.limits), quick=quick)
        exceeded = self.limits.exceeded_by(sent.image_data, len(document), form)
        if exceeded is not None:
            raise PictureTooLarge(exceeded)
        del document  # the picture in `sent` is a copy
        check_device(sent.device_id)
        key = PictureKey(collection, sent.device_id, sent.timestamp)
        return await self.submit_picture(key, sent.image_data, stranger_address)

    async def submit_picture(self, key: PictureKey, data: bytes, stranger_address: str | None = None) -> Written:
        """Keep a picture that was sent as it is; `stranger_address` is that of a client that may send so much
        and no more. Returns when it is durable. Raises `InvalidField`, `PictureTooLarge`, `AnotherPicture`, what
        `AnonymousStorage.reserved` raises, and what the database raises."""
        collection, device_id, taken_at = key
        prepared = await self._storage.prepare(
            lambda: prepare_picture(device_id, taken_at, data, self.limits), quick=is_quick(data)
        )
        if stranger_address is None:
            written = await self._write(collection, prepared)
        else:
            written = await self._write_within_quotas(key, prepared, stranger_address)
        if written.record.sha256 != prepared.sha256:
            self._metrics.count_conflict(collection)
            raise AnotherPicture
        self._metrics.count_success(written.record, created=written.created)
        return written

    async def _write_within_quotas(self, key: PictureKey, prepared: PreparedPicture, address: str) -> Written:
        """The same as `_write` if there is room. A picture that is there already takes none: a device that did not get
        the answer may send it again."""
        try:
            async with self._anonymous.reserved(address, len(prepared.stored.data)) as room:
                written = await self._write(key.collection, prepared, room)
                if not written.created:
                    await self._anonymous.release(room)
                return written
        except QUOTA_REFUSALS:
            known = await self._writer.find(key)
            if known is None:
                raise
            return Written(known, created=False)

    async def _write(self, collection: str, prepared: PreparedPicture, room: Reservation | None = None) -> Written:
        stored, header = prepared.stored, prepared.header
        object_key = await self._storage.put_object(stored.data)
        row = NewPicture(
            collection=collection,
            device_id=prepared.device_id,
            taken_at=prepared.taken_at,
            media_type=header.media_type.value,
            width=header.width,
            height=header.height,
            size=prepared.size,
            sha256=prepared.sha256,
            encoding=stored.encoding,
            stored_size=len(stored.data),
            data=stored.data if object_key is None else None,
            object_key=object_key,
            anonymous_bytes=None if room is None else room.bytes,
            reservation_id=None if room is None else room.id,
        )
        written = await self._writer.write(row)
        # If it is not known whether the row was written, because that raised, the object stays: an object that no row
        # refers to does less harm than a row without its object.
        if object_key is not None and not written.created:
            await self._storage.delete_objects([object_key])
        return written
