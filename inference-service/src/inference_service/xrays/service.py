"""The use cases of CheXRay: uploading X-rays, finding them, and loading their pictures."""

import hmac
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from inference_service.model_repository.tensors import PREPROCESSING_VERSION
from inference_service.predictions import heatmap
from inference_service.predictions import service as predictions
from inference_service.predictions.heatmap import NoHeatmap
from inference_service.renditions.answers import ShownPicture
from inference_service.renditions.service import Charge, LoadPicture, etag
from inference_service.state import Services
from inference_service.xrays import repository
from inference_service.xrays.errors import NotTheOwner
from inference_service.xrays.models import XRay
from inference_service.xrays.schemas import XRayFields
from lightbox_shared.anonymous_storage.service import Reservation
from lightbox_shared.auth.principal import ANONYMOUS_ACCOUNT
from lightbox_shared.blobs import BlobMissing
from lightbox_shared.database import ReadSession, WriteSession
from lightbox_shared.disconnect import Client
from lightbox_shared.errors import InvalidRequest, NotFound
from lightbox_shared.images import MediaType, PictureError
from lightbox_shared.images.display import encode_preview, read_for_display, shows_file
from lightbox_shared.request_bodies import Upload

SYSTEM: Final = "chexray"
FINDINGS: Final = ("atelectasis", "cardiomegaly", "consolidation", "edema", "pleural_effusion")
MAX_RENDERINGS_WAITING: Final = 16
RENDERING_BUSY: Final = "Too many pictures are being converted for browsers."
BROWSER_RECIPE: Final = f"browser/{PREPROCESSING_VERSION}"
MEDIA_PATH: Final = "/api/chexray/media"


async def upload(services: Services, sent: Upload[XRayFields], account_id: int, client: Client) -> XRay:
    """Run the model on a picture, and store the picture, the prediction and the X-ray for an account.

    Raises `InvalidRequest` if the file is missing or not a picture, and `Unavailable` if too many pictures are waiting.
    """
    return await _upload(services, sent.fields.title, _picture_of(sent), account_id, client)


async def upload_anonymously(services: Services, sent: Upload[XRayFields], address: str, client: Client) -> XRay:
    """The same for the anonymous account, within the limits for a client's address and for all of them together. Also
    raises what `AnonymousStorage.reserved` raises, before the model runs."""
    data = _picture_of(sent)
    async with services.anonymous.reserved(address, len(data)) as reservation:
        return await _upload(services, sent.fields.title, data, ANONYMOUS_ACCOUNT, client, room=reservation)


def _picture_of(sent: Upload[XRayFields]) -> bytes:
    """The file of an upload. Raises `InvalidRequest` if it is missing or empty."""
    if sent.data is None:
        raise InvalidRequest.of("image", "No file was submitted.")
    if not sent.data:
        raise InvalidRequest.of("image", "The submitted file is empty.")
    return sent.data


async def _upload(
    services: Services, title: str, data: bytes, account_id: int, client: Client, *, room: Reservation | None = None
) -> XRay:
    """Run the model on a picture, and store all. `room` is what was reserved for it without an account.

    The picture is stored while the model runs, in a transaction of its own. Until the X-ray refers to it, clients can't
    see it; if that fails, a blob without a reference is left. It may even be deleted as such before the X-ray is there,
    so it is stored again if it is missing. The second transaction begins after the model has run, so that no connection
    is held while a picture waits for a core. A client that leaves before that takes its picture out of the queue.
    """

    async def store(digest: bytes) -> None:
        async with services.database.writing() as session:
            await services.blobs.put(session, data, digest)

    try:
        async with client.present():
            result = await services.predictor.predict(data, services.chexray, store)
    except PictureError as error:
        raise InvalidRequest.of("image", f"Upload a valid image. {error}") from error
    async with services.database.writing() as session:
        if room is not None:
            await services.anonymous.settle(session, room)
        await services.blobs.put_missing(session, {result.sha256: data})
        xray = XRay(
            account_id=account_id,
            title=title,
            picture_sha256=result.sha256,
            media_type=result.media_type.value,
            open_key=secrets.token_urlsafe(24) if account_id == ANONYMOUS_ACCOUNT else None,
            findings=result.scores_for(SYSTEM),
            prediction=await predictions.record(session, result, account_id),
            anonymous_bytes=None if room is None else room.bytes,
        )
        return await repository.add(session, xray)


async def find_owned(session: ReadSession, xray_id: int, account_id: int) -> XRay:
    """The X-ray with this id, which must belong to the account. Raises `NotFound` and `NotTheOwner`."""
    xray = await repository.find(session, xray_id) if 0 < xray_id < 2**63 else None
    if xray is None:
        raise NotFound
    if xray.account_id != account_id:
        raise NotTheOwner
    return xray


