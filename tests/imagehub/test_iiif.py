"""The IIIF Image API 3.0: the arithmetic of regions and sizes, tiles that make the whole, errors, links and who sees
it. What the validator of the consortium looks at is in test_iiif_validator.py."""

import re
from io import BytesIO
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from support import pictures
from support.colour_profiles import RED_IS_GREEN
from support.imagehub import Hub
from support.seen import difference

from imagehub_service.iiif.limits import MAX_AREA, MAX_SIDE, TILE_SIDE
from imagehub_service.iiif.parameters import (
    Region,
    Size,
    WrittenParameters,
    canonical,
    read_region,
    read_rendition,
    read_size,
)
from imagehub_service.iiif.schemas import ImageServiceDescription
from lightbox_shared.errors import BadRequest

WIDTH, HEIGHT = 1300, 700
WHOLE = Size(WIDTH, HEIGHT)
LD = 'application/ld+json;profile="http://iiif.io/api/image/3/context.json"'


def colours(width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """Each pixel has another colour than the ones around it."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return Image.fromarray(np.stack([x % 251, y % 241, (x + 3 * y) % 239], axis=-1).astype(np.uint8))


def opened(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    return Image.open(BytesIO(answer.content))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("full", (0, 0, 1300, 700)),
        ("square", (300, 0, 700, 700)),
        ("0,0,1,1", (0, 0, 1, 1)),
        ("125,15,120,140", (125, 15, 120, 140)),
        ("1299,699,100,100", (1299, 699, 1, 1)),
        ("0,0,9999999999,9999999999", (0, 0, 1300, 700)),
        ("pct:0,0,100,100", (0, 0, 1300, 700)),
        ("pct:41.6,7.5,40,70", (541, 52, 520, 490)),
        ("pct:50,50,66.6,75", (650, 350, 650, 350)),
        ("pct:0.5,0.5,0.5,0.5", (6, 4, 6, 4)),
    ],
)
def test_regions(text: str, expected: tuple[int, int, int, int]) -> None:
    assert read_region(text, WHOLE) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "Full", "max", "0,0,0,1", "0,0,1,0", "1300,0,1,1", "0,700,1,1", "-1,0,1,1", "0,0,1", "0,0,1,1,1",
        "0,0,1,1 ", "0.5,0,1,1", "pct:0,0,0,1", "pct:100,0,1,1", "pct:.5,0,1,1", "pct:0.50,0,1,1", "pct:1e1,0,1,1",
        "pct:0,0,1", "01,0,1,1", "+1,0,1,1", "٣,0,1,1", "99999999999,0,1,1", "pct:0,0,0.01,0.01", "square,1",
        "full\n",
    ],
)  # fmt: skip
def test_wrong_regions(text: str) -> None:
    with pytest.raises(BadRequest):
        read_region(text, WHOLE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max", (1300, 700)),
        ("650,", (650, 350)),
        (",350", (650, 350)),
        ("1,", (1, 1)),
        ("13,200", (13, 200)),
        ("1300,700", (1300, 700)),
        ("!650,650", (650, 350)),
        ("!650,300", (557, 300)),
        ("!1300,9999", (1300, 700)),
        ("!2000,1000", (1300, 700)),
        ("pct:50", (650, 350)),
        ("pct:100", (1300, 700)),
        ("pct:0.1", (1, 1)),
        ("^2600,", (2600, 1400)),
        ("^,1400", (2600, 1400)),
        ("^100,100", (100, 100)),
        ("^!2600,2600", (2600, 1400)),
        ("^!13,13", (13, 7)),
        ("^pct:200", (2600, 1400)),
        ("^pct:10", (130, 70)),
    ],
)
def test_sizes(text: str, expected: tuple[int, int]) -> None:
    assert read_size(text, Region(0, 0, WIDTH, HEIGHT)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "full", "^", "^full", "0,", ",0", "0,0", "!0,5", "^0,", ",", "!,", "!5,", "!,5", "1301,", ",701",
        "1300,701", "1301,1", "pct:101", "pct:0", "^pct:0", "pct:", "pct:-5", "5", "5,5,5", " 5,5", "5.5,5", "^^5,",
        "!^5,5", "^16384,1", "^1,16384", "^9999,9999", "^pct:9999999999", "!2600,1400", "05,5", "^!0,0", "max ",
        "９,９",
    ],
)  # fmt: skip
def test_wrong_sizes(text: str) -> None:
    with pytest.raises(BadRequest):
        read_size(text, Region(0, 0, WIDTH, HEIGHT))


SIDES = st.integers(1, MAX_SIDE * 2)


@given(SIDES, SIDES, st.integers(1, 20_000), st.integers(1, 20_000))
def test_sizes_as_the_standard_says(width: int, height: int, w: int, h: int) -> None:
    region = Region(0, 0, width, height)
    for text in ("max", "^max", f"!{w},{h}", f"^!{w},{h}"):
        try:
            size = read_size(text, region)
        except BadRequest:
            assert text == f"!{w},{h}"
            assert (w >= 2 * width, h >= 2 * height) == (True, True)
            continue
        assert min(size) >= 1
        assert max(size) <= MAX_SIDE
        assert size.width * size.height <= MAX_AREA
        if not text.startswith("^"):
            assert (size.width <= width, size.height <= height) == (True, True)
        if "!" in text:
            assert (size.width <= w, size.height <= h) == (True, True)
        # The shape is kept, to a pixel.
        scale = max(size.width / width, size.height / height)
        assert abs(size.width - max(1, width * scale)) <= 1 or abs(size.height - max(1, height * scale)) <= 1
    if max(width, height) <= MAX_SIDE and width * height <= MAX_AREA:
        assert read_size("max", region) == (width, height)


@given(st.integers(1, 9000), st.integers(1, 9000))
def test_what_is_described_can_be_asked_for(width: int, height: int) -> None:
    """Every size, and the address of every tile as viewers make it."""
    whole = Size(width, height)
    description = ImageServiceDescription.of(whole, "https://hub.example/iiif/3/1")
    for each in description.sizes:
        assert read_size(f"{each.width},{each.height}", Region(0, 0, *whole)) == (each.width, each.height)
    assert description.sizes[0].width <= TILE_SIDE
    assert description.sizes[0].height <= TILE_SIDE
    for factor in description.tiles[0].scale_factors:
        side = TILE_SIDE * factor
        for left in {0, (width - 1) // side * side}:
            for top in {0, (height - 1) // side * side}:
                part = read_region(f"{left},{top},{side},{side}", whole)
                size = Size(-(-part.width // factor), -(-part.height // factor))
                assert read_size(f"{size.width},{size.height}", part) == size


PARTS = st.tuples(
    st.sampled_from(["full", "square", "0,0,100,200", "pct:10,10,50,50", "1000,600,999,999"]),
    st.sampled_from(["max", "50,", ",50", "60,20", "!40,40", "pct:50", "^2000,", "^max", "^!1,1"]),
    st.sampled_from(["0", "90", "180", "270", "360", "!0", "!90", "90.0"]),
    st.sampled_from(["default.jpg", "gray.png", "color.webp", "bitonal.png"]),
)


@given(PARTS)
def test_the_canonical_form_means_the_same(parts: tuple[str, str, str, str]) -> None:
    try:
        rendition = read_rendition(WrittenParameters(*parts), whole=WHOLE)
    except BadRequest:
        assert parts[2] == "90.0"
        return
    form = canonical(rendition, WHOLE)
    assert read_rendition(WrittenParameters(*form.split("/")), whole=WHOLE) == rendition
    assert canonical(read_rendition(WrittenParameters(*form.split("/")), whole=WHOLE), WHOLE) == form


@pytest.mark.parametrize("format_name", ["PNG", "TIFF", "JPEG"])
async def test_tiles_make_the_whole_picture(hub: Hub, format_name: str) -> None:
    options = {"quality": 100, "subsampling": 0} if format_name == "JPEG" else {}
    data = pictures.encoded(colours(), format_name, **options)
    picture = await hub.picture(await hub.group(), data)
    described = (await hub.http.get(f"/iiif/3/{picture.id}/info.json")).json()
    (tiles,) = described["tiles"]
    for factor in tiles["scaleFactors"]:
        put_together = Image.new("RGB", (-(-WIDTH // factor), -(-HEIGHT // factor)))
        side = tiles["width"] * factor
        for left in range(0, WIDTH, side):
            for top in range(0, HEIGHT, side):
                width, height = min(side, WIDTH - left), min(side, HEIGHT - top)
                region, size = f"{left},{top},{width},{height}", f"{-(-width // factor)},{-(-height // factor)}"
                answer = await hub.http.get(f"/iiif/3/{picture.id}/{region}/{size}/0/default.png")
                put_together.paste(opened(answer), (left // factor, top // factor))
        decoded = Image.open(BytesIO(data)).convert("RGB")
        if factor == 1:
            np.testing.assert_array_equal(np.asarray(put_together), np.asarray(decoded))
        else:
            whole = await hub.http.get(f"/iiif/3/{picture.id}/full/{put_together.width},/0/default.png")
            assert difference(put_together, opened(whole)).mean() < 4
    assert hub.services.renditions.decoded.decoded <= len(tiles["scaleFactors"])


async def test_rotation_mirroring_and_quality(hub: Hub) -> None:
    picture = await hub.picture(await hub.group(), pictures.encoded(colours(40, 30), "PNG"))
    pixels = np.asarray(colours(40, 30))
    for rotation, expected in (
        ("0", pixels),
        ("90", np.rot90(pixels, -1)),
        ("180", np.rot90(pixels, 2)),
        ("270", np.rot90(pixels)),
        ("!0", pixels[:, ::-1]),
        ("!90", np.rot90(pixels[:, ::-1], -1)),
    ):
        answer = await hub.http.get(f"/iiif/3/{picture.id}/full/max/{rotation}/default.png")
        np.testing.assert_array_equal(np.asarray(opened(answer)), expected)
    grey = opened(await hub.http.get(f"/iiif/3/{picture.id}/full/max/0/gray.png"))
    np.testing.assert_array_equal(np.asarray(grey), np.asarray(colours(40, 30).convert("L")))


async def test_bitonal(hub: Hub) -> None:
    picture = await hub.picture(await hub.group(), pictures.png())
    two = np.asarray(opened(await hub.http.get(f"/iiif/3/{picture.id}/full/max/0/bitonal.png")))
    np.testing.assert_array_equal(two, np.where(pictures.ramp() < 128, 0, 255))


async def test_colours_stay_what_they_are(hub: Hub) -> None:
    data = pictures.encoded(colours(64, 64), "PNG", icc_profile=RED_IS_GREEN)
    picture = await hub.picture(await hub.group(), data)
    for format_name in ("jpg", "png", "webp"):
        seen = opened(await hub.http.get(f"/iiif/3/{picture.id}/full/max/0/default.{format_name}"))
        assert seen.info["icc_profile"] == RED_IS_GREEN


async def test_info_json(hub: Hub) -> None:
    picture = await hub.picture(await hub.group(), pictures.encoded(colours(), "JPEG"))
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "hub.example"}
    path = f"/iiif/3/{picture.id}/info.json"
    for accept, media_type in (
        ({"Accept": "application/json"}, "application/json"),
        ({"Accept": "application/ld+json"}, LD),
        ({"Accept": "*/*"}, LD),
        ({"Accept": "text/html"}, "application/json"),
    ):
        answer = await hub.http.get(path, headers={**forwarded, **accept})
        assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.json()["id"] == f"https://hub.example/iiif/3/{picture.id}"
    described = (await hub.http.get(path)).json()
    assert next(iter(described)) == "@context"
    assert (described["width"], described["height"]) == (WIDTH, HEIGHT)
    redirect = await hub.http.get(f"/iiif/3/{picture.id}", headers=forwarded)
    assert (redirect.status_code, redirect.headers["location"]) == (303, f"https://hub.example{path}")


async def test_the_links_of_a_region(hub: Hub) -> None:
    picture = await hub.picture(await hub.group(), pictures.encoded(colours(), "PNG"))
    answer = await hub.http.get(f"/iiif/3/{picture.id}/pct:0,0,100,100/650,/0/default.jpg")
    found = re.fullmatch(
        r'<http://testserver(.*)>;rel="canonical", <.*/level2.json>;rel="profile"', answer.headers["link"]
    )
    assert found is not None
    assert found[1] == f"/iiif/3/{picture.id}/full/650,350/0/default.jpg"
    assert (await hub.http.get(found[1])).content == answer.content
    unchanged = await hub.http.get(found[1], headers={"If-None-Match": answer.headers["etag"]})
    assert unchanged.status_code == 304


async def test_what_is_kept_for_one_host_is_not_given_to_those_who_ask_another(hub: Hub) -> None:
    picture = await hub.picture(await hub.group())
    path = f"/iiif/3/{picture.id}/full/max/0/default.png"
    for _ in range(2):  # once made, once from memory
        for host in ("hub.example", "other.example"):
            for scheme in ("http", "https"):
                answer = await hub.http.get(path, headers={"X-Forwarded-Proto": scheme, "X-Forwarded-Host": host})
                assert answer.headers["link"].startswith(f'<{scheme}://{host}{path}>;rel="canonical"')


@pytest.mark.parametrize(
    "identifier",
    ["0", "-1", "x", "01", "1.0", str(2**63), "9" * 30, "1~", "~", "%00", "2", "%F0%9F", "1" * 600, "1~" + "x" * 600],
)
@pytest.mark.parametrize("rest", ["", "/info.json", "/full/max/0/default.jpg", "/x/x/x/x"])
async def test_unknown_identifiers(hub: Hub, identifier: str, rest: str) -> None:
    await hub.picture(await hub.group())
    answer = await hub.http.get(f"/iiif/3/{identifier}{rest}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=12)
VALID = ("full", "max", "0", "default.jpg")
NEARLY = st.sampled_from(
    ["full", "max", "0", "default.jpg", "1,1,1,1", "pct:", "^", "!", "!5", "361", "-90", "45", "0.", "default.",
     ".jpg", "jpg", "default.gif", "color", "default.jpg.png", "1e3,", ",", "%", "1,2,3", "pct:5,5,5,5", "info.json"]
)  # fmt: skip


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(position=st.integers(0, 3), word=WORDS | NEARLY)
async def test_nonsense_is_400(hub: Hub, position: int, word: str) -> None:
    if not hasattr(hub, "nonsense_picture"):
        hub.nonsense_picture = (await hub.picture(await hub.group(), pictures.png())).id  # type: ignore[attr-defined]
    parts = list(VALID)
    parts[position] = word
    try:
        read_rendition(WrittenParameters(*parts), whole=Size(64, 48))
        expected = {200}
    except BadRequest:
        expected = {400}
    if word in {".", ".."} or (position == 3 and word.endswith("/")):
        return  # not the path that is sent
    path = "/".join(quote(part, safe="") for part in parts)
    answer = await hub.http.get(f"/iiif/3/{hub.nonsense_picture}/{path}")  # type: ignore[attr-defined]
    assert answer.status_code in expected, (parts, answer.text)
    if expected == {400}:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]
