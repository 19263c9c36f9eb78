"""Heatmaps of predictions: which label, whether there can be one, and making it or finding the one that was kept.

The model runs again on the kept picture, with its class-activation maps as output. So a prediction costs nothing more,
and neither does the link to a heatmap that nobody opens. No gradients are needed: behind global average pooling the
weights of the last linear layer, applied to the activations before it, are the map (Zhou et al., CVPR 2016), and the
graph itself contains that product.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from inference_service.heatmaps.drawing import DRAWING_VERSION, Legend
from inference_service.model_repository.catalog import ModelVersion
from inference_service.model_repository.tensors import PREPROCESSING_VERSION
from inference_service.predictions.models import Prediction
from inference_service.renditions.answers import ShownPicture
from inference_service.renditions.service import Charge, LoadPicture, etag
from inference_service.state import Services
from lightbox_shared.errors import InvalidRequest, NotFound
from lightbox_shared.images import MediaType, PictureError
from lightbox_shared.requests.disconnect import Client
from lightbox_shared.storage.blobs import BlobMissing

LONGEST_FINDING: Final = 200
"""Characters of the name of a finding in a query."""

NOT_KEPT: Final = "The picture of this prediction is not kept here."


class NoHeatmap(NotFound):
    """There is no heatmap of this prediction. The detail says why."""

    code = "no-heatmap"


@dataclass(frozen=True, slots=True)
class Heatmap:
    """A heatmap that can be made, if the picture is there."""

    prediction: Prediction
    picture_sha256: bytes
    version: ModelVersion
    label: str

    @property
    def recipe(self) -> str:
        """All that the drawn pixels depend on beside the picture."""
        versions = f"{DRAWING_VERSION}/{PREPROCESSING_VERSION}/{self.prediction.preprocessing_version}"
        return f"heatmap/{versions}/{self.prediction.model_sha256.hex()}/{self.label}"


def heatmap_of(
    services: Services,
    prediction: Prediction,
    finding: str | None,
    *,
    picture_sha256: bytes | None,
    system: str | None = None,
) -> Heatmap:
    """The heatmap of a prediction for a finding, by default for the likeliest one.

    `picture_sha256` is the picture that is kept for those who ask, None if there is none: that others have stored the
    same bytes is nothing that they may learn. A finding is a label of the model, or for a system also the field that is
    answered by the label. Raises `NoHeatmap` without a picture, or if the model is not there any more or makes none,
    and `InvalidRequest` for a finding that it does not score.
    """
    version = services.catalog.find(f"{prediction.model_name}/{prediction.model_version}")
    if version is None or bytes.fromhex(version.description.sha256) != prediction.model_sha256:
        raise NoHeatmap("The model that made this prediction is not installed any more.")
    output = version.description.output
    if output.class_activation is None:
        raise NoHeatmap(f"The model {version.identity} has no class-activation output.")
    fields = {label: label for label in output.labels} if system is None else version.description.serves.get(system, {})
    scored = {field: label for field, label in fields.items() if label in prediction.scores}
    if not scored:
        raise NoHeatmap(f"The model {version.identity} has other labels now than when it made this prediction.")
    if picture_sha256 is None:
        raise NoHeatmap(NOT_KEPT)
    return Heatmap(prediction, picture_sha256, version, _chosen_label(finding, scored, prediction.scores))


def can_be_made(services: Services, prediction: Prediction) -> bool:
    """Whether there is a heatmap of a prediction that an account made."""
    try:
        heatmap_of(services, prediction, None, picture_sha256=prediction.picture_sha256)
    except NoHeatmap:
        return False
    return True


def _chosen_label(finding: str | None, fields: Mapping[str, str], scores: Mapping[str, float]) -> str:
    if finding is None:
        return max(fields.values(), key=scores.__getitem__)
    label = fields.get(finding, finding)
    if label not in fields.values():
        raise InvalidRequest.of("finding", f"This must be one of {', '.join(fields)}.", "query")
    return label


def shown(services: Services, heatmap: Heatmap, client: Client, charge: Charge | None = None) -> ShownPicture:
    """The heatmap as a PNG, which is kept if `charge` finds room for it. Loading raises `NoHeatmap` if the picture is
    not kept, and `Unavailable` if too many pictures are waiting."""
    digest = heatmap.picture_sha256
    load = partial(_load, services, heatmap, client, charge)
    return ShownPicture(MediaType.PNG.value, etag(digest, heatmap.recipe), load)


async def _load(services: Services, heatmap: Heatmap, client: Client, charge: Charge | None) -> bytes:
    async def make(load: LoadPicture) -> bytes:
        model = await services.engine.load(heatmap.version)
        legend = Legend(heatmap.label, heatmap.prediction.scores[heatmap.label])
        return await services.predictor.heatmap(load, model, legend)

    try:
        digest = heatmap.picture_sha256
        async with client.present():
            return await services.renditions.kept_or_made(digest, heatmap.recipe, make, charge)
    except BlobMissing as error:
        raise NoHeatmap(NOT_KEPT) from error
    except PictureError as error:
        raise NoHeatmap(f"The picture of this prediction can't be read any more. {error}") from error
