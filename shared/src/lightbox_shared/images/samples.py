"""The samples of a decoded picture, and the two ways in which they are looked at.

A model reads `grey()`, people see `shown()`. Both come from the same samples. Where they differ it is by design:

- The model reads all bits of a sample, people see the eight highest (rounded).
- Behind what is transparent the model reads black, as around a radiograph; browsers show the page there.
- The model reads the stored samples, or their luminance (ITU-R BT.601) in colours; for people the colour profile of the
  file goes with them. Inks are turned into light by their profile for both.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops

from lightbox_shared.images.colours import to_srgb
from lightbox_shared.images.orientation import upright_image, upright_values
from lightbox_shared.images.windows import GreyValues, Values, Window, WindowNotApplicable

DeepValues = npt.NDArray[np.uint16] | npt.NDArray[np.float32]
_LUMINANCE: Final = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_GREY_MODES: Final = frozenset({"L", "LA"})
_ROWS_AT_ONCE: Final = 256
"""Of a deep picture, so that its values as numbers of 32 bits don't take twice the memory of the picture."""


@dataclass(frozen=True, slots=True)
class EightBitSamples:
    """Samples of 8 bits, as Pillow has them."""

    image: Image.Image
    """Of mode "L", "LA", "RGB", "RGBA" or "CMYK"."""

    bits = 8

    @property
    def mode(self) -> str:
        """As Pillow names what the samples are."""
        return self.image.mode

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.image.size

    def windowed(self, _window: Window) -> "EightBitSamples":
        """Raises `WindowNotApplicable`: they are what is shown."""
        raise WindowNotApplicable("The picture has 8 bits a sample, to which no window applies.")

    def grey_values(self) -> GreyValues | None:
        """None, as a window can't be applied to them."""
        return None

    def upright(self, orientation: int) -> "EightBitSamples":
        """Turned by an orientation."""
        return EightBitSamples(upright_image(self.image, orientation))

    def grey(self, profile: bytes | None) -> Image.Image:
        """Of mode "L"."""
        image = to_srgb(self.image, profile) if self.image.mode == "CMYK" else self.image
        grey = image if image.mode == "L" else image.convert("L")
        return ImageChops.multiply(grey, image.getchannel("A")) if image.mode in {"LA", "RGBA"} else grey

    def shown(self, profile: bytes | None) -> tuple[Image.Image, bytes | None]:
        """Of mode "L", "RGB" or "RGBA", and the profile of these pixels. `profile` suits the samples."""
        if self.image.mode == "CMYK":
            return to_srgb(self.image, profile), None
        if self.image.mode != "LA":
            return self.image, profile
        if profile is None:
            return self.image.convert("RGBA"), None
        grey = to_srgb(self.image.getchannel("L"), profile).convert("RGB")
        grey.putalpha(self.image.getchannel("A"))
        return grey, None


@dataclass(frozen=True, slots=True)
class DeepSamples:
    """Samples of more than 8 bits, or of another number than Pillow has a place for."""

    values: DeepValues
    """Shape (height, width) for grey, (height, width, 2) with alpha, (height, width, 3 or 4) for colours."""
    white: float
    """The largest value; 0 is black."""
    is_inverted: bool = False
    """Whether the samples of the file are `white` less these values: there 0 is white."""

    bits = 16

    @property
    def mode(self) -> str:
        """As Pillow names what the samples are, if they had 8 bits."""
        return "L" if self.values.ndim == 2 else {2: "LA", 3: "RGB", 4: "RGBA"}[self.values.shape[2]]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.values.shape[1], self.values.shape[0]

    def upright(self, orientation: int) -> "DeepSamples":
        """Turned by an orientation."""
        return replace(self, values=upright_values(self.values, orientation))

    def windowed(self, window: Window) -> "DeepSamples":
        """Through a window on the samples as the file has them, which are whole numbers; transparency stays. Raises
        `WindowNotApplicable` for colours."""
        if self.mode not in _GREY_MODES:
            raise WindowNotApplicable("The picture is in colour, to which no window applies.")
        table = np.clip(window(self._as_stored(np.arange(self.white + 1))), 0, 1)
        table = (1 - table if self.is_inverted else table).astype(np.float32)
        values = self.values.astype(np.uint16, copy=False)
        shown = np.empty(values.shape, np.float32)
        for top in range(0, len(shown), _ROWS_AT_ONCE):
            rows = slice(top, top + _ROWS_AT_ONCE)
            if values.ndim == 2:
                np.take(table, values[rows], out=shown[rows], mode="clip")
            else:
                shown[rows, :, 0] = table[values[rows, :, 0]]
                shown[rows, :, 1] = values[rows, :, 1] / np.float32(self.white)
        return DeepSamples(shown, 1.0)

    def grey_values(self) -> GreyValues | None:
        """The samples of a grey picture as the file has them; None for colours."""
        if self.mode not in _GREY_MODES:
            return None
        grey = self.values if self.values.ndim == 2 else self.values[..., 0]
        lowest, highest = sorted(map(float, self._as_stored(np.array([grey.min(), grey.max()]))))
        return GreyValues(lowest, highest, Window.whole_range(0, self.white))

    def _as_stored(self, values: npt.NDArray[Any]) -> Values:
        return (self.white - values if self.is_inverted else values).astype(np.float64)

    def grey(self, _profile: bytes | None) -> Image.Image:
        """Of mode "F", 0 black to 1 white."""
        if self.values.ndim == 2 and self.values.dtype == np.float32 and self.white == 1:
            return Image.fromarray(self.values)
        grey = np.empty(self.values.shape[:2], dtype=np.float32)
        for top in range(0, len(grey), _ROWS_AT_ONCE):
            part = self.values[top : top + _ROWS_AT_ONCE].astype(np.float32) / np.float32(self.white)
            if part.ndim == 3:
                colours = part[..., : 1 if part.shape[2] == 2 else 3]
                luminance = colours[..., 0] if colours.shape[2] == 1 else colours @ _LUMINANCE
                part = luminance * part[..., -1] if part.shape[2] in {2, 4} else luminance
            grey[top : top + _ROWS_AT_ONCE] = part
        return Image.fromarray(grey)

    def shown(self, profile: bytes | None) -> tuple[Image.Image, bytes | None]:
        """As `EightBitSamples.shown`."""
        eight = np.empty(self.values.shape, dtype=np.uint8)
        for top in range(0, len(eight), _ROWS_AT_ONCE):
            part = self.values[top : top + _ROWS_AT_ONCE].astype(np.float32) * np.float32(255 / self.white)
            eight[top : top + _ROWS_AT_ONCE] = np.rint(part)
        return EightBitSamples(Image.fromarray(eight)).shown(profile)


Samples = EightBitSamples | DeepSamples
