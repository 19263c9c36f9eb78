"""The pixels of heatmaps: colours, size, place, legend, and the encoder."""

from io import BytesIO

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from inference_service.heatmaps.colours import INFERNO
from inference_service.heatmaps.drawing import (
    LONGEST_EDGE,
    NARROWEST,
    Legend,
    draw_heatmap,
    drawn_size,
    seen_by_the_model,
    to_drawn_size,
)
from inference_service.heatmaps.png import encode_rgb

EDEMA = Legend("Edema", 0.934)
STRIP = 24  # lines of the legend


def opened(png: bytes) -> npt.NDArray[np.int16]:
    with Image.open(BytesIO(png), formats=["PNG"]) as image:
        assert image.mode == "RGB"
        return np.asarray(image).astype(np.int16)


def coloured(pixels: npt.NDArray[np.int16]) -> npt.NDArray[np.bool_]:
    """Where pixels are not grey."""
    return np.asarray(np.ptp(pixels, axis=2) > 0)


def lightness(colours: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """CIE 1976 L* (0 to 100) of sRGB components (0 to 1), by IEC 61966-2-1 and CIE 15."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722])
    return np.asarray(np.where(luminance > 216 / 24389, 116 * np.cbrt(luminance) - 16, luminance * 24389 / 27))


def test_equal_steps_of_the_value_are_equal_steps_of_lightness() -> None:
    values = lightness(np.array(INFERNO, dtype=np.float64).T / 255)
    assert values.shape == (256,)
    assert values[0] < 1
    assert values[-1] > 97
    assert (np.diff(values[::4]) > 0).all()
    steps = np.diff(values[16::8])  # nearer to black L* itself is not even
    assert steps.min() > 0.8 * steps.mean()
    assert steps.max() < 1.25 * steps.mean()


@settings(deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))))
def test_what_was_encoded_is_read(pixels: npt.NDArray[np.uint8]) -> None:
    assert np.array_equal(opened(encode_rgb(pixels)), pixels)


@given(st.tuples(st.integers(1, 10_000), st.integers(1, 10_000)))
def test_the_size_is_that_of_the_picture_or_has_its_proportions(size: tuple[int, int]) -> None:
    drawn = drawn_size(size)
    assert 1 <= max(drawn) <= LONGEST_EDGE
    assert drawn[0] >= NARROWEST or max(drawn) == LONGEST_EDGE
    if size[0] >= NARROWEST and max(size) <= LONGEST_EDGE:
        assert drawn == size
    factor = max(drawn) / max(size)
    assert all(abs(now - before * factor) <= 0.51 or now == 1 for now, before in zip(drawn, size, strict=True))


@settings(deadline=None)
@given(
    st.tuples(st.integers(NARROWEST, 448), st.integers(60, 448)),
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    st.sampled_from(["center", "none"]),
    st.data(),
)
def test_colours_are_where_the_map_is_positive_and_the_model_looks(
    size: tuple[int, int], cells: tuple[int, int], crop: str, data: st.DataObject
) -> None:
    """One positive cell colours a place around it, and nothing outside of the part that the model has seen."""
    row, column = data.draw(st.integers(0, cells[0] - 1)), data.draw(st.integers(0, cells[1] - 1))
    activations = np.full(cells, -1.0, dtype=np.float32)
    activations[row, column] = 3.0
    drawn = opened(draw_heatmap(Image.new("L", size, 128), activations, crop, EDEMA))  # type: ignore[arg-type]
    assert drawn.shape == (size[1], size[0], 3)
    left, top, right, bottom = seen_by_the_model(size, crop)  # type: ignore[arg-type]
    y = top + (row + 0.5) * (bottom - top) / cells[0]
    x = left + (column + 0.5) * (right - left) / cells[1]
    below = coloured(drawn)[STRIP:]
    if y >= STRIP + 1:
        assert coloured(drawn)[int(y), int(x)]
    below[:, left:right] = False
    assert not below.any()
    far = np.zeros(drawn.shape[:2], dtype=bool)  # further than two cells from it
    reach_y, reach_x = 2 * (bottom - top) / cells[0] + 1, 2 * (right - left) / cells[1] + 1
    far[STRIP:] = True
    far[max(int(y - reach_y), 0) : int(y + reach_y) + 1, max(int(x - reach_x), 0) : int(x + reach_x) + 1] = False
    assert (drawn[far] == 128).all()


@pytest.mark.parametrize("values", [0.0, -2.0, np.nan, np.inf, -np.inf])
def test_a_map_that_says_nothing_leaves_the_picture(values: float) -> None:
    drawn = opened(draw_heatmap(Image.new("L", (300, 200), 90), np.full((4, 4), values, np.float32), "none", EDEMA))
    assert (drawn[STRIP:] == 90).all()


def test_the_legend_names_the_finding_and_its_score() -> None:
    def strip(legend: Legend, width: int = 448) -> npt.NDArray[np.int16]:
        return opened(draw_heatmap(Image.new("L", (width, 100)), np.ones((2, 2), np.float32), "none", legend))[:STRIP]

    assert EDEMA.text == "Edema 0.93"
    texts = [strip(Legend(label, score))[:, :370] for label in ("Edema", "Edemas", "") for score in (0.93, 0.94)]
    assert len({text.tobytes() for text in texts}) == len(texts)
    assert not any(coloured(text).any() for text in texts)
    bar = strip(EDEMA)[STRIP // 2, 448 - 5 - 64 : 448 - 5]
    table = np.array(INFERNO).T
    assert np.abs(bar - table[np.linspace(0, 255, 64).astype(int)]).max() < 12
    # Whatever its length is, it fits beside the colours or is cut off by them.
    for length in (1, 10, 40, 400):
        narrow = strip(Legend("W" * length, 0.5), NARROWEST)
        assert coloured(narrow)[:18, :128].sum() == 0
        assert (narrow[:12, :128] > 200).any()


@pytest.mark.parametrize("mode", ["L", "F"])
def test_pictures_of_eight_bits_and_of_floats(mode: str) -> None:
    values = np.tile(np.linspace(0, 1, 600, dtype=np.float32), (300, 1))
    picture = Image.fromarray(values if mode == "F" else np.rint(values * 255).astype(np.uint8))
    drawn = np.asarray(to_drawn_size(picture, (300, 150)))
    expected = (np.arange(300) + 0.5) / 300 * 255
    assert np.abs(drawn - expected).max() < 2
