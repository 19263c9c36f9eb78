"""Uploading medical pictures: each becomes an image, all of a request or none."""

import hashlib

import httpx
import pytest
from PIL import Image as PillowImage
from sqlalchemy import func, select
from support import pictures
from support.annotation import Lab, invalid, said

from annotation_service.orm import BLOBS
from annotation_service.pictures.models import Picture
from annotation_service.uploads.endpoints import MAX_FILES
from annotation_service.workflow.models import Image
from lightbox_shared.auth.principal import Authority

UPLOADS = "/uploads/medical-images"
Files = list[tuple[str, tuple[str, bytes]]]


def files(*named: tuple[str, bytes]) -> Files:
    return [("file", each) for each in named]


async def upload(lab: Lab, *named: tuple[str, bytes], path: str = UPLOADS) -> httpx.Response:
    admin = await lab.admin()
    return await lab.http.post(path, files=files(*named), headers=admin.headers)


async def rows(lab: Lab) -> tuple[int, int, int]:
    """How many pictures, images and blobs there are."""
    async with lab.database.reading() as session:
        counts = [await session.scalar(select(func.count()).select_from(each)) for each in (Picture, Image, BLOBS)]
    return counts[0] or 0, counts[1] or 0, counts[2] or 0


@pytest.mark.parametrize("prefix", ["", "/api"])
async def test_a_picture_becomes_an_image(lab: Lab, prefix: str) -> None:
    data = pictures.png()
    answer = await upload(lab, ("眼底 1.png", data), path=f"{prefix}{UPLOADS}/")
    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{prefix}/images/{body['image_id']}"
    (one,) = body.pop("data")
    message = body.pop("message")
    assert (message, one) == ("图片上传成功", body)
    url = body.pop("url")
    assert url.endswith(".png")
    assert len(url) > 30
    links = body.pop("_links")
    assert links["self"] == {"href": answer.headers["location"]}
    assert links["picture"] == {"href": f"{prefix}{UPLOADS}/{url}"}
    assert body.pop("info_id").isdigit()
    assert body == {
        "id": body["image_id"],
        "image_id": body["image_id"],
        "label_id": None,
        "groundtruth_id": None,
        "state": "unassigned",
        "image_state": 300,
        "filename": "眼底 1.png",
        "source": "upload",
    }
    async with lab.database.reading() as session:
        row = (await session.scalars(select(Picture).where(Picture.url == url))).one()
        stored = await lab.services.blobs.get(session, row.sha256)
    assert stored == data
    assert row.sha256 == hashlib.sha256(data).digest()
    assert (row.width, row.height, row.size, row.media_type) == (64, 48, len(data), "image/png")


async def test_several_files_become_as_many_images(lab: Lab) -> None:
    sent = [("a.png", pictures.png()), ("b.dcm", pictures.dicom()), ("c.tiff", pictures.encoded(pictures.GREY, "TIFF"))]
    body = (await upload(lab, *sent)).json()
    assert [each["filename"] for each in body["data"]] == ["a.png", "b.dcm", "c.tiff"]
    assert [each["url"].rpartition(".")[2] for each in body["data"]] == ["png", "dcm", "tiff"]
    assert body["image_id"] == body["data"][0]["image_id"]
    assert await rows(lab) == (3, 3, 4)  # the previews of DICOM and TIFF have the same pixels, up to rounding or not


