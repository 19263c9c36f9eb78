"""Heatmaps: the picture in grey, over it a class-activation map in colour, and above both a legend.

A class-activation map (Zhou et al., CVPR 2016) says how much each cell of the picture adds to the logit of a label. The
colours go from 0 to the largest value of this map, and with them the opacity; where a cell adds nothing, the picture is
left as it is. So the colours compare places in one picture. They do not compare pictures: how likely the finding is
stands in the legend as the score.

Known limits: a cell is as coarse as the network's last layer makes it (a sixteenth of the input for the bundled ones),
and Pillow's built-in font has Latin letters only.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from inference_service.heatmaps.colours import INFERNO
from inference_service.heatmaps.png import encode_rgb

Map = npt.NDArray[np.float32]
Size = tuple[int, int]
Crop = Literal["center", "none"]

DRAWING_VERSION: Final = "1"
"""To be changed together with anything that changes the drawn pixels: heatmaps are kept under it."""
LONGEST_EDGE: Final = 448
"""Pixels of the longer edge at most. Most of the time goes into encoding, which is proportional to the area."""
NARROWEST: Final = 200
"""Pixels of the width at least, where the height allows it, so that the legend can be read."""

_OPACITY: Final = tuple(round(0.65 * value) for value in range(256))
_FONT_SIZES: Final = (14, 12, 10, 8)
_MARGIN: Final = 5
_BAR_WIDTH: Final = 64


@dataclass(frozen=True, slots=True)
class Legend:
    """What the colours are about."""

    label: str
    score: float

    @property
    def text(self) -> str:
        """Such as "Edema 0.93"; no percentage, since the scores of some models are no probabilities."""
        return f"{self.label} {self.score:.2f}"


def drawn_size(size: Size) -> Size:
    """The width and height of the heatmap of a picture with this (upright) size, in pixels: the same, or scaled to at
    most `LONGEST_EDGE` and at least `NARROWEST`."""
    width, height = size
    factor = min(max(1.0, NARROWEST / width), LONGEST_EDGE / max(size))
    return max(round(width * factor), 1), max(round(height * factor), 1)


def to_drawn_size(picture: Image.Image, size: Size) -> Image.Image:
    """A grey picture (mode "L", or "F" from 0 to 1) in this size and mode "L"."""
    return _eight_bits(picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0))


def draw_heatmap(picture: Image.Image, activations: Map, crop: Crop, legend: Legend) -> bytes:
    """A PNG of the size of a picture (mode "L") with a map (rows, columns) over the part of it that the model has seen:
    the square in its middle, or all of it."""
    drawn = picture.convert("RGB")
    box = seen_by_the_model(drawn.size, crop)
    heat = _heat(activations, (box[2] - box[0], box[3] - box[1]))
    coloured = Image.merge("RGB", [heat.point(table) for table in INFERNO])
    drawn.paste(coloured, box, heat.point(_OPACITY))
    _add_legend(drawn, legend)
    return encode_rgb(np.asarray(drawn))


def seen_by_the_model(size: Size, crop: Crop) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the part of a picture that becomes the input of a model, as in preprocessing."""
    width, height = size
    if crop == "none":
        return 0, 0, width, height
    side = min(size)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _heat(activations: Map, size: Size) -> Image.Image:
    """The map in mode "L": 0 for what is not positive, 255 for its largest value."""
    smooth = np.asarray(Image.fromarray(activations).resize(size, Image.Resampling.BICUBIC))
    top = float(smooth.max())
    if not 0 < top < np.inf:
        return Image.new("L", size)
    return Image.fromarray(np.rint(np.clip(smooth, 0, None) * np.float32(255 / top)).astype(np.uint8))


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode == "L":
        return image
    return Image.fromarray(np.rint(np.clip(np.asarray(image), 0, 1) * np.float32(255)).astype(np.uint8))


def _add_legend(drawn: Image.Image, legend: Legend) -> None:
    """A dark strip along the upper edge, where a chest X-ray has the least: the label with its score, and the colours
    from 0 to the most."""
    font, font_size = _fitting_font(legend.text, drawn.width - _BAR_WIDTH - 3 * _MARGIN)
    strip = Image.new("RGB", (drawn.width, min(font_size + 2 * _MARGIN, drawn.height)))
    writer = ImageDraw.Draw(strip)
    writer.text((_MARGIN, strip.height / 2), legend.text, (255, 255, 255), font=font, anchor="lm")
    bar = Image.linear_gradient("L").rotate(90, expand=True).resize((_BAR_WIDTH, max(strip.height - 2 * _MARGIN, 1)))
    left = max(strip.width - _BAR_WIDTH - _MARGIN, 0)
    strip.paste(Image.merge("RGB", [bar.point(table) for table in INFERNO]), (left, _MARGIN))
    writer.rectangle((left - 1, _MARGIN - 1, left + _BAR_WIDTH, strip.height - _MARGIN), outline=(160, 160, 160))
    drawn.paste(strip, (0, 0))


def _fitting_font(text: str, room: int) -> tuple[ImageFont.FreeTypeFont | ImageFont.ImageFont, int]:
    """The largest font in which the text has at most `room` pixels, or the smallest; and its size in pixels."""
    for size in _FONT_SIZES:
        font = ImageFont.load_default(size)
        if size == _FONT_SIZES[-1] or font.getlength(text) <= room:
            return font, size
    raise AssertionError
