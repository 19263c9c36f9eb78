"""From a picture to the numbers that go into a model, and from the numbers that come out to scores.

`PREPROCESSING_VERSION` is part of each prediction's record: it changes whenever the same bytes could become other
numbers.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

from inference_service.model_repository.description import InputDescription, OutputDescription
from lightbox_shared.images import GreyPicture

PREPROCESSING_VERSION = "1"

Tensor = npt.NDArray[np.float32]


def to_tensor(picture: GreyPicture, wanted: InputDescription) -> Tensor:
    """The picture as float32 (channels, height, width): cropped, resized with antialiasing, mapped to the range."""
    image = picture.image
    if wanted.crop == "center" and image.width != image.height:
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    if image.size != (wanted.width, wanted.height):
        image = image.resize((wanted.width, wanted.height), Image.Resampling.BILINEAR)
    grey = np.asarray(image, dtype=np.float32)
    if image.mode == "L":
        grey = grey / np.float32(255)
    low, high = wanted.range
    grey = grey * np.float32(high - low) + np.float32(low)
    tensor = np.repeat(grey[np.newaxis], wanted.channels, axis=0)
    if wanted.mean is not None and wanted.std is not None:
        mean = np.array(wanted.mean, dtype=np.float32)[:, np.newaxis, np.newaxis]
        std = np.array(wanted.std, dtype=np.float32)[:, np.newaxis, np.newaxis]
        tensor = (tensor - mean) / std
    return np.ascontiguousarray(tensor, dtype=np.float32)


def to_scores(raw: Tensor, given: OutputDescription) -> dict[str, float]:
    """One row of the output, (labels,), as a score in [0, 1] by label; computed in double precision."""
    values = raw.astype(np.float64)
    if given.activation == "sigmoid":
        # Both forms are exact where the other overflows.
        small = np.exp(-np.abs(values))
        values = np.where(values >= 0, 1 / (1 + small), small / (1 + small))
    elif given.activation == "softmax":
        powers = np.exp(values - values.max())
        values = powers / powers.sum()
    if given.normalization == "operating-point":
        values = _normalize(values, np.array(given.thresholds, dtype=np.float64))
    values = np.clip(values, 0.0, 1.0)
    return {label: float(value) for label, value in zip(given.labels, values, strict=True) if label}


def _normalize(scores: npt.NDArray[np.float64], points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """TorchXRayVision's op_norm (Cohen et al. 2022): the operating point becomes 0.5."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(scores < points, scores / (2 * points), 1 - (1 - scores) / (2 * (1 - points)))
