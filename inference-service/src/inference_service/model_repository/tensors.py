"""Preprocessing of pictures to input tensors, and postprocessing of output tensors to scores.

`PREPROCESSING_VERSION` is recorded with each prediction. It must be changed together with any code that could make
another tensor of the same bytes.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

from inference_service.model_repository.description import InputDescription, OutputDescription
from lightbox_shared.images import GreyPicture

PREPROCESSING_VERSION = "2"

Tensor = npt.NDArray[np.float32]


def to_tensor(picture: GreyPicture, target: InputDescription) -> Tensor:
    """The input tensor of a picture, float32 (channels, height, width): cropped, resized with antialiasing, scaled."""
    image = picture.image
    if target.crop == "center" and image.width != image.height:
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    if image.size != (target.width, target.height):
        image = image.resize((target.width, target.height), Image.Resampling.BILINEAR)
    grey = np.asarray(image, dtype=np.float32)
    if image.mode == "L":
        grey = grey / np.float32(255)
    low, high = target.range
    grey = grey * np.float32(high - low) + np.float32(low)
    tensor = np.repeat(grey[np.newaxis], target.channels, axis=0)
    if target.mean is not None and target.std is not None:
        mean = np.array(target.mean, dtype=np.float32)[:, np.newaxis, np.newaxis]
        std = np.array(target.std, dtype=np.float32)[:, np.newaxis, np.newaxis]
        tensor = (tensor - mean) / std
    return np.ascontiguousarray(tensor, dtype=np.float32)


def to_scores(raw: Tensor, given: OutputDescription) -> dict[str, float]:
    """The scores in [0, 1] by label, from one row of the output of shape (labels,). Computed in double precision."""
    values = raw.astype(np.float64)
    if given.activation == "sigmoid":
        # Of the two forms of the sigmoid each is used where the other one would overflow.
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
    """Scale scores so that the operating points become 0.5, as TorchXRayVision's op_norm does (Cohen et al. 2022)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(scores < points, scores / (2 * points), 1 - (1 - scores) / (2 * (1 - points)))
