"""`file_path`: pictures of X-rays and of the collection, fetched from the services that own them."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import stamina
from support import pictures
from support.annotation import Lab
from support.annotation_peers import Peers, change_services, pictures_with
from support.asgi import client_of
from support.collection import DEVICE, IMAGES, TIMESTAMP, document
from support.imagehub import Hub
from support.inference import account_headers
from support.pictures import sha256_hex

from annotation_service.pictures.models import Picture
from annotation_service.pictures.service import Pictures, PreparedPicture
from lightbox_shared.auth.principal import Authority, Principal, Scope
from lightbox_shared.errors import InsufficientScope, InvalidRequest, Unavailable
from lightbox_shared.requests.file_sizes import FileSizes

BASE = "https://lab.example"
ADMIN = 2
NOT_THERE = "file_path: There is no such picture, or it is not yours."


@pytest.fixture(autouse=True)
def no_waits() -> Iterator[None]:
    """Retries without the pauses between them."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


def caller(account_id: int = ADMIN, **changes: Any) -> Principal:
    return Principal("token", 2**40, account_id=account_id, authority=Authority.ADMIN, session_id=1, **changes)


def scoped(*scopes: Scope, **changes: Any) -> Principal:
    return caller(scopes=frozenset(scopes), **changes)


async def keep(lab: Lab, file_path: str, who: Principal | None = None) -> Picture:
    """The row that is kept for an address."""
    who = who or caller()
    parts = lab.services.pictures
    async with parts.from_file_path(file_path, who, own_base=BASE) as found, lab.database.writing() as session:
        return await parts.keep(session, found, who.account)


async def refused(lab: Lab, file_path: str, who: Principal | None = None) -> str:
    with pytest.raises(InvalidRequest) as raised:
        await keep(lab, file_path, who)
    return raised.value.detail


async def bytes_of(lab: Lab, picture: Picture) -> bytes:
    async with lab.database.reading() as session:
        return await lab.services.blobs.get(session, picture.sha256)


async def upload(lab: Lab, name: str, data: bytes) -> dict[str, Any]:
    admin = await lab.admin()
    answer = await lab.http.post("/uploads/medical-images", files={"file": (name, data)}, headers=admin.headers)
    body: dict[str, Any] = answer.json()
    return body


async def xray(peers: Peers, data: bytes, account_id: int | None) -> tuple[int, str]:
    """The id of a new X-ray, and the address of its picture."""
    headers = {} if account_id is None else account_headers(peers.lab.key, account_id)
    path = "/api/chexray/anonupload" if account_id is None else "/api/chexray/upload"
    answer = await peers.inference.post(path, files={"image": ("x", data)}, headers=headers)
    return answer.json()["id"], answer.json()["image"].removeprefix("http://testserver")


async def shown(peers: Peers, data: bytes) -> int:
    """The id of a new picture of the gallery."""
    async with client_of(peers.hub) as http:
        hub = Hub(peers.hub, http, peers.lab.key)
        return (await hub.picture(await hub.group(), data)).id


async def sent(peers: Peers, data: bytes, device: str = DEVICE) -> int:
    """The id of a new picture of the collection."""
    answer = await peers.core.post(IMAGES, json=document(data, device))
    assert answer.status_code == 201, answer.text
    found: int = answer.json()["id"]
    return found


async def test_an_upload_by_its_address(lab: Lab) -> None:
    body = await upload(lab, "a.png", pictures.png())
    for prefix in ("", "/api", BASE, BASE + "/api"):
        found = await keep(lab, f"{prefix}/uploads/medical-images/{body['url']}?green_channel=true")
        assert str(found.id) == body["info_id"]


async def test_an_upload_by_its_filename_is_the_newest(lab: Lab) -> None:
    await upload(lab, "眼底.png", pictures.png())
    newest = await upload(lab, "眼底.png", pictures.dicom())
    await upload(lab, "other.png", pictures.png())
    for path in ("/images/眼底.png", "/api/images/%E7%9C%BC%E5%BA%95.png/"):
        assert str((await keep(lab, path)).id) == newest["info_id"]
    assert await refused(lab, "/images/none.png") == NOT_THERE