@dataclass(frozen=True, slots=True)
class PicturePaths:
    """The paths from which an `<img>` element can load the picture and its heatmap."""

    picture: str
    heatmap: str


def picture_paths(services: Services, xray: XRay) -> PicturePaths:
    """The paths to the picture of an X-ray.

    Their query has a key that gives access without a header: for an anonymous picture the random one that was stored
    with it, else a signed one that expires. Queries are not logged.
    """
    key = xray.open_key or services.links.sign(xray.id, lifetime_seconds=services.picture_link_seconds)
    return PicturePaths(f"{MEDIA_PATH}/{xray.id}?key={key}", f"{MEDIA_PATH}/{xray.id}/heatmap?key={key}")


async def find_by_link(services: Services, xray_id: int, key: str) -> XRay:
    """The X-ray with this id, if the link to its picture has this key. Raises `NotFound` for any other key."""
    async with services.database.reading() as session:
        xray = await repository.find(session, xray_id)
    if xray is None or not _opens(services, key, xray):
        raise NotFound
    return xray


async def find_for_account(
    services: Services, session: ReadSession, xray_id: int, *, account_id: int, key: str
) -> XRay:
    """The X-ray with this id, if it belongs to the account, or the link to its picture has this key. Raises `NotFound`.

    Anonymous X-rays have no owner who could be recognized, and always take their key.
    """
    xray = await repository.find(session, xray_id)
    if xray is None:
        raise NotFound
    is_owner = xray.account_id == account_id != ANONYMOUS_ACCOUNT
    if not is_owner and not _opens(services, key, xray):
        raise NotFound
    return xray


def _opens(services: Services, key: str, xray: XRay) -> bool:
    """Whether a link with this key leads to the picture. Raises `NotFound` for a signed key that is expired or
    forged."""
    if xray.open_key is None:
        return services.links.read(key) == xray.id
    return hmac.compare_digest(key.encode(), xray.open_key.encode())


def picture_for_browsers(services: Services, xray: XRay) -> ShownPicture:
    """The picture: the original, or where browsers do not show it a PNG, which is made once; for a rare kind of JPEG, a
    JPEG.

    Loading it raises `Unavailable` if too many pictures are being converted.
    """
    media_type = MediaType(xray.media_type)
    if media_type.shown_by_browsers:
        return ShownPicture(media_type.value, xray.picture_sha256.hex(), partial(_original, services, xray))
    tag = etag(xray.picture_sha256, BROWSER_RECIPE)
    return ShownPicture(MediaType.PNG.value, tag, partial(_converted, services, xray))


@asynccontextmanager
async def while_it_is_kept(services: Services, xray: XRay) -> AsyncIterator[None]:
    """Raises `NotFound` in place of `BlobMissing` if the X-ray was deleted after it was found."""
    try:
        yield
    except BlobMissing:
        async with services.database.reading() as session:
            if await repository.find(session, xray.id) is None:
                raise NotFound from None
        raise


async def _original(services: Services, xray: XRay) -> bytes:
    async with while_it_is_kept(services, xray), services.database.reading() as session:
        data = await services.blobs.get(session, xray.picture_sha256)
    # Of the rarer kinds of JPEG, browsers get a JPEG that they show.
    return data if shows_file(data) else await _converted(services, xray)


def _charge_for(services: Services, xray: XRay) -> Charge | None:
    """Counts what is made of an anonymous picture; None for a picture of an account."""
    if xray.account_id != ANONYMOUS_ACCOUNT:
        return None

    async def charge(session: WriteSession, size: int) -> bool:
        is_kept = await repository.add_anonymous_bytes(session, xray.id, size)
        return is_kept and await services.anonymous.add(session, size)

    return charge


async def _converted(services: Services, xray: XRay) -> bytes:
    def render(data: bytes) -> bytes:
        return encode_preview(read_for_display(data, max_pixels=services.max_picture_pixels)).data

    async def make(load: LoadPicture) -> bytes:
        async with services.rendering.turn() as turn:
            data = await load()
            return await turn.decode(data, partial(render, data))

    async with while_it_is_kept(services, xray):
        charge = _charge_for(services, xray)
        return await services.renditions.kept_or_made(xray.picture_sha256, BROWSER_RECIPE, make, charge)


def heatmap_for_browsers(services: Services, xray: XRay, finding: str | None, client: Client) -> ShownPicture:
    """The picture with the class-activation map of a finding over it, by default of the likeliest; the picture itself,
    where the model has no maps.

    Raises `InvalidRequest` for a finding that is none of CheXRay's.
    """
    try:
        found = heatmap.heatmap_of(services, xray.prediction, finding, SYSTEM)
    except NoHeatmap:
        return picture_for_browsers(services, xray)
    return heatmap.shown(services, found, client, _charge_for(services, xray))
