"""Reading a picture with a model, and keeping both: what every upload has in common, with and without an account."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass

from inference_service.predictions import quotas
from inference_service.predictions.quotas import Sender
from inference_service.predictions.service import PredictionResult, store_nothing
from inference_service.runtime.engine import LoadedModel
from inference_service.state import Services
from lightbox_shared.anonymous_storage.service import Reservation
from lightbox_shared.database import WriteSession
from lightbox_shared.requests.disconnect import Client


@dataclass(frozen=True, slots=True)
class ReadPicture:
    """A picture that has been read, in the transaction that is to record it."""

    session: WriteSession
    result: PredictionResult
    counted_bytes: int | None
    """What is counted for it among all that strangers store; None if it counts for nobody."""


@asynccontextmanager
async def read_picture(
    services: Services, data: bytes, model: LoadedModel, sender: Sender, client: Client, *, keeps_picture: bool = True
) -> AsyncIterator[ReadPicture]:
    """Run the model on a picture, store it if it is kept, and begin the transaction in which the block records the
    prediction. What counts has its room before the model runs. An approved account that keeps a picture gets back the
    room of what it has stored before it was approved.

    Raises `PictureError`, `Unavailable` if too many pictures are waiting, and what `AnonymousStorage.reserved` raises.

    The picture is stored while the model runs, in a transaction of its own. Until the record refers to it, clients
    can't see it; if that fails, a blob without a reference is left. It may even be deleted as such before the record is
    there, so it is stored again if it is missing. The second transaction begins after the model has run, so that no
    connection is held while a picture waits for a core. A client that leaves before that takes its picture out of the
    queue.
    """

    async def store(digest: bytes) -> None:
        async with services.database.writing() as session:
            await services.blobs.put(session, data, digest)

    address = sender.counted_address
    kept_bytes = len(data) if keeps_picture else 0
    reserved: AbstractAsyncContextManager[Reservation | None] = (
        nullcontext() if address is None else services.anonymous.reserved(address, kept_bytes)
    )
    async with reserved as room:
        async with client.present():
            result = await services.predictor.predict(data, model, store if keeps_picture else store_nothing)
        async with services.database.writing() as session:
            if room is not None:
                await services.anonymous.settle(session, room)
            if keeps_picture:
                await services.blobs.put_missing(session, {result.sha256: data})
            yield ReadPicture(session, result, None if room is None else room.bytes)
            if room is None and keeps_picture:
                await quotas.stop_counting(session, services.anonymous, sender.account_id)