async def test_an_xray_of_the_own(peers: Peers) -> None:
    data = pictures.dicom()
    xray_id, address = await xray(peers, data, ADMIN)
    for path in (f"/api/chexray/media/{xray_id}", address, BASE + address, address[:-3]):
        found = await keep(peers.lab, path)
        assert found.source == f"/api/chexray/media/{xray_id}"  # without the key
        assert (found.filename, found.media_type) == (f"xray-{xray_id}.dcm", "application/dicom")
        assert (found.width, found.height, found.created_by) == (64, 48, ADMIN)
        assert found.sha256.hex() == sha256_hex(data)
        assert found.preview_sha256 is not None
        assert await bytes_of(peers.lab, found) == data


async def test_an_xray_of_somebody_else_takes_its_key(peers: Peers) -> None:
    for owner in (7, None):
        data = pictures.png() if owner else pictures.png(32, 32)
        xray_id, address = await xray(peers, data, owner)
        assert await bytes_of(peers.lab, await keep(peers.lab, address)) == data
        assert await refused(peers.lab, f"/api/chexray/media/{xray_id}") == NOT_THERE
        assert await refused(peers.lab, address[:-3]) == NOT_THERE
    assert await refused(peers.lab, "/api/chexray/media/999") == NOT_THERE


async def test_a_picture_of_the_collection(peers: Peers) -> None:
    data = pictures.png()
    picture_id = await sent(peers, data)
    by_id = await keep(peers.lab, f"/collections/images/{picture_id}?w=10")
    assert (by_id.source, by_id.filename) == (f"/collections/images/{picture_id}", f"images-{picture_id}.png")
    for timestamp in (TIMESTAMP, "2024-08-18T04:04:07%2B02:00", "2024-08-18T04:04:07+02:00"):
        found = await keep(peers.lab, f"/collections/images?deviceId={DEVICE}&timestamp={timestamp}")
        assert found.source.startswith(f"/collections/images?deviceId={DEVICE}&timestamp=2024")
        assert await bytes_of(peers.lab, found) == data


async def test_a_picture_of_the_gallery(peers: Peers) -> None:
    data = pictures.dicom()
    picture_id = await shown(peers, data)
    for path in (f"/image/file/{picture_id}", f"{BASE}/image/file/{picture_id}/?w=180&key=x"):
        found = await keep(peers.lab, path)
        assert (found.source, found.filename) == (f"/image/file/{picture_id}", f"picture-{picture_id}.dcm")
        assert await bytes_of(peers.lab, found) == data


@pytest.mark.parametrize(
    "path",
    [
        "/image/file/0",
        "/image/file/999",
        "/image/file/x",
        "/collections/images/0",
        "/collections/images/999",
        f"/collections/images/{2**63}",
        "/collections/images/latest",
        "/collections/images",
        "/collections/images?deviceId=x",
        f"/collections/images?deviceId=none&timestamp={TIMESTAMP}",
        f"/collections/images?deviceId={DEVICE}&timestamp=yesterday",
        "/collections/none/1",
        "/collections/a%20b/1",
        "/collections/%3F/1",
        "/api/chexray/media/x",
        "/api/chexray/media/0",
        f"/api/chexray/media/{2**63}",
        f"/api/chexray/media/1?key={'x' * 2000}",
        "/uploads/medical-images/none.png",
    ],
)
async def test_what_there_is_not(peers: Peers, path: str) -> None:
    await sent(peers, pictures.png())
    assert await refused(peers.lab, path) == NOT_THERE


@pytest.mark.parametrize("path", ["/", "/readyz", "/internal/pictures/1", "/image/1", "/uploads/photos/x"])
async def test_what_is_no_address_of_a_picture(peers: Peers, path: str) -> None:
    assert (await refused(peers.lab, path)).startswith("file_path: ")
    assert (peers.to_core.calls, peers.to_inference.calls) == (0, 0)