async def test_the_source_can_be_named(lab: Lab) -> None:
    admin = await lab.admin()
    send = {"files": files(("a.png", pictures.png())), "headers": admin.headers}
    answer = await lab.http.post(UPLOADS, data={"source": "Clinic A"}, **send)  # type: ignore[arg-type]
    assert answer.json()["source"] == "Clinic A"
    answer = await lab.http.post(UPLOADS, data={"source": "a\0b"}, **send)  # type: ignore[arg-type]
    assert invalid(answer).startswith("source: ")
    answer = await lab.http.post(UPLOADS, data={"source": "x" * 3000}, **send)  # type: ignore[arg-type]
    assert invalid(answer).startswith("source: ")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd.png", "passwd.png"),
        ("C:\\patients\\left eye.png", "left eye.png"),
        ("a\0b\r\n.png", "ab.png"),
        ("x" * 300, "x" * 255),
        ("..", "picture.png"),
        (" ", "picture.png"),
    ],
)
async def test_of_a_filename_the_last_part_is_kept(lab: Lab, sent: str, kept: str) -> None:
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{sent}"\r\n\r\n'.encode()
    if "\r" in sent:  # a header can't have them: as httpx and browsers escape them
        head = head.replace(b"a\0b\r\n.png", b"a\0b.png")
    admin = await lab.admin()
    answer = await lab.http.post(
        UPLOADS,
        content=head + pictures.png() + b"\r\n--b--\r\n",
        headers={**admin.headers, "Content-Type": "multipart/form-data; boundary=b"},
    )
    if b"\0" in head and answer.status_code == 400:
        return  # the parser of forms refuses it before
    assert answer.json()["filename"] == kept


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "file: The submitted file is empty."),
        (b"no picture", "file: This is not a picture in JPEG, PNG, WebP, TIFF, BMP or DICOM format."),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "file: This is not a picture in JPEG"),
        (pictures.encoded(pictures.GREY, "JPEG")[:-200], "file: The JPEG picture is damaged or incomplete."),
        (pictures.png()[:-40], "file: The PNG picture is damaged or incomplete."),
        (pictures.png_claiming(60_000, 60_000), "file: The picture has 60000 x 60000 pixels"),
        (pictures.dicom_without_pixels(), "file: The DICOM file has no pixels."),
        (pictures.tiff_with_bomb(2000), "file: "),
        (pictures.gif(2), "file: This is not a picture"),
    ],
)
async def test_what_is_no_picture(lab: Lab, data: bytes, sentence: str) -> None:
    assert invalid(await upload(lab, ("x.png", data))).startswith(sentence)
    assert await rows(lab) == (0, 0, 0)


async def test_all_or_none(lab: Lab) -> None:
    answer = await upload(lab, ("good.png", pictures.png()), ("bad.dcm", b"nothing"), ("good 2.dcm", pictures.dicom()))
    assert invalid(answer).startswith("file: bad.dcm: This is not a picture")
    assert invalid(await upload(lab, ("good.png", pictures.png()), ("e.png", b""))) == (
        "file: e.png: The submitted file is empty."
    )
    assert await rows(lab) == (0, 0, 0)


async def test_without_a_file(lab: Lab) -> None:
    admin = await lab.admin()
    missing = "file: No file was submitted."
    assert invalid(await lab.http.post(UPLOADS, headers=admin.headers)) == missing
    assert invalid(await lab.http.post(UPLOADS, json={"file": "x"}, headers=admin.headers)) == missing
    elsewhere = [("image", ("a.png", pictures.png()))]
    assert invalid(await lab.http.post(UPLOADS, files=elsewhere, headers=admin.headers)) == missing
    as_text = await lab.http.post(UPLOADS, data={"file": "x"}, files={"other": b""}, headers=admin.headers)
    assert invalid(as_text) == missing
    broken = {**admin.headers, "Content-Type": "multipart/form-data; boundary=b"}
    assert invalid(await lab.http.post(UPLOADS, content=b"--b\r\nx", headers=broken)) == "The body ended early."


async def test_too_many_files(lab: Lab) -> None:
    several = [("a.png", pictures.png(8, 8))] * MAX_FILES
    assert len((await upload(lab, *several)).json()["data"]) == MAX_FILES
    assert "50" in invalid(await upload(lab, *several, ("b.png", pictures.png())))
    assert await rows(lab) == (MAX_FILES, MAX_FILES, 1)


async def test_a_file_that_is_too_large(lab: Lab) -> None:
    data = pictures.encoded(PillowImage.new("L", (5000, 4300)), "BMP")
    assert len(data) > 20 * 1024 * 1024
    answer = await upload(lab, ("small.png", pictures.png()), ("large.bmp", data))
    assert said(answer) == (413, "A file is larger than 20 MB.")
    assert await rows(lab) == (0, 0, 0)


async def test_only_administrators_upload(lab: Lab) -> None:
    for authority in (Authority.DOCTOR, Authority.EXPERT, Authority.GUEST, Authority.NONE):
        person = await lab.person(authority)
        answer = await lab.http.post(UPLOADS, files=files(("a.png", b"")), headers=person.headers)
        assert said(answer) == (401, "创建图片需要管理员权限")
    assert said(await lab.http.post(UPLOADS, files=files(("a.png", b"")))) == (401, "用户未登录")
    scoped = lab.headers(2, Authority.ADMIN, scope="collect")
    assert (await lab.http.post(UPLOADS, files=files(("a.png", b"")), headers=scoped)).status_code == 403
    scoped = lab.headers(2, Authority.ADMIN, scope="annotate")
    answer = await lab.http.post(UPLOADS, files=files(("a.png", pictures.png())), headers=scoped)
    assert answer.status_code == 201