async def test_a_limited_token_finds_what_it_could_read_there(peers: Peers) -> None:
    data = pictures.png()
    own, _ = await xray(peers, data, ADMIN)
    _, address = await xray(peers, data, 7)
    picture_id = await sent(peers, data)
    annotate = scoped(Scope.ANNOTATE)
    shown_id = await shown(peers, data)
    for path in (f"/api/chexray/media/{own}", f"/collections/images/{picture_id}", f"/image/file/{shown_id}"):
        with pytest.raises(InsufficientScope):
            await keep(peers.lab, path, annotate)
        await keep(peers.lab, path, scoped(Scope.ANNOTATE, Scope.READ))
    await keep(peers.lab, address, annotate)  # the link opens it for everyone
    assert await refused(peers.lab, f"/api/chexray/media/{own}?key=wrong", annotate) == NOT_THERE
    by_device = f"/collections/images?deviceId={DEVICE}&timestamp={TIMESTAMP}"
    for path in (f"/collections/images/{picture_id}", by_device):
        await keep(peers.lab, path, caller(device_id=DEVICE))
        assert await refused(peers.lab, path, caller(device_id="another")) == NOT_THERE


async def test_a_picture_that_is_too_large(peers: Peers) -> None:
    path = f"/collections/images/{await sent(peers, pictures.png())}"
    sources = peers.lab.services.pictures._sources
    change_services(peers.lab, pictures=pictures_with(peers.lab, sources, sizes=FileSizes(10, 10)))
    assert (await refused(peers.lab, path)).startswith("file_path: The picture is larger than")
    change_services(peers.lab, pictures=pictures_with(peers.lab, sources, max_pixels=10))
    assert (await refused(peers.lab, path)).startswith("file_path: The picture has 64 x 48 pixels")


async def test_a_picture_that_is_damaged(peers: Peers) -> None:
    whole = pictures.encoded(pictures.GREY.resize((400, 300)), "JPEG")
    path = f"/collections/images/{await sent(peers, whole[:-300])}"  # the collection looks at the header alone
    assert await refused(peers.lab, path) == "file_path: The JPEG picture is damaged or incomplete."


async def test_an_owner_that_does_not_answer(peers: Peers) -> None:
    picture_id = await sent(peers, pictures.png())
    peers.to_core.down = peers.to_inference.down = peers.to_hub.down = True
    for path in (f"/collections/images/{picture_id}", "/api/chexray/media/1", "/image/file/1"):
        with pytest.raises(Unavailable):
            await keep(peers.lab, path)
    peers.to_core.down = False
    await keep(peers.lab, f"/collections/images/{picture_id}")


async def test_what_was_fetched_stays_when_its_owner_deletes_it(peers: Peers) -> None:
    data = pictures.png()
    picture_id = await sent(peers, data)
    found = await keep(peers.lab, f"/collections/images/{picture_id}")
    admin = account_headers(peers.lab.key, ADMIN, authority=int(Authority.ADMIN))
    assert (await peers.core.delete(f"{IMAGES}/{picture_id}", headers=admin)).status_code == 204
    assert await bytes_of(peers.lab, found) == data


async def test_nothing_is_left_of_a_transaction_that_fails(peers: Peers) -> None:
    picture_id = await sent(peers, pictures.dicom())
    parts: Pictures = peers.lab.services.pictures

    path = f"/collections/images/{picture_id}"
    fetching = parts.from_file_path(path, caller(), own_base=BASE)
    with suppress(RuntimeError):
        async with fetching as found, peers.lab.database.writing() as session:
            await parts.keep(session, found, ADMIN)
            raise RuntimeError("the image can't be made")
    assert isinstance(found, PreparedPicture)
    assert found.preview is not None
    assert found.preview.closed
    assert await refused(peers.lab, f"/images/{found.filename}") == NOT_THERE
